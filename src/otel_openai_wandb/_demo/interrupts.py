"""Handles Ctrl-C for the demo: it interrupts the calls, but not the writing of the run."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Raises KeyboardInterrupt at most once, and only inside `allowed()`. `came` says whether Ctrl-C was pressed."""

    def __init__(self) -> None:
        self.came = False
        self._allowed = False
        signal.signal(signal.SIGINT, self._handle)
        self._unraisable = sys.unraisablehook
        sys.unraisablehook = self._swallowed

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """A block that Ctrl-C may interrupt. After an interrupt it raises KeyboardInterrupt at once."""
        self._allowed = True
        try:
            if self.came:
                raise KeyboardInterrupt
            yield
        finally:
            self._allowed = False

    def ignore(self) -> None:
        """Ignore Ctrl-C until the process ends. The interpreter's exit, which is short, keeps no other handler."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        if self._allowed:
            self._allowed = False
            raise KeyboardInterrupt

    def _swallowed(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """Note an interrupt inside a weak reference's callback, which Python would only print."""
        if unraisable.exc_type is not KeyboardInterrupt:
            self._unraisable(unraisable)
