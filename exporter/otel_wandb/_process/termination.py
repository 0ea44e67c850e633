"""Lets a SIGTERM wait until everything is written. By default it ends a program without notice.

The signal is held back, not handled. The program runs on while a thread writes, so a server goes on serving, and no
lock that the program holds can block us. Then the signal is sent again, to the program's own handler or the system's. A
handler installed later stands in front of ours; uvicorn restores ours and sends the signal again when it is done.
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
        """Write all that is in hand, within `timeout` seconds."""


class _State(enum.Enum):
    IDLE = enum.auto()
    WRITING = enum.auto()
    WRITTEN = enum.auto()


class Termination:
    """The handler of one process. The main thread calls its methods, except for the one that writes."""

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
        """In a forked child: the writing thread belongs to the parent."""
        self._state = _State.IDLE

    def settle(self, timeout: float) -> None:
        """At the end of a program, wait for a signal that is held back."""
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
            if self._state is _State.WRITING:  # else a second signal has come, and was not held back
                self._state = _State.WRITTEN
                os.kill(os.getpid(), signal.SIGTERM)
            self._written.set()


TERMINATION: Final = Termination()
"""A process has one handler for a signal."""
