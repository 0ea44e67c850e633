"""Registers callbacks for every end and fork of a process: exits, SIGTERM, `multiprocessing`, Celery."""

import atexit
import concurrent.futures.thread  # noqa: F401  # wandb imports it, which is too late during an exit
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
        """Write everything. Called as an `atexit` callback, or at the end of a child of Celery's pool."""
        ...

    def before_exit(self) -> None:
        """Do what needs imports or threads. Called at the end of the main thread, also in a `multiprocessing` child.

        Such a child gets no call of `at_exit`.
        """
        ...

    def after_fork(self) -> None:
        """Reset the state in a forked child, because threads, locks and runs belong to the parent."""
        ...

    def write_before_termination(self, timeout: float) -> None:
        """Write everything within `timeout` seconds, while a SIGTERM is held back."""
        ...


def register(owner: Owner, *, handle_sigterm: bool) -> None:
    """Call `owner` at each of these moments, except for `atexit`; see `write_last`."""
    _call_while_alive(partial(_register_fork, os), owner.after_fork)
    register_celery(owner)
    if handle_sigterm:
        TERMINATION.write_first(owner)
    # Private; concurrent.futures uses it in Python 3.9 to 3.14. It is the last moment at which threads can start.
    before_threads_end = getattr(threading, "_register_atexit", None)
    if before_threads_end is not None:
        with contextlib.suppress(RuntimeError):  # the interpreter is already exiting
            _call_while_alive(before_threads_end, owner.before_exit)


def write_last(owner: Owner) -> None:
    """Register `owner.at_exit` again, so that it runs before all present callbacks, which run in reverse order.

    wandb's callback ends its service process. wandb registers it when it starts that process.
    """
    forget(owner)
    atexit.register(owner.at_exit)


def forget(owner: Owner) -> None:
    """Remove `owner.at_exit` from the callbacks."""
    atexit.unregister(owner.at_exit)


def register_celery(owner: Owner) -> None:
    """Call `owner.at_exit` at the end of a child of Celery's prefork pool. It sends a signal and ends by `os._exit`."""
    signals: Any = sys.modules.get("celery.signals")
    if signals is not None:
        connect = partial(signals.worker_process_shutdown.connect, weak=False, dispatch_uid=id(owner))
        _call_while_alive(lambda call: connect(lambda **_: call()), owner.at_exit)


def is_child() -> bool:
    """Whether `multiprocessing` started this process."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and multiprocessing.parent_process() is not None


def is_spawned() -> bool:
    """Whether `multiprocessing` spawned this process, so that it inherited no state."""
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
