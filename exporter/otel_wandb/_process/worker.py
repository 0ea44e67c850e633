"""A thread that takes items one by one, wakes up at a time set by its owner, and ends in bounded time."""

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Final, Generic, TypeVar

from opentelemetry.instrumentation.utils import suppress_instrumentation

log: Final = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Flush:
    done: threading.Event
    last: bool


class Worker(Generic[T]):
    """Runs `take(item)` for each item, `wake()` when `due()` is reached, and `flush()` on request.

    A fault in one of them is logged, and the next item is taken. The queue is a SimpleQueue, because a garbage
    collection that interrupts its `get` may call its `put`, as when an abandoned stream ends its span. The thread is a
    daemon, so its owner flushes it at an exit. Instrumentation is suppressed in the thread, so that wandb's requests do
    not become spans.
    """

    def __init__(
        self,
        name: str,
        take: Callable[[T], None],
        *,
        flush: Callable[[], None],
        wake: Callable[[], None],
        due: Callable[[], float | None],
    ) -> None:
        self._take = take
        self._flush = flush
        self._wake = wake
        self._due = due
        self._inbox: queue.SimpleQueue[T | _Flush] = queue.SimpleQueue()
        self._stopped = False
        self._thread: Final = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Queue an item. Never blocks."""
        self._inbox.put(item)

    def flush(self, timeout: float) -> bool:
        """Wait until all queued items are done. Returns False if that takes longer than `timeout` seconds."""
        return self._ask(timeout, last=False)

    def stop(self, timeout: float) -> bool:
        """Flush, and end the thread. After `timeout` seconds it ends with its current item. Returns as `flush`."""
        stopped = self._ask(timeout, last=True)
        self._stopped = True
        return stopped

    def abandon(self) -> None:
        """End the thread after its current item. The other items are not taken."""
        self._stopped = True
        self._inbox.put(_Flush(threading.Event(), last=True))

    def _ask(self, timeout: float, *, last: bool) -> bool:
        if self._stopped or not self._thread.is_alive():
            return self._stopped
        if threading.current_thread() is self._thread:  # called from inside the worker
            return False
        request = _Flush(threading.Event(), last)
        self._inbox.put(request)
        return request.done.wait(max(0.0, timeout))

    def _work(self) -> None:
        with suppress_instrumentation():
            while self._step():
                if self._stopped:  # the remaining items were counted as lost
                    return

    def _step(self) -> bool:
        due = self._due()
        try:
            item = self._inbox.get(timeout=None if due is None else max(0.0, due - monotonic()))
        except queue.Empty:
            self._safely(self._wake)
            return True
        if self._stopped:
            return False
        if isinstance(item, _Flush):
            self._safely(self._flush)
            item.done.set()
            return not item.last
        self._safely(partial(self._take, item))
        due = self._due()
        if due is not None and due <= monotonic():
            self._safely(self._wake)
        return True

    def _safely(self, action: Callable[[], None]) -> None:
        """Run `action`. An exception is logged by its type only, because its message may quote a prompt."""
        try:
            action()
        except Exception as error:  # noqa: BLE001
            log.warning("a fault in %s: %s", self._thread.name, type(error).__qualname__)
