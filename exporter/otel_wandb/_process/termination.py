"""Holds a SIGTERM back until everything is written. By default it ends a program at once.

The program runs on while a thread writes. So a server continues to serve, and no lock of the program can block us. Then
the signal is sent again, to the program's own handler or the system's. A handler that is installed later gets the
signal before ours. uvicorn, for example, restores our handler and sends the signal again when it has ended.
"""

import _thread
import enum
import os
import signal
import threading
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Final, Protocol

_MOST_SECONDS: Final = 10.0  # most supervisors kill after 30


class Writer(Protocol):
    """Something with data to write."""

    def write_before_termination(self, timeout: float) -> None:
        """Write everything received so far, within `timeout` seconds."""


class _State(enum.Enum):
    IDLE = enum.auto()
    WRITING = enum.auto()
    WRITTEN = enum.auto()


class Termination:
    """The handler of one process. The main thread calls its methods, except for `_write`."""

    def __init__(self) -> None:
        self._writers: weakref.WeakSet[Writer] = weakref.WeakSet()
        self._previous: Callable[[int, FrameType | None], object] | signal.Handlers = signal.SIG_DFL
        self._state = _State.IDLE
        self._written = threading.Event()

    def write_first(self, writer: Writer) -> None:
        """Have `writer` write before a SIGTERM ends the program. Does nothing outside the main thread.

        A program that ignores the signal, or handles it outside of Python, is left alone.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        current = signal.getsignal(signal.SIGTERM)
        if current is None or current is signal.SIG_IGN:
            return
        self._writers.add(writer)
        if current != self._handle:
            self._previous = current if callable(current) else signal.SIG_DFL
            signal.signal(signal.SIGTERM, self._handle)

    def forget(self) -> None:
        """Reset the state in a forked child, because the writing thread belongs to the parent."""
        self._state = _State.IDLE

    def settle(self, timeout: float) -> None:
        """Wait at most `timeout` seconds while a signal is held back. Call this at the end of a program."""
        if self._state is _State.WRITING:
            self._written.wait(max(0.0, timeout))

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._state is _State.IDLE and len(self._writers):
            self._state = _State.WRITING
            self._written.clear()
            try:
                # `threading.Thread` takes locks, which the interrupted main thread may hold
                _thread.start_new_thread(self._write, ())
            except RuntimeError:  # the interpreter is exiting
                pass
            else:
                return
        self._state = _State.IDLE
        if callable(self._previous):
            self._previous(number, frame)
        else:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _write(self) -> None:
        try:
            for writer in list(self._writers):
                writer.write_before_termination(_MOST_SECONDS)
        finally:
            if self._state is _State.WRITING:  # else a second signal has come, which is not held back
                self._state = _State.WRITTEN
                os.kill(os.getpid(), signal.SIGTERM)
            self._written.set()


TERMINATION: Final = Termination()
"""The only one, because a process has one handler for a signal."""
