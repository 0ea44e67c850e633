"""Ctrl-C as the demo wants it: it ends what may be cut short, and waits while the run is written."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Raises KeyboardInterrupt once, and only inside `allowed()`; `came` remembers one at any time."""

    def __init__(self) -> None:
        self.came = False
        self._allowed = False
        signal.signal(signal.SIGINT, self._handle)
        self._unraisable = sys.unraisablehook
        sys.unraisablehook = self._swallowed

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """A block that may be cut short; it is not begun after an interrupt."""
        self._allowed = True
        try:
            if self.came:
                raise KeyboardInterrupt
            yield
        finally:
            self._allowed = False

    def ignore(self) -> None:
        """For what is left of the process: the interpreter's exit leaves only this as it is, and is soon over."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        if self._allowed:
            self._allowed = False
            raise KeyboardInterrupt

    def _swallowed(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """An interrupt that came inside a weak reference's callback, where Python can only print it."""
        if unraisable.exc_type is not KeyboardInterrupt:
            self._unraisable(unraisable)
