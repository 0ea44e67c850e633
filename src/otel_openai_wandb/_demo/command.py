"""The command `openai-wandb demo`: checks that the packages are installed, and runs a session."""

import sys
from typing import Final

from opentelemetry.instrumentation.dependencies import get_dependency_conflicts

from otel_openai_v0 import OpenAIInstrumentor
from otel_wandb._interface.install import how_to_install, missing_of

_NEEDED: Final = ("openai", "numpy", "wandb", "rich", "opentelemetry-sdk")
_IMPOSSIBLE: Final = 2


def run(project: str, *, real: bool = False) -> int:
    """Make the calls, to OpenAI if `real`, and show them. Returns the exit code."""
    lacking = _lacking()
    if lacking is None:
        from otel_openai_wandb._demo.session import CannotRunError, run_session  # imports rich and the SDK

        try:
            return run_session(project, real=real)
        except CannotRunError as error:
            why = str(error)
    else:
        why = f"The demo needs {lacking}: {how_to_install('all')}"
    sys.stderr.write(f"{why}\n")
    return _IMPOSSIBLE


def _lacking() -> str | None:
    missing = missing_of(_NEEDED)
    if missing:
        return " and ".join(missing)
    conflict = get_dependency_conflicts(OpenAIInstrumentor().instrumentation_dependencies())
    return None if conflict is None else f"{conflict.required}, found {conflict.found or 'none'}"
