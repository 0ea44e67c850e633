"""The command `openai-wandb gateway`: checks what it was given, and runs until it is told to stop."""

import asyncio
import logging
import os
import sys
from typing import Final

from otel_openai_wandb._gateway.options import Given, Options, OptionsError, checked
from otel_wandb._interface.install import how_to_install, missing_of

log: Final = logging.getLogger(__name__)

_FAILED: Final = 1
_IMPOSSIBLE: Final = 2
_PACKAGES: Final = (
    *("opentelemetry-sdk", "wandb", "opentelemetry-proto", "googleapis-common-protos"),
    *("grpcio", "uvicorn", "prometheus-client"),
)


def run(given: Given) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit code is 0, 1 if the disk failed, 2 if it cannot be started so."""
    missing = missing_of(_PACKAGES)
    if missing:
        return _refuse(f"The gateway needs {' and '.join(missing)}: {how_to_install('gateway')}")
    from otel_wandb._interface.otlp import has_fast_protobuf
    from otel_wandb._interface.runs import writes_at_once

    if not has_fast_protobuf():
        return _refuse(
            "protobuf is here without its compiled part and would read 200 times slower: install it from a wheel, "
            "and unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION."
        )
    if not writes_at_once():
        return _refuse("The gateway needs wandb 0.31: those before hold back what it must know to be on the disk.")
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
        log.warning("not all was written in %g seconds; the spool has the rest, for the next start", stop_seconds)
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _refuse(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return _IMPOSSIBLE
