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

_waiting: Final[deque[Callable[[], None]]] = deque()
_at_work: Final[list[_thread.LockType]] = []
"""A lock for each thread, which it releases at its end."""
_collecting: Final = [False]


def watch_collections() -> None:
    """Know when a collection is under way; once for the process."""
    if _note not in gc.callbacks:
        gc.callbacks.append(_note)
        atexit.register(_finish)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forget)


def is_collecting() -> bool:
    """Whether a garbage collection is under way, in whichever thread."""
    return _collecting[0]


def put_off(end: Callable[[], None]) -> None:
    """Call `end` in another thread; at the exit, if there can be none."""
    _waiting.append(end)
    working = _thread.allocate_lock()
    working.acquire()
    _at_work.append(working)
    try:
        _thread.start_new_thread(_work, (working,))
    except RuntimeError:
        _at_work.remove(working)


def _note(phase: str, _: dict[str, int]) -> None:
    _collecting[0] = phase == "start"


def _work(working: _thread.LockType) -> None:
    try:
        _catch_up()
    finally:
        working.release()
        _at_work.remove(working)


def _catch_up() -> None:
    while _waiting:
        try:
            end = _waiting.popleft()
        except IndexError:  # another thread was faster
            return
        end()


def _forget() -> None:
    """The threads, and the calls that they end, are those of the parent."""
    _waiting.clear()
    _at_work.clear()


def _finish() -> None:
    _catch_up()
    for working in tuple(_at_work):
        working.acquire(timeout=_LONGEST_WAIT)
