"""Private parts of wandb: how a table is logged, and the files of its artifact."""

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from otel_wandb._runs.private.missing import attribute, without
from otel_wandb._runs.private.runs import is_run

if TYPE_CHECKING:
    import wandb

_LOGS_OUR_TABLE: Final = ContextVar("logs_our_table", default=False)
_ASKED_FOR_TABLES: Final = (
    ("wandb.sdk.data_types.base_types.wb_value", "_server_accepts_client_ids", True),
    ("wandb.sdk.wandb_login", "_verify_login", None),  # raises if the key is refused
)


def skip_artifact_check(run: "wandb.Run") -> None:
    """Log the tables of this run without a request that asks whether an artifact of that name has another type."""
    if not callable(attribute(run, "_assert_can_log_artifact")):
        without("logging tables without waiting for the server", None)
        return
    vars(run)["_assert_can_log_artifact"] = lambda _: None


@contextmanager
def without_asking_the_server() -> Iterator[None]:
    """Log tables in this block without two requests, for whose answers wandb before 0.30 would wait.

    One asks whether the server supports "client ids", which all servers do since 2021. wandb asks it through the latest
    active run, and ours is not in that list. The other one checks the key, with which the run was already made. Both
    are answered here, in this thread and block only.
    """
    try:
        _answer_for_tables()
    except Exception as error:  # noqa: BLE001
        without("logging tables without waiting for the server", error)
    token = _LOGS_OUR_TABLE.set(True)
    try:
        yield
    finally:
        _LOGS_OUR_TABLE.reset(token)


def write_cells_as_they_are(table: "wandb.Table") -> None:
    """Write the cells of our table to its artifact without wandb's search for tensors, arrays and media.

    Our cells are plain values and times, and that search takes most of the time. wandb's own method still makes
    everything except for the rows: during its call the table appears to be empty.
    """
    own, rows_of = attribute(table, "to_json"), attribute(table, "_to_table_json")
    if own is None or rows_of is None:
        without("writing cells of tables as they are", None)
        return

    def to_json(owner: Any) -> Any:
        if is_run(owner):
            return own(owner)
        try:
            rows = rows_of(type(table).MAX_ARTIFACT_ROWS)["data"]
        except Exception as error:  # noqa: BLE001
            without("writing cells of tables as they are", error)
            return own(owner)
        vars(table)["_to_table_json"] = lambda *args, **kwargs: {**rows_of(*args, **kwargs), "data": []}
        try:
            found = own(owner)
        finally:
            del vars(table)["_to_table_json"]
        return {**found, "data": [[_cell_json(cell) for cell in row] for row in rows], "nrows": len(rows)}

    vars(table)["to_json"] = to_json


def write_media_as_it_is(table: "wandb.Table") -> None:
    """Write the cells of our table to its file among the run's media without the same search of each cell."""
    bind, rows_of = attribute(table, "bind_to_run"), attribute(table, "_to_table_json")
    if bind is None or rows_of is None:
        without("writing cells of tables as they are", None)
        return

    def bind_to_run(*args: Any, **kwargs: Any) -> Any:
        def as_they_are(*of_rows: Any, **more: Any) -> Any:
            found = rows_of(*of_rows, **more)
            return {**found, "data": _Rows(found["data"])}

        vars(table)["_to_table_json"] = as_they_are
        try:
            return bind(*args, **kwargs)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001
            without("writing cells of tables as they are", error)
        finally:
            del vars(table)["_to_table_json"]
        return bind(*args, **kwargs)

    vars(table)["bind_to_run"] = bind_to_run


def leave_no_copies(table: "wandb.Table") -> None:
    """Keep only one file of each increment of our table, until it is uploaded.

    wandb stages the file twice. It uploads one copy and deletes it, but never uses or deletes the other one. It also
    puts a copy into its cache, which nobody reads. The artifact that is being made shows which files are staged.
    """
    to_json: Callable[[Any], dict[str, Any]] = table.to_json

    def staged_once(owner: Any) -> dict[str, Any]:
        try:
            if hasattr(owner, "manifest"):  # an artifact, not a run
                vars(owner)["_add_local_file"] = _adding_once(owner, owner._add_local_file)  # noqa: SLF001
        except Exception as error:  # noqa: BLE001
            without("tables that leave no copies in wandb's data directory", error)
        return to_json(owner)

    vars(table)["to_json"] = staged_once


def _answer_for_tables() -> None:
    """Wrap the functions with which wandb asks the server about a table, if this version has them."""
    owners = [(importlib.import_module(module), name, answer) for module, name, answer in _ASKED_FOR_TABLES]
    asking, first, _ = owners[0]
    if not hasattr(asking, first):
        return
    for owner, name, answer in owners:
        asks = getattr(owner, name, None)
        if asks is not None and not hasattr(asks, "__wrapped__"):
            setattr(owner, name, _answering(asks, answer))


def _answering(asks: Callable[..., Any], answer: bool | None) -> Callable[..., Any]:
    @wraps(asks)
    def answering(*args: Any, **kwargs: Any) -> Any:
        return answer if _LOGS_OUR_TABLE.get() else asks(*args, **kwargs)

    return answering


class _Rows:
    """Rows that wandb's search takes for one value, and that its encoder asks for their JSON form."""

    def __init__(self, rows: Sequence[Sequence[Any]]) -> None:
        self._rows = rows

    def json_encode(self) -> list[list[Any]]:
        return [list(row) for row in self._rows]


def _cell_json(cell: Any) -> Any:
    """A cell as wandb writes it. Times are milliseconds since the epoch."""
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
    """The files to upload, by their names in the artifact."""
    entries = attribute(attribute(artifact, "manifest"), "entries")
    if not isinstance(entries, dict):
        return {}
    paths = {name: attribute(entry, "local_path") for name, entry in entries.items()}
    return {name: str(path) for name, path in paths.items() if path is not None}


def _remove(path: str) -> None:
    with suppress(OSError):
        os.remove(path)
