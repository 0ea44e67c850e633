"""Private parts of wandb: its service process, and the key that it logs in with."""

import os
import subprocess
from contextlib import suppress
from functools import partial
from typing import Any, Final

from otel_wandb._runs.private.missing import attribute, without

_GONE: Final = {"AlreadyJoinedError", "HandleAbandonedError", "MailboxClosedError"}


def means_gone(error: Exception) -> bool:
    """Whether `error` means that wandb's service process, or the connection to it, has gone."""
    return isinstance(error, ConnectionError) or type(error).__name__ in _GONE


def wait_until_written(seconds: float) -> None:
    """Wait until a run that was finished is on the disk: `finish()` returns before its file is complete.

    The service process answers in the order in which it is asked, so any answer says that it is done. (Seen: without
    it, one file of fifteen was incomplete for a moment; with it none, in 1.5 ms.)
    """
    try:
        from wandb.sdk import wandb_setup

        setup = wandb_setup.singleton()
        service = setup.assert_service()
        answer = setup.asyncer.run(lambda: service.sync_status("none"))
    except Exception as error:  # noqa: BLE001
        without("knowing when a finished run is on the disk", error)
        return
    with suppress(Exception):  # whatever it answers
        answer.wait_or(timeout=seconds)


def has_session_key(host: str) -> bool | None:
    """Whether wandb has a key for `host`, by its own rules, without asking for one; None where it cannot be asked."""
    try:
        found = _session(host)
    except (ImportError, AttributeError, TypeError) as error:
        without("asking wandb for its key", error)
        return None
    except Exception:  # noqa: BLE001  # a key that is malformed: `wandb.init` says so
        return True
    return found is not None


def session_key(host: str) -> str | None:
    """The key that wandb has for `host`; None where there is none, or wandb cannot be asked."""
    try:
        key = getattr(_session(host), "api_key", None)
    except Exception as error:  # noqa: BLE001
        without("asking wandb for its key", error)
        return None
    return key if isinstance(key, str) else None


def _session(host: str) -> Any:
    """What wandb would log in with, without asking at a terminal; None if nothing."""
    from wandb.sdk.lib import wbauth

    return wbauth.authenticate_session(host=host, source="otel_wandb", prompt=False, update_session=False)


def bound_wait_for_service(seconds: float, *, is_late: bool) -> None:
    """Let the program end while wandb's service process goes on; at its exit wandb waits for it without a bound.

    The wait is 0 where W&B was late already: our data is on disk, and the process still tries to upload it. It is
    `seconds` where wandb 0.20 did not finish our run (it starts a thread, which an exit does not allow), and ten times
    `seconds` where a run of the user's is active. (wandb 0.31 waits forever, once in some hundred exits, if a
    table was logged to an online run that is not finished: its process drops the connection, and never hears the end.)
    """
    try:
        from wandb.sdk import wandb_setup

        setup = wandb_setup.singleton()
        service: Any = getattr(setup._connection, "_proc", None)  # noqa: SLF001
        process = attribute(service, "_process") or attribute(service, "_internal_proc")  # before 0.21
        if process is not None:
            ours = 0.0 if is_late else seconds
            limit = ours if setup.most_recent_active_run is None else 10 * seconds
            service.join = partial(_wait, process, limit)
    except Exception as error:  # noqa: BLE001
        without("a bound on wandb's own exit", error)


def forget_service() -> None:
    """In a forked child: the service process is the parent's, and would write our next run through it."""
    os.environ.pop("WANDB_SERVICE", None)


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> int:
    with suppress(subprocess.TimeoutExpired):
        return process.wait(seconds)
    return 0
