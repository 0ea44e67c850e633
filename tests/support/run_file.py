"""Reads wandb's `.wandb` run files, so that tests can check the content of an offline run.

wandb 0.30 and later have no reader. The format is LevelDB's log: a 7-byte file header, then 32 KiB blocks (the file
header is part of the first), filled with fragments of `wandb_internal_pb2.Record` messages. `run.finish()` can return
before wandb-core has written the end of the file, so call `wandb.teardown()` before reading.
"""

from __future__ import annotations

import importlib
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.files import files_below

FILE_MAGIC: Final = b":W&B"
FILE_HEADER_BYTES: Final = 7  # magic, 2 bytes that name the format, 1 version byte
BLOCK_BYTES: Final = 32 * 1024
FRAGMENT_HEADER: Final = struct.Struct("<IHB")  # crc32 of type and data, length of data, type
FULL, FIRST, LAST = 1, 2, 4  # fragment types; MIDDLE is 3

# wandb's protobuf modules create their names during the import and have no stubs, so mypy does not know `Record`.
_pb2: Any = importlib.import_module("wandb.proto.wandb_internal_pb2")


@dataclass(frozen=True, slots=True)
class Table:
    """One logged table: an IMMUTABLE table, one state of a MUTABLE one, or one increment of an INCREMENTAL one."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    log_mode: str


@dataclass(frozen=True, slots=True)
class Trace:
    """One WBTraceTree: `root` is the root span's tree, `model` the model dict, `row` the history row that holds it."""

    root: dict[str, Any]
    model: dict[str, Any]
    row: dict[str, object]


@dataclass(frozen=True, slots=True)
class RunFile:
    """The content of a run's file.

    history: one dict per row, in order. A nested value, such as a trace, is a nested dict.
    summary, config: the state after the last record. wandb's own keys (`_wandb`, `_step`, ...) are kept.
    exit_code: None if the run has not ended, as after a kill.
    tables: history key (nested keys joined with ".") -> the tables logged under it, in order.
    """

    history: tuple[dict[str, object], ...]
    summary: dict[str, object]
    config: dict[str, object]
    run_id: str
    project: str
    display_name: str
    group: str | None
    exit_code: int | None
    tables: dict[str, tuple[Table, ...]]


def find_runs(directory: Path) -> list[Path]:
    """All run files below a directory, sorted by path."""
    return sorted(path for path in files_below(directory) if path.suffix == ".wandb")


def read_run(path_or_dir: Path) -> RunFile:
    """Read a `.wandb` file, or the only one below a directory."""
    path = _only_run(Path(path_or_dir))
    history: list[dict[str, object]] = []
    summary: dict[str, object] = {}
    config: dict[str, object] = {}
    run_id, project, display_name, group, exit_code = "", "", "", None, None
    for record in _records(path.read_bytes()):
        kind = record.WhichOneof("record_type")
        if kind == "history":
            history.append(_updated({}, record.history.item))
        elif kind == "summary":
            _updated(summary, record.summary.update, record.summary.remove)
        elif kind == "config":
            _updated(config, record.config.update, record.config.remove)
        elif kind == "run":
            run_id, project = record.run.run_id, record.run.project
            display_name, group = record.run.display_name, record.run.run_group or None
            _updated(config, record.run.config.update, record.run.config.remove)
        elif kind == "exit":
            exit_code = int(record.exit.exit_code)
    tables = tables_of(history, lambda name: (path.parent / "files" / name).read_bytes())
    return RunFile(tuple(history), summary, config, run_id, project, display_name, group, exit_code, tables)


def run_record(path: Path) -> Any:
    """The run record of the file, as wandb writes it: id, group, tags, notes, sweep, ..."""
    *_, found = (record.run for record in _records(path.read_bytes()) if record.WhichOneof("record_type") == "run")
    return found


def stats_rows(run: RunFile, key: str = "stats") -> list[dict[str, object]]:
    """All rows under a table key as column -> cell, over all increments and chunks. Raises KeyError without any table.

    Each log of a MUTABLE table repeats the earlier rows, so only the last of several in sequence counts.
    """
    tables = run.tables[key]
    kept = [
        table
        for table, later in zip(tables, (*tables[1:], None), strict=True)
        if table.log_mode != "MUTABLE" or later is None or later.log_mode != "MUTABLE"
    ]
    return [dict(zip(table.columns, row, strict=True)) for table in kept for row in table.rows]


