"""Ends the streams that a program leaves open when it ends: a loop over one has raised, or a global holds one.

`weakref.finalize` ends them too late. Its `atexit` callback was registered with the first finalizer of the process, and
callbacks run in reverse, so exporters and providers registered after it are shut down by then.
"""

import atexit
import contextlib
import threading
from collections.abc import Callable, Collection
from typing import Final, Protocol

from otel_openai_v0._calls.deferred import settle


class Stream(Protocol):
    """A stream that was not read to its end."""

    thread: int
    """The thread that reads it."""

    def ended(self, how: str) -> None:
        """End its call."""


class OpenStreams:
    """The open streams of a process."""

    def __init__(self) -> None:
        self._streams: set[Stream] = set()
        self._is_registered = False

    def add(self, stream: Stream) -> None:
        """Remember `stream` until it ends."""
        self._streams.add(stream)
        if not self._is_registered:
            self._is_registered = True
            self._register()

    def discard(self, stream: Stream) -> None:
        """Forget a stream that has ended."""
        self._streams.discard(stream)

    def _register(self) -> None:
        # Private, and used by concurrent.futures from 3.9 to 3.14: called before all `atexit` callbacks, and also at
        # the end of a child of `multiprocessing`, which runs none.
        register: Callable[[Callable[[], None]], object] | None = getattr(threading, "_register_atexit", None)
        try:
            if register is not None:
                register(self._when_main_is_done)
        except RuntimeError:  # main is done already
            register = None
        if register is None:
            atexit.register(self._end, frozenset())

    def _when_main_is_done(self) -> None:
        """The interpreter goes on to wait for threads that are no daemons; the streams that they read go on as well."""
        going_on = {thread.ident for thread in threading.enumerate() if not thread.daemon}
        self._end(going_on - {threading.get_ident()})
        atexit.register(self._end, frozenset())

    def _end(self, except_for: Collection[int | None]) -> None:
        for stream in self._streams.copy():
            if stream.thread not in except_for:
                with contextlib.suppress(BaseException):  # of `redact`; others need this moment as well
                    stream.ended("abandoned")
        settle()


OPEN_STREAMS: Final = OpenStreams()
"""A process ends once."""
