"""Finds the traces that a killed process wrote, so that spans that are sent again are not written twice."""

import glob
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final

from otel_wandb._delivery.run_log import RunLog
from otel_wandb._journal.reader import read_journal
from otel_wandb._records.tables import STATS, TRACES

_TREE: Final = "trace.root_span_dumps"


@dataclass(frozen=True, slots=True)
class Piece:
    """A trace or a supplement as written: the ids of its spans, and of the model calls among them."""

    trace_id: str
    sequence: int
    span_ids: frozenset[str]
    call_ids: frozenset[str]
    missing: frozenset[str] = frozenset()
    """The ids of parents that are not in the piece."""


@dataclass(slots=True)
class Written:
    """The traces in one or several runs."""

    pieces: list[Piece] = field(default_factory=list)
    """The pieces with a row in the history; those of the latest run come first."""
    call_rows: set[tuple[str, str]] = field(default_factory=set)
    """The trace and span ids of the rows in `stats`."""
    trace_rows: dict[str, int] = field(default_factory=dict)
    """The lowest sequence in `traces` by trace id. A row for several pieces has the sequence of the first piece."""

    def add(self, other: "Written") -> None:
        """Add the traces of another run."""
        self.pieces += other.pieces
        self.call_rows |= other.call_rows
        for trace_id, sequence in other.trace_rows.items():
            self.add_trace_row(trace_id, sequence)

    def add_trace_row(self, trace_id: str, sequence: int) -> None:
        """Add a row of `traces`."""
        self.trace_rows[trace_id] = min(sequence, self.trace_rows.get(trace_id, sequence))

    def has_row(self, piece: Piece) -> bool:
        """Whether a piece has its row in `traces`."""
        return self.trace_rows.get(piece.trace_id, piece.sequence + 1) <= piece.sequence

    def is_whole(self, piece: Piece) -> bool:
        """Whether a piece has all its table rows."""
        return self.calls_of(piece) == piece.call_ids and self.has_row(piece)

    def calls_of(self, piece: Piece) -> AbstractSet[str]:
        """The ids of the calls of a piece that have their row in `stats`."""
        return {span_id for span_id in piece.call_ids if (piece.trace_id, span_id) in self.call_rows}


def left_over(directory: str, *, most_spans: int, seconds: float) -> Written:
    """The traces in the runs below `directory`, except for runs that changed `seconds` before the latest one.

    Older runs are not read after `most_spans` spans were found. Raises OSError, and UnreadableError if a file is
    damaged, because its contents are unknown.
    """
    files = sorted(_run_files(directory), reverse=True)
    found = Written()
    for changed, path in files:
        if changed < files[0][0] - seconds or sum(len(piece.span_ids) for piece in found.pieces) >= most_spans:
            break
        found.add(written_to(path))
    return found


def written_to(path: str) -> Written:
    """The traces in the file of one run. Raises the errors of `left_over`."""
    directory = os.path.dirname(path)
    journal = _pieces_in(directory)
    found = Written()
    for row in RunLog(path).read():
        if _TREE in row:
            piece = _taken(journal.get(_text(row, "trace_id"), []), _text(row, _TREE))
            if piece is not None:
                found.pieces.append(piece)
        for values in _rows(directory, row, STATS.key):
            found.call_rows.add((str(values["trace_id"]), str(values["span_id"])))
        for values in _rows(directory, row, TRACES.key):
            found.add_trace_row(str(values["trace_id"]), int(values["sequence"]))
    return found


def _run_files(directory: str) -> Iterator[tuple[float, str]]:
    for path in glob.glob(os.path.join(glob.escape(directory), "wandb", "*run-*", "run-*.wandb")):
        yield os.stat(path).st_mtime, path


def _pieces_in(directory: str) -> dict[str, list[Piece]]:
    """The pieces in the journal by trace id, in the order in which they were written."""
    found: dict[str, list[Piece]] = defaultdict(list)
    for record in read_journal(directory):
        if record["record"] == "trace":
            calls = frozenset(span["id"] for span in record["spans"] if span["call"] is not None)
            ids = frozenset(span["id"] for span in record["spans"])
            parents = {span["parent"] for span in record["spans"]} - {None, record["remote_parent"]}
            missing = frozenset(parent for parent in parents if parent is not None) - ids
            found[record["trace_id"]].append(Piece(record["trace_id"], record["sequence"], ids, calls, missing))
    return found


def _taken(pieces: list[Piece], tree: str) -> Piece | None:
    """Remove and return the piece of a timeline. If the timeline has an artificial root, it is the first piece."""
    root = json.loads(tree)["span_id"]
    place = next((place for place, piece in enumerate(pieces) if root in piece.span_ids), 0)
    return pieces.pop(place) if pieces else None


def _rows(directory: str, row: Mapping[str, str], key: str) -> Iterator[Mapping[str, Any]]:
    """The table rows that a row of the history refers to. Later tables of a key are `key_2`, `key_3`, ..."""
    for name in [name for name in row if name.endswith(".path") and _is_of(name.removesuffix(".path"), key)]:
        with open(os.path.join(directory, "files", _text(row, name)), encoding="utf-8") as file:
            table: Any = json.load(file)
        columns: Sequence[str] = table["columns"]
        yield from (dict(zip(columns, values, strict=True)) for values in table["data"])


def _is_of(name: str, key: str) -> bool:
    return name == key or (name.startswith(f"{key}_") and name[len(key) + 1 :].isdigit())


def _text(row: Mapping[str, str], name: str) -> str:
    return str(json.loads(row[name]))
