"""The private parts of wandb that we use, all of them, and what is done where one is missing.

Each is looked up before it is used. One that is gone, or raises, costs a comfort and never a trace; the log says once,
at INFO, which.
"""

import importlib
import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import wandb

log: Final = logging.getLogger(__name__)

_MISSING: Final[set[str]] = set()
_LOGS_OUR_TABLE: Final = ContextVar("logs_our_table", default=False)
_ASKED_FOR_TABLES: Final = (
    ("wandb.sdk.data_types.base_types.wb_value", "_server_accepts_client_ids", True),
    ("wandb.sdk.wandb_login", "_verify_login", None),  # raises where the key is refused
)
_GONE: Final = {"AlreadyJoinedError", "HandleAbandonedError", "MailboxClosedError"}
_OTHER_SIGNATURE: Final = (AttributeError, TypeError, NotImplementedError)
_OF_THEIR_RUN: Final = (
    "sweep_id",
    "sweep_param_path",
    "launch",
    "launch_config_path",
    "resume",
    "fork_from",
    "resume_from",
)


def missing_comforts() -> tuple[str, ...]:
    """What has turned out to be missing in this process, each in words that follow "without"."""
    return tuple(sorted(_MISSING))


def call_before_finish(run: "wandb.Run", callback: Callable[[], None]) -> None:
    """Call `callback` when somebody finishes the run: `run.finish()`, `wandb.finish()`, the end of a `with`.

    Without it, what is still in hand goes to a run of ours.
    """
    try:
        from wandb.sdk.wandb_run import TeardownHook, TeardownStage

        vars(run)["_teardown_hooks"].append(TeardownHook(callback, TeardownStage.EARLY))
    except Exception as error:  # noqa: BLE001
        _without("writing before a run is finished", error)


def leave_active_runs(run: "wandb.Run") -> None:
    """Take our run off the list of active runs; else the user's next `wandb.init()` may return it."""
    try:
        from wandb.sdk import wandb_setup

        wandb_setup.singleton().remove_active_run(run)
    except Exception as error:  # noqa: BLE001
        _without("keeping our run out of wandb's active runs", error)


@contextmanager
def apart_from_their_run() -> Iterator[None]:
    """While a run of ours is made in a program whose run is of a sweep or a launch, resumed or forked: ours is not.

    wandb keeps all that in its settings, and no argument of `wandb.init` can say "none".
    """
    kept: list[tuple[Any, str, Any]] = []
    try:
        import wandb
        from wandb.sdk import wandb_setup

        settings, setup = wandb.setup().settings, wandb_setup.singleton()
        owners: list[tuple[Any, str]] = [*((settings, name) for name in _OF_THEIR_RUN), (setup, "_sweep_config")]
        for owner, name in owners:
            if value := _attribute(owner, name):
                setattr(owner, name, False if value is True else None)
                kept.append((owner, name, value))
    except Exception as error:  # noqa: BLE001
        _without("keeping our run apart from a sweep, a launch or a resumed run", error)
    try:
        yield
    finally:
        for owner, name, value in kept:
            setattr(owner, name, value)


def skip_artifact_check(run: "wandb.Run") -> None:
    """Let tables be logged without waiting for the server.

    wandb would ask it whether an artifact of that name has another type.
    """
    if not callable(_attribute(run, "_assert_can_log_artifact")):
        _without("logging tables without waiting for the server", None)
        return
    vars(run)["_assert_can_log_artifact"] = lambda _: None


@contextmanager
def without_asking_the_server() -> Iterator[None]:
    """While a table is logged: wandb before 0.30 asks the server two things first, and waits.

    Whether it knows "client ids" (all do since 2021), of the run that was made last, and ours is not on that list; and
    whether the key is right, which the run has been made with. Both are answered here, in this thread and block only.
    """
    try:
        _answer_for_tables()
    except Exception as error:  # noqa: BLE001
        _without("logging tables without waiting for the server", error)
    token = _LOGS_OUR_TABLE.set(True)
    try:
        yield
    finally:
        _LOGS_OUR_TABLE.reset(token)