def traces(run: RunFile) -> list[Trace]:
    """All trace trees of the history, under any key."""
    return [_trace(value, row) for row in run.history for _, value in _typed(row, "wb_trace_tree")]


def tables_of(
    history: Iterable[dict[str, object]], read: Callable[[str], bytes | None]
) -> dict[str, tuple[Table, ...]]:
    """The tables that a history refers to. `read` returns a file of the run, or None if it is missing.

    A partitioned-table is left out, because it has no rows, only the name of an artifact's folder.
    """
    tables: dict[str, tuple[Table, ...]] = {}
    for row in history:
        for key, value in _typed(row, "table-file", "incremental-table-file"):
            content = read(value["path"])
            if content is not None:
                tables[key] = (*tables.get(key, ()), read_table(content, value.get("log_mode") or "IMMUTABLE"))
    return tables


def read_table(content: bytes, log_mode: str) -> Table:
    """The table in a `.table.json` file."""
    table = json.loads(content)
    return Table(tuple(table["columns"]), tuple(tuple(row) for row in table["data"]), log_mode)


def _only_run(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = find_runs(path)
    if len(found) != 1:
        raise ValueError(f"{len(found)} run files below {path}, expected one")
    return found[0]


def _records(data: bytes) -> Iterator[Any]:
    """The Records of the file. Fragments of an incomplete Record are dropped."""
    if data[: len(FILE_MAGIC)] != FILE_MAGIC:
        raise ValueError("not a .wandb file")
    parts: list[bytes] = []
    for kind, part in _fragments(data):
        if kind in (FULL, FIRST):
            parts = []
        parts.append(part)
        if kind in (FULL, LAST):
            yield _pb2.Record.FromString(b"".join(parts))


def _fragments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, payload) of each fragment. Ends at a fragment that the end of the file cuts, as in a killed run."""
    at = FILE_HEADER_BYTES
    while at + FRAGMENT_HEADER.size <= len(data):
        left = BLOCK_BYTES - at % BLOCK_BYTES
        if left < FRAGMENT_HEADER.size:  # too little for a header: the block ends in zeros
            at += left
            continue
        checksum, length, kind = FRAGMENT_HEADER.unpack_from(data, at)
        start, end = at + FRAGMENT_HEADER.size, at + FRAGMENT_HEADER.size + length
        if end > len(data):
            return
        # LevelDB writes a masked crc32c, wandb the plain IEEE crc32.
        if zlib.crc32(data[start - 1 : end]) != checksum:
            raise ValueError(f"bad checksum at byte {at}")
        yield kind, data[start:end]
        at = end


def _path(item: Any) -> tuple[str, ...]:
    """wandb uses `nested_key` for history (one entry even for a flat key) and `key` for run.summary and config."""
    return tuple(item.nested_key) or (item.key,)


def _updated(values: dict[str, object], updates: Any, removals: Any = ()) -> dict[str, object]:
    """Apply items to a dict in place, and return it. Keys may contain dots and slashes, and are not split."""
    for item in updates:
        *outer, last = _path(item)
        _inner(values, outer)[last] = json.loads(item.value_json)
    for item in removals:
        *outer, last = _path(item)
        _inner(values, outer).pop(last, None)
    return values


def _inner(values: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    for key in keys:
        if not isinstance(values.get(key), dict):
            values[key] = {}
        values = values[key]
    return values


def _typed(values: dict[str, Any], *types: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key, value) of the media values of these `_type`s, also inside logged dicts."""
    for key, value in values.items():
        if not isinstance(value, dict):
            continue
        if value.get("_type") in types:
            yield key, value
        else:
            yield from ((f"{key}.{inner}", found) for inner, found in _typed(value, *types))


def _trace(value: dict[str, Any], row: dict[str, object]) -> Trace:
    return Trace(json.loads(value["root_span_dumps"]), json.loads(value.get("model_dict_dumps") or "{}"), row)
