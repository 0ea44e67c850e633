"""The command `openai-wandb kafka`: checks its arguments and runs until SIGTERM or SIGINT."""

import logging
import os
import signal
import sys
from threading import Event
from types import FrameType
from typing import Final

from otel_openai_wandb._kafka.options import Given, Options, OptionsError, checked
from otel_wandb._interface.install import DELIVERING_WANDB, unmet

log: Final = logging.getLogger(__name__)

_FAILED: Final = 1
_IMPOSSIBLE: Final = 2
_PACKAGES: Final = ("opentelemetry-sdk", "wandb", "opentelemetry-proto", "confluent-kafka")


def run(given: Given) -> int:
    """Read until SIGTERM or Ctrl-C. Returns exit code 0, 1 if Kafka or the disk failed, or 2 if it cannot start."""
    lacks = unmet("The consumer", "kafka", _PACKAGES, DELIVERING_WANDB)
    if lacks is not None:
        return _refuse(lacks)
    from otel_wandb._interface.otlp import has_fast_protobuf

    if not has_fast_protobuf():
        return _refuse(
            "protobuf is installed without its compiled part, and would read 200 times slower. Install it from a "
            "wheel, and unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION."
        )
    try:
        options = checked(given)
    except OptionsError as error:
        return _refuse(f"{error}.")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    return _consume(options)


def _consume(options: Options) -> int:
    from confluent_kafka import KafkaException

    from otel_openai_wandb._kafka.consuming import Consuming, KafkaFailedError, make_intakes
    from otel_wandb._interface.exporter import read_settings
    from otel_wandb._interface.intake import UnreadableError

    stop_seconds = read_settings(os.environ).exit_timeout
    stop = _until_signal()
    try:
        consuming = Consuming(options, make_intakes(options))
        sys.stdout.write(f"The consumer reads {options.topic} at {options.brokers}.\n")
        sys.stdout.flush()
        is_written = consuming.run(stop, stop_seconds)
    except (KafkaException, KafkaFailedError) as error:
        sys.stderr.write(f"Kafka: {error}\n")
        return _FAILED
    except (OSError, UnreadableError) as error:
        sys.stderr.write(f"{options.directory}: {error}\n")
        return _FAILED
    if not is_written:
        log.warning("not everything was written within %g seconds; the rest is still in Kafka", stop_seconds)
    return 0


def _until_signal() -> Event:
    """An event that SIGTERM and SIGINT set. A second signal ends the process at once: Kafka keeps the records."""
    stop = Event()

    def on_signal(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stop


def _refuse(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return _IMPOSSIBLE