def write_cells_as_they_are(table: "wandb.Table") -> None:
    """Let the cells of our table stand in its artifact without being looked at for tensors, arrays and media.

    They are of plain types already, and times; wandb's look at each costs more than all that is done with it otherwise.
    The table's own method makes everything but the rows, of a table that seems to be empty for so long.
    """
    own, rows_of = _attribute(table, "to_json"), _attribute(table, "_to_table_json")
    if own is None or rows_of is None:
        _without("writing cells of tables as they are", None)
        return

    def to_json(owner: Any) -> Any:
        if is_run(owner):
            return own(owner)
        try:
            rows = rows_of(type(table).MAX_ARTIFACT_ROWS)["data"]
        except Exception as error:  # noqa: BLE001
            _without("writing cells of tables as they are", error)
            return own(owner)
        vars(table)["_to_table_json"] = lambda *args, **kwargs: {**rows_of(*args, **kwargs), "data": []}
        try:
            found = own(owner)
        finally:
            del vars(table)["_to_table_json"]
        return {**found, "data": [[_cell_json(cell) for cell in row] for row in rows], "nrows": len(rows)}

    vars(table)["to_json"] = to_json


def leave_no_copies(table: "wandb.Table") -> None:
    """Keep one file of each increment of our table, until it is uploaded.

    wandb stages the file twice, uploads one and deletes that; nothing refers to the other, which stays for good. It
    copies each to its cache, too, from where nobody takes it. What an artifact of ours stages, its own instance tells.
    """
    to_json: Callable[[Any], dict[str, Any]] = table.to_json

    def staged_once(owner: Any) -> dict[str, Any]:
        try:
            if hasattr(owner, "manifest"):  # the artifact, and not the run
                vars(owner)["_add_local_file"] = _adding_once(owner, owner._add_local_file)  # noqa: SLF001
        except Exception as error:  # noqa: BLE001
            _without("tables that leave no copies in wandb's data directory", error)
        return to_json(owner)

    vars(table)["to_json"] = staged_once


def is_run(value: object) -> bool:
    """Whether `value` is a run. wandb 0.20 does not export the class."""
    import wandb

    exported = getattr(wandb, "Run", None)
    if exported is not None:
        return isinstance(value, exported)
    from wandb.sdk.wandb_run import Run

    return isinstance(value, Run)


def is_finished(run: "wandb.Run") -> bool | None:
    """Whether somebody finished the run; None where it does not say."""
    found = _attribute(run, "_is_finished")
    return found if isinstance(found, bool) else None


def process_of(run: "wandb.Run") -> int | None:
    """The process that made the run; None where it does not say."""
    found = _attribute(run, "_init_pid")
    return found if isinstance(found, int) else None


def means_gone(error: Exception) -> bool:
    """Whether `error` means that wandb's service process, or the connection to it, has gone."""
    return isinstance(error, ConnectionError) or type(error).__name__ in _GONE


def publish_row(run: "wandb.Run", row: Mapping[str, Any]) -> bool:
    """Write a row to the history beside the row that the program is making; False where this wandb cannot."""
    try:
        from wandb.proto import wandb_internal_pb2
        from wandb.util import json_dumps_safer_history

        publish = getattr(vars(run)["_interface"], "_publish_history")  # noqa: B009
        record: Any = vars(wandb_internal_pb2)["HistoryRecord"]()
        for name, value in row.items():
            record.item.add(key=name, value_json=json_dumps_safer_history(value))
    except Exception as error:  # noqa: BLE001
        _without("rows that leave the program's own rows alone", error)
        return False
    try:
        publish(record)
    except _OTHER_SIGNATURE as error:
        _without("rows that leave the program's own rows alone", error)
        return False
    return True


def read_record(data: bytes) -> Any:
    """A record of a run's file. Raises what protobuf raises; ImportError where this wandb has no such records."""
    from wandb.proto import wandb_internal_pb2

    return vars(wandb_internal_pb2)["Record"].FromString(data)


