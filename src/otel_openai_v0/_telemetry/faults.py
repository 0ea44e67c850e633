"""Suppresses our own faults, counts them by stage, and logs them once, without content."""

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final

log: Final = logging.getLogger(__name__)


class Faults:
    """Counts our own failures by the stage in which they happened."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a garbage collection may interrupt its own thread
        self._counts: Counter[str] = Counter()
        self._stages: dict[str, Stage] = {}

    def quietly(self, stage: str) -> "Stage":
        """A context manager that suppresses every `Exception` raised inside it.

        `stage` completes the sentence "telemetry was lost while ...".
        """
        found = self._stages.get(stage)
        if found is None:
            found = self._stages[stage] = Stage(self, stage)
        return found

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each stage has failed."""
        with self._lock:
            return dict(self._counts)

    def note(self, stage: str, error: Exception) -> None:
        """Count `error`. Log the first of each stage by type and place, because its message may quote a prompt."""
        with self._lock:
            self._counts[stage] += 1
            first = self._counts[stage] == 1
        level = logging.WARNING if first else logging.DEBUG
        log.log(level, "telemetry was lost while %s: %s at %s", stage, type(error).__qualname__, _place(error))


class Stage:
    """The context manager of one stage. It has no state, so all calls and threads share it."""

    __slots__ = ("_faults", "_name")

    def __init__(self, faults: Faults, name: str) -> None:
        self._faults = faults
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._faults.note(self._name, error)
        return True


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "unknown" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
