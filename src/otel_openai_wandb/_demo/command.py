"""The command `openai-wandb demo`: checks what it needs, and drives a session through its steps."""

import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from opentelemetry.instrumentation.dependencies import get_dependency_conflicts

from otel_openai_v0 import OpenAIInstrumentor
from otel_wandb._interface import how_to_install, missing_of

if TYPE_CHECKING:
    from otel_openai_wandb._demo.calls import Step
    from otel_openai_wandb._demo.interrupts import Interrupts
    from otel_openai_wandb._demo.session import Session

_NEEDED: Final = ("openai", "numpy", "wandb", "rich", "opentelemetry-sdk")
_FAILED: Final = 1
_IMPOSSIBLE: Final = 2
_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells report it


def run(project: str, *, real: bool = False) -> int:
    """Make the calls, to OpenAI if `real`, and show them; the command's exit code."""
    lacking = _lacking()
    if lacking is not None:
        return _refused(f"The demo needs {lacking}: {how_to_install('all')}")
    # Only now: they import rich.
    from otel_openai_wandb._demo.calls import STEPS
    from otel_openai_wandb._demo.interrupts import Interrupts
    from otel_openai_wandb._demo.screen import Screen
    from otel_openai_wandb._demo.session import CannotRunError, Session

    interrupts, screen = Interrupts(), Screen(len(STEPS))
    session = Session(project, screen, real=real)
    try:
        with screen:
            _make(session, STEPS, interrupts)
    except CannotRunError as error:
        return _refused(str(error))
    interrupts.ignore()
    session.conclude(interrupted=interrupts.came)
    if interrupts.came:
        return _INTERRUPTED
    return _FAILED if session.failures else 0


def _lacking() -> str | None:
    missing = missing_of(_NEEDED)
    if missing:
        return " and ".join(missing)
    conflict = get_dependency_conflicts(OpenAIInstrumentor().instrumentation_dependencies())
    return None if conflict is None else f"{conflict.required}, found {conflict.found or 'none'}"


def _make(session: "Session", steps: "Iterable[Step]", interrupts: "Interrupts") -> None:
    """All steps, or those that a Ctrl-C leaves time for."""
    try:
        session.load()  # not to be cut short: a module that is half imported fails later
        with suppress(KeyboardInterrupt):
            with interrupts.allowed():
                session.open()
            for step in steps:
                with interrupts.allowed():
                    session.make(step)
                session.show()
    except Exception:
        if not interrupts.came:  # else it is what became of the interrupt inside a library
            raise
    finally:
        session.close()


def _refused(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return _IMPOSSIBLE
