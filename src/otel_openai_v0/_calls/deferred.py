"""Calls that a garbage collection ends: streams that nobody holds any more, coroutines that were thrown away.

A collection may interrupt a thread anywhere, also where it holds a lock of the SDK's, or of an exporter's. Telling them
of an end there would wait for that very thread, for ever; it is done in another one.
"""

import _thread  # what `threading` adds takes locks as well
import atexit
import gc
import os
from collections import deque
from collections.abc import Callable
from typing import Final

_LONGEST_WAIT: Final = 5.0  # seconds, at the exit: an interpreter that ends while a thread writes may abort


class _Garbage:
    """Who collects, and what was put off; one for the process."""

    def __init__(self) -> None:
        self.collector = 0
        self.watchers: set[object] = set()
        self.is_ready = False
        self.waiting: deque[tuple[int, Callable[[], None]]] = deque()  # with the process that it is of
        self.working = _thread.allocate_lock()  # held by the one thread that works

    def note(self, phase: str, _: dict[str, int]) -> None:
        """As `gc.callbacks` takes it."""
        self.collector = _thread.get_ident() if phase == "start" else 0

    def put_off(self, end: Callable[[], None]) -> None:
        self.waiting.append((os.getpid(), end))
        if self.working.acquire(blocking=False):
            try:
                _thread.start_new_thread(self.work, (self.working,))
            except RuntimeError:  # there can be no more threads: it is done at the exit, or by the next one
                self.working.release()

    def work(self, working: _thread.LockType) -> None:
        """In a thread; a greenlet of gevent's lives on in a forked child, with the lock that it has."""
        while True:
            try:
                self.catch_up()
            finally:
                working.release()
            if not self.waiting or not working.acquire(blocking=False):
                return

    def catch_up(self) -> None:
        while self.waiting:
            try:
                process, end = self.waiting.popleft()
            except IndexError:  # another thread was faster
                return
            if process == os.getpid():
                end()

    def finish(self) -> None:
        """At the exit: afterwards no thread is started."""
        self.catch_up()
        self.working.acquire(timeout=_LONGEST_WAIT)

    def forget(self) -> None:
        """In a forked child, which has neither the thread that collects nor the one that works."""
        self.collector = 0
        self.waiting.clear()
        self.working = _thread.allocate_lock()


_GARBAGE: Final = _Garbage()
_NOTE: Final = _GARBAGE.note


def watch_collections(watcher: object) -> None:
    """Know when a collection is under way, until no watcher is left."""
    _GARBAGE.watchers.add(watcher)
    if _NOTE not in gc.callbacks:
        gc.callbacks.append(_NOTE)
    if not _GARBAGE.is_ready:
        _GARBAGE.is_ready = True
        atexit.register(_GARBAGE.finish)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_GARBAGE.forget)


def unwatch_collections(watcher: object) -> None:
    """Leave nothing behind in `gc.callbacks`."""
    _GARBAGE.watchers.discard(watcher)
    if not _GARBAGE.watchers and _NOTE in gc.callbacks:
        gc.callbacks.remove(_NOTE)
        _GARBAGE.collector = 0  # of a collection whose end we will not be told of


def is_collecting() -> bool | None:
    """Whether a garbage collection has interrupted this very thread; None where nobody watches."""
    if not _GARBAGE.watchers:
        return None
    return _GARBAGE.collector == _thread.get_ident()


def put_off(end: Callable[[], None]) -> None:
    """Call `end` in another thread; at the exit, if there can be none."""
    _GARBAGE.put_off(end)
