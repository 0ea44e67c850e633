"""The command `openai-wandb gateway`: checks its arguments and runs until SIGTERM or SIGINT."""

import asyncio
import logging
import os
import sys
from typing import Final

from otel_openai_wandb._gateway.options import Given, Options, OptionsError, checked
from otel_wandb._interface.install import DELIVERING_WANDB, unmet

log: Final = logging.getLogger(__name__)

_FAILED: Final = 1
_IMPOSSIBLE: Final = 2
_PACKAGES: Final = (
    *("opentelemetry-sdk", "wandb", "opentelemetry-proto", "googleapis-common-protos"),
    *("grpcio", "uvicorn", "prometheus-client"),
)


def run(given: Given) -> int:
    """Serve until SIGTERM or Ctrl-C. Returns exit code 0, 1 if the disk failed, or 2 if the gateway cannot start."""
    lacks = unmet("The gateway", "gateway", _PACKAGES, DELIVERING_WANDB)
    if lacks is not None:
        return _refuse(lacks)
    from otel_wandb._interface.otlp import has_fast_protobuf

    if not has_fast_protobuf():
        return _refuse(
            "protobuf is installed without its compiled part, and would read 200 times slower. Install it from a "
            "wheel, and unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION."
        )
    try:
        options = checked(given, os.environ)
    except OptionsError as error:
        return _refuse(f"{error}.")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    return _serve(options)


def _serve(options: Options) -> int:
    from otel_openai_wandb._gateway.feeding import make_intakes
    from otel_openai_wandb._gateway.receiving.accepting import Limits
    from otel_openai_wandb._gateway.running import serve
    from otel_openai_wandb._gateway.spool.spool import SpoolFailedError
    from otel_wandb._interface.exporter import read_settings

    stop_seconds = read_settings(os.environ).exit_timeout
    limits = Limits(body_bytes=options.body_bytes, bodies_bytes=4 * options.body_bytes)
    try:
        is_written = asyncio.run(serve(options, make_intakes(options), _say, limits=limits, stop_seconds=stop_seconds))
    except OptionsError as error:
        return _refuse(f"{error}.")
    except SpoolFailedError as error:
        sys.stderr.write(f"{error}.\n")
        return _FAILED
    if not is_written:
        log.warning(
            "not everything was written within %g seconds; the rest stays in the spool for the next start", stop_seconds
        )
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _refuse(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return _IMPOSSIBLE