def row_json(run: "wandb.Run", row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The values of a row as `run.log` writes them, with tables and traces as references; None where it cannot."""
    now = time.time()
    try:
        from wandb.sdk.data_types.utils import history_dict_to_json

        # A step for the names of files.
        values = history_dict_to_json(run, dict(row), step=0, ignore_copy_err=True)
    except (ImportError, *_OTHER_SIGNATURE) as error:
        _without("rows that leave the program's own rows alone", error)
        return None
    return {"_timestamp": now, "_runtime": now - run.start_time, **values}


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
        _without("knowing when a finished run is on the disk", error)
        return
    with suppress(Exception):  # whatever it answers
        answer.wait_or(timeout=seconds)


def has_session_key(host: str) -> bool | None:
    """Whether wandb has a key for `host`, by its own rules, without asking for one; None where it cannot be asked."""
    try:
        found = _session(host)
    except (ImportError, AttributeError, TypeError) as error:
        _without("asking wandb for its key", error)
        return None
    except Exception:  # noqa: BLE001  # a key that is malformed: `wandb.init` says so
        return True
    return found is not None


def session_key(host: str) -> str | None:
    """The key that wandb has for `host`; None where there is none, or wandb cannot be asked."""
    try:
        key = getattr(_session(host), "api_key", None)
    except Exception as error:  # noqa: BLE001
        _without("asking wandb for its key", error)
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
        process = _attribute(service, "_process") or _attribute(service, "_internal_proc")  # before 0.21
        if process is not None:
            ours = 0.0 if is_late else seconds
            limit = ours if setup.most_recent_active_run is None else 10 * seconds
            service.join = partial(_wait, process, limit)
    except Exception as error:  # noqa: BLE001
        _without("a bound on wandb's own exit", error)


def forget_service() -> None:
    """In a forked child: the service process is the parent's, and would write our next run through it."""
    os.environ.pop("WANDB_SERVICE", None)


def _answer_for_tables() -> None:
    """Stand in front of what a wandb asks for a table; nothing is touched of one that does not ask."""
    owners = [(importlib.import_module(module), name, answer) for module, name, answer in _ASKED_FOR_TABLES]
    asking, first, _ = owners[0]
    if not hasattr(asking, first):
        return
    for owner, name, answer in owners:
        asks = getattr(owner, name, None)
        if asks is not None and not hasattr(asks, "__wrapped__"):
            setattr(owner, name, _answering(asks, answer))


def _attribute(owner: object, name: str) -> Any:
    try:
        return getattr(owner, name, None)
    except Exception:  # noqa: BLE001
        return None


def _answering(asks: Callable[..., Any], answer: bool | None) -> Callable[..., Any]:
    @wraps(asks)
    def answering(*args: Any, **kwargs: Any) -> Any:
        return answer if _LOGS_OUR_TABLE.get() else asks(*args, **kwargs)

    return answering


def _cell_json(cell: Any) -> Any:
    """A cell as wandb writes it: a time is milliseconds since the epoch."""
    return int(cell.timestamp() * 1000) if isinstance(cell, datetime) else cell


def _adding_once(artifact: Any, add: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(add)
    def adding(*args: Any, **kwargs: Any) -> Any:
        before = _staged(artifact)
        entry = add(*args, **kwargs)
        now = _staged(artifact)
        for name, path in before.items():
            if now.get(name, path) != path:
                _remove(path)
        with suppress(Exception):
            entry.skip_cache = True
        return entry

    return adding


def _staged(artifact: Any) -> dict[str, str]:
    """The files that are to be uploaded, by their names in the artifact."""
    entries = _attribute(_attribute(artifact, "manifest"), "entries")
    if not isinstance(entries, dict):
        return {}
    paths = {name: _attribute(entry, "local_path") for name, entry in entries.items()}
    return {name: str(path) for name, path in paths.items() if path is not None}


def _remove(path: str) -> None:
    with suppress(OSError):
        os.remove(path)


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> int:
    with suppress(subprocess.TimeoutExpired):
        return process.wait(seconds)
    return 0


def _without(comfort: str, error: Exception | None) -> None:
    if comfort not in _MISSING:
        _MISSING.add(comfort)
        log.info("this wandb does not offer what %s needs (%s)", comfort, type(error).__name__ if error else "no name")
