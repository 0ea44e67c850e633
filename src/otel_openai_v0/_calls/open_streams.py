"""Ends streams that are still open when the program ends: a loop over one has raised, or a global refers to one.

`weakref.finalize` would end them too late. Its `atexit` callback is registered with the first finalizer of the process.
Callbacks run in reverse order, so exporters and providers that registered later are shut down before it runs.
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
    """The id of the thread that reads it."""

    def ended(self, how: str) -> None:
        """End the stream's call; `how` is a value of `openai.stream.end`."""


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
        # Private; concurrent.futures uses it in Python 3.9 to 3.14. The callback runs before all `atexit` callbacks.
        # It also runs at the end of a child of `multiprocessing`, which runs no `atexit` callbacks.
        register: Callable[[Callable[[], None]], object] | None = getattr(threading, "_register_atexit", None)
        try:
            if register is not None:
                register(self._when_main_is_done)
        except RuntimeError:  # the main thread has ended already
            register = None
        if register is None:
            atexit.register(self._end, frozenset())

    def _when_main_is_done(self) -> None:
        """End the streams, except those that a non-daemon thread reads. The interpreter waits for such threads."""
        going_on = {thread.ident for thread in threading.enumerate() if not thread.daemon}
        self._end(going_on - {threading.get_ident()})
        atexit.register(self._end, frozenset())

    def _end(self, except_for: Collection[int | None]) -> None:
        for stream in self._streams.copy():
            if stream.thread not in except_for:
                with contextlib.suppress(BaseException):  # `redact` may exit; the other streams must end too
                    stream.ended("abandoned")
        settle()


OPEN_STREAMS: Final = OpenStreams()
"""The open streams of this process, of all instrumentations."""
