"""Defers the ends of calls that a garbage collection causes: abandoned streams and dropped coroutines.

A collection may interrupt a thread anywhere, even while it holds a lock of the SDK or of an exporter. If the span ended
in that thread, it could wait for its own lock forever. So another thread ends the span.
"""

import _thread  # `threading` would take locks as well
import atexit
import gc
import os
from collections import deque
from collections.abc import Callable
from typing import Final

_LONGEST_WAIT: Final = 5.0  # seconds, at the exit: an interpreter may abort if it ends while a thread writes


class _Garbage:
    """Tracks the collecting thread and queues deferred ends. One for the process."""

    def __init__(self) -> None:
        self.collector = 0
        self.watchers: set[object] = set()
        self.is_ready = False
        self.waiting: deque[tuple[int, Callable[[], None]]] = deque()  # each with the process that queued it
        self.working = _thread.allocate_lock()  # held by the one working thread

    def note(self, phase: str, _: dict[str, int]) -> None:
        """Note the start or stop of a collection. The callback in `gc.callbacks`."""
        self.collector = _thread.get_ident() if phase == "start" else 0

    def put_off(self, end: Callable[[], None]) -> None:
        self.waiting.append((os.getpid(), end))
        if self.working.acquire(blocking=False):
            try:
                _thread.start_new_thread(self.work, (self.working,))
            except RuntimeError:  # no thread can start: a later `put_off` or the exit calls `end`
                self.working.release()

    def work(self, working: _thread.LockType) -> None:
        """Call the waiting ends, in a thread. `working` is an argument because a gevent greenlet survives a fork."""
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

    def settle(self) -> None:
        self.catch_up()
        if self.working.acquire(timeout=_LONGEST_WAIT):
            self.working.release()

    def finish(self) -> None:
        """Call the waiting ends at the exit. The lock is kept, so that no thread is started afterwards."""
        self.catch_up()
        self.working.acquire(timeout=_LONGEST_WAIT)

    def forget(self) -> None:
        """Reset the state in a forked child, which has neither the collecting thread nor the working one."""
        self.collector = 0
        self.waiting.clear()
        self.working = _thread.allocate_lock()


_GARBAGE: Final = _Garbage()
_NOTE: Final = _GARBAGE.note


def watch_collections(watcher: object) -> None:
    """Track collections until the last watcher leaves."""
    _GARBAGE.watchers.add(watcher)
    if _NOTE not in gc.callbacks:
        gc.callbacks.append(_NOTE)
    if not _GARBAGE.is_ready:
        _GARBAGE.is_ready = True
        atexit.register(_GARBAGE.finish)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_GARBAGE.forget)


def unwatch_collections(watcher: object) -> None:
    """Remove a watcher. With the last one, the callback is removed from `gc.callbacks`."""
    _GARBAGE.watchers.discard(watcher)
    if not _GARBAGE.watchers and _NOTE in gc.callbacks:
        gc.callbacks.remove(_NOTE)
        _GARBAGE.collector = 0  # the end of a running collection is no longer reported


def is_collecting() -> bool | None:
    """Whether a garbage collection has interrupted this thread; None if collections are not tracked."""
    if not _GARBAGE.watchers:
        return None
    return _GARBAGE.collector == _thread.get_ident()


def put_off(end: Callable[[], None]) -> None:
    """Call `end` in another thread, or at the exit if no thread can be started."""
    _GARBAGE.put_off(end)


def settle() -> None:
    """Wait until all deferred ends have run, or for five seconds."""
    _GARBAGE.settle()
