"""Lets a SIGTERM wait until everything is written: by default it ends a program without a word to anybody.

The signal is held back, not handled: the program runs on while a thread writes, so that a server goes on serving and no
lock that the program holds can block us. Then the signal is sent again, to whoever would have had it: the program's own
handler, or the system's. A handler that somebody installs later stands in front of ours; uvicorn puts ours back and
sends the signal again when it is done.
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
    """What has something to write."""

    def write_before_termination(self, timeout: float) -> None:
        """Write all that is in hand, within `timeout` seconds."""


class _State(enum.Enum):
    IDLE = enum.auto()
    WRITING = enum.auto()
    WRITTEN = enum.auto()


class Termination:
    """The handler of one process. Its methods are called by the main thread, but for the one that writes."""

    def __init__(self) -> None:
        self._writers: weakref.WeakSet[Writer] = weakref.WeakSet()
        self._previous: Callable[[int, FrameType | None], object] | signal.Handlers = signal.SIG_DFL
        self._state = _State.IDLE
        self._written = threading.Event()

    def write_first(self, writer: Writer) -> None:
        """Have `writer` write before a SIGTERM ends the program; no more than that, and nothing outside a main thread.

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
        """In a forked child: the thread that wrote is the parent's."""
        self._state = _State.IDLE

    def settle(self, timeout: float) -> None:
        """Wait for a signal that is held back, at the end of a program that it should have ended."""
        if self._state is _State.WRITING:
            self._written.wait(max(0.0, timeout))

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._state is _State.IDLE and len(self._writers):
            self._state = _State.WRITING
            self._written.clear()
            try:
                # No `threading.Thread`: the main thread may be interrupted with one of its locks in hand.
                _thread.start_new_thread(self._write, ())
            except RuntimeError:  # the interpreter is on its way out
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
            if self._state is _State.WRITING:  # else a second signal has come, and was not held back
                self._state = _State.WRITTEN
                os.kill(os.getpid(), signal.SIGTERM)
            self._written.set()


TERMINATION: Final = Termination()
"""A process has one handler for a signal."""
