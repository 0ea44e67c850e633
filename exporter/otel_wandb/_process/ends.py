"""Registers for every way in which a process may end or fork: exits, SIGTERM, `multiprocessing`, Celery."""

import atexit
import concurrent.futures.thread  # noqa: F401  # cannot be imported any more by the time an exit starts wandb
import contextlib
import os
import sys
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from otel_wandb._process.termination import TERMINATION


class Owner(Protocol):
    """Something with data to write when the process ends. Registering does not keep it alive."""

    def at_exit(self) -> None:
        """Write everything: the interpreter runs its `atexit` callbacks, or a child of Celery's pool ends."""
        ...

    def before_exit(self) -> None:
        """Do what needs imports or threads: the main thread is done. A child of `multiprocessing` gets no `at_exit`."""
        ...

    def after_fork(self) -> None:
        """In a forked child: threads, locks and runs are the parent's."""
        ...

    def write_before_termination(self, timeout: float) -> None:
        """Write everything within `timeout` seconds: a SIGTERM waits."""
        ...


def register(owner: Owner, *, handle_sigterm: bool) -> None:
    """Call `owner` at each of these. `write_last` and `forget` are about `at_exit`."""
    _call_while_alive(partial(_register_fork, os), owner.after_fork)
    register_celery(owner)
    if handle_sigterm:
        TERMINATION.write_first(owner)
    # Private, and used by concurrent.futures from 3.9 to 3.14: the last moment at which threads can be started.
    before_threads_end = getattr(threading, "_register_atexit", None)
    if before_threads_end is not None:
        with contextlib.suppress(RuntimeError):  # the interpreter is already exiting
            _call_while_alive(before_threads_end, owner.before_exit)


def write_last(owner: Owner) -> None:
    """Call `owner.at_exit` before everything that is registered by now: callbacks run in reverse.

    wandb's own ends the process that writes, and was registered when that started.
    """
    forget(owner)
    atexit.register(owner.at_exit)


def forget(owner: Owner) -> None:
    """Do not call `owner.at_exit`."""
    atexit.unregister(owner.at_exit)


def register_celery(owner: Owner) -> None:
    """Write at the end of a child of Celery's prefork pool, which ends by `os._exit` after sending this signal."""
    signals: Any = sys.modules.get("celery.signals")
    if signals is not None:
        connect = partial(signals.worker_process_shutdown.connect, weak=False, dispatch_uid=id(owner))
        _call_while_alive(lambda call: connect(lambda **_: call()), owner.at_exit)


def is_child() -> bool:
    """Whether this is a process that `multiprocessing` started."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and multiprocessing.parent_process() is not None


def is_spawned() -> bool:
    """Whether it was started anew, and so inherited nothing."""
    return "--multiprocessing-fork" in sys.orig_argv


def _register_fork(system: Any, call: Callable[[], None]) -> None:
    if hasattr(system, "register_at_fork"):  # not on Windows
        system.register_at_fork(after_in_child=call)


def _call_while_alive(register: Callable[[Callable[[], None]], object], method: Callable[[], None]) -> None:
    """Register a bound method without keeping its object alive."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        found = reference()
        if found is not None:
            found()

    register(call)
