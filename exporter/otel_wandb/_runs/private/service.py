"""Private parts of wandb: its service process, and the key that it logs in with."""

import os
import subprocess
import threading
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, Final

from otel_wandb._runs.private.missing import attribute, without

FINISHING_THREAD: Final = "otel-wandb-tables"
"""The name of the thread that writes tables and finishes runs."""
_LAST_WORDS: Final = 1.0  # seconds that such threads may take to end, one for each exporter
_GONE: Final = {"AlreadyJoinedError", "HandleAbandonedError", "MailboxClosedError"}


def means_gone(error: Exception) -> bool:
    """Whether `error` means that wandb's service process died, or that the connection to it is lost."""
    return isinstance(error, ConnectionError) or type(error).__name__ in _GONE


def wait_until_written(seconds: float) -> None:
    """Wait at most `seconds` until a finished run is on the disk: `finish()` returns before its file is complete.

    The service process handles requests in order, so any answer means that the file is complete. (Measured: without
    this, one file of fifteen was incomplete for a moment; with it none, and it took 1.5 ms.)
    """
    try:
        from wandb.sdk import wandb_setup

        setup = wandb_setup.singleton()
        service = setup.assert_service()
        answer = setup.asyncer.run(lambda: service.sync_status("none"))
    except Exception as error:  # noqa: BLE001
        without("knowing when a finished run is on the disk", error)
        return
    with suppress(Exception):  # the content of the answer does not matter
        answer.wait_or(timeout=seconds)


def service_process() -> "subprocess.Popen[bytes] | None":
    """The service process that wandb writes with, if this process started it; None if wandb cannot be asked."""
    try:
        from wandb.sdk import wandb_setup

        return _process_of(getattr(wandb_setup.singleton()._connection, "_proc", None))  # noqa: SLF001
    except Exception as error:  # noqa: BLE001
        without("ending a service process that stands still", error)
        return None


def has_session_key(host: str) -> bool | None:
    """Whether wandb finds a key for `host` by its own rules, without a prompt; None if wandb cannot be asked."""
    try:
        found = _session(host)
    except (ImportError, AttributeError, TypeError) as error:
        without("asking wandb for its key", error)
        return None
    except Exception:  # noqa: BLE001  # a malformed key, which `wandb.init` will report
        return True
    return found is not None


def session_key(host: str) -> str | None:
    """The key that wandb has for `host`; None if there is no key, or if wandb cannot be asked."""
    try:
        key = getattr(_session(host), "api_key", None)
    except Exception as error:  # noqa: BLE001
        without("asking wandb for its key", error)
        return None
    return key if isinstance(key, str) else None


def _session(host: str) -> Any:
    """The credentials that wandb would use, without a prompt; None if there are none."""
    from wandb.sdk.lib import wbauth

    return wbauth.authenticate_session(host=host, source="otel_wandb", prompt=False, update_session=False)


def bound_wait_for_service(seconds: float, *, is_late: bool) -> None:
    """Limit how long wandb waits for its service process at the program's exit. wandb itself has no limit.

    The limit is 0 if W&B was late already: our data is on the disk, and the service process continues to upload it. It
    is ten times `seconds` if a run of the user is active. Otherwise it is `seconds`, because wandb 0.20 may not have
    finished our run: it needs a new thread, which cannot start during an exit.

    wandb 0.31 waits forever in one of some hundred exits, if a table was logged to an online run that is not finished.
    Then its service process has dropped the connection, and is never told to end.
    """
    try:
        from wandb.sdk import wandb_setup

        setup = wandb_setup.singleton()
        service: Any = getattr(setup._connection, "_proc", None)  # noqa: SLF001
        process = _process_of(service)
        if process is not None:
            ours = 0.0 if is_late else seconds
            limit = ours if setup.most_recent_active_run is None else 10 * seconds
            service.join = partial(_wait, process, limit)
    except Exception as error:  # noqa: BLE001
        without("a bound on wandb's own exit", error)


def forget_service() -> None:
    """Disconnect a forked child from its parent's service process, which would otherwise write our next run."""
    os.environ.pop("WANDB_SERVICE", None)


def _process_of(service: Any) -> "subprocess.Popen[bytes] | None":
    process = attribute(service, "_process") or attribute(service, "_internal_proc")  # before 0.21
    return process if isinstance(process, subprocess.Popen) else None


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> int:
    """Wait for the process, and then for the thread that finishes runs: its connection is closed by now.

    wandb prints an error there. Python aborts if a daemon thread prints while the interpreter ends.
    """
    try:
        return _exit_code(process, seconds)
    finally:
        deadline = monotonic() + _LAST_WORDS
        for thread in threading.enumerate():
            if thread.name == FINISHING_THREAD:
                thread.join(max(0.0, deadline - monotonic()))


def _exit_code(process: "subprocess.Popen[bytes]", seconds: float) -> int:
    with suppress(subprocess.TimeoutExpired):
        return process.wait(seconds)
    return 0
