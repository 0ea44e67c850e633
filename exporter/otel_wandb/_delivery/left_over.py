"""Finds what a killed process wrote to its runs, so that spans that are sent again are not written twice."""

import glob
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from otel_wandb._delivery.run_log import RunLog
from otel_wandb._journal.reader import read_journal
from otel_wandb._records.tables import STATS, TRACES

_TREE: Final = "trace.root_span_dumps"


@dataclass(frozen=True, slots=True)
class Piece:
    """A trace as it was written: its spans, and the model calls among them."""

    trace_id: str
    sequence: int
    span_ids: frozenset[str]
    call_ids: frozenset[str]


@dataclass(slots=True)
class Written:
    """The traces that one or several runs have."""

    pieces: list[Piece] = field(default_factory=list)
    """Those with a row in the history, the latest run first."""
    call_rows: set[str] = field(default_factory=set)
    """The ids of the spans that have a row in `stats`."""
    trace_rows: dict[str, int] = field(default_factory=dict)
    """The least sequence of the rows of `traces`, by trace id: the row of a trace in pieces has that of the first."""

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
        """Whether the row of `traces` is there."""
        return self.trace_rows.get(piece.trace_id, piece.sequence + 1) <= piece.sequence

    def is_whole(self, piece: Piece) -> bool:
        """Whether all rows of a piece are there."""
        return piece.call_ids <= self.call_rows and self.has_row(piece)


def left_over(directory: str, *, most_spans: int, seconds: float) -> Written:
    """What the runs below `directory` have that were written to in the last `seconds` before the latest one.

    It stops, at the end of a run, when it has found `most_spans`. Raises OSError, and UnreadableError for a file that
    is not as wandb wrote it: what it holds cannot be known.
    """
    files = sorted(_run_files(directory), reverse=True)
    found = Written()
    for changed, path in files:
        if changed < files[0][0] - seconds or sum(len(piece.span_ids) for piece in found.pieces) >= most_spans:
            break
        found.add(written_to(path))
    return found


def written_to(path: str) -> Written:
    """The traces in the file of one run. Raises what `left_over` raises."""
    directory = os.path.dirname(path)
    journal = _pieces_in(directory)
    found = Written()
    for row in RunLog(path).read():
        if _TREE in row:
            piece = _taken(journal.get(_text(row, "trace_id"), []), _text(row, _TREE))
            if piece is not None:
                found.pieces.append(piece)
        for values in _rows(directory, row, STATS.key):
            found.call_rows.add(str(values["span_id"]))
        for values in _rows(directory, row, TRACES.key):
            found.add_trace_row(str(values["trace_id"]), int(values["sequence"]))
    return found


def _run_files(directory: str) -> Iterator[tuple[float, str]]:
    for path in glob.glob(os.path.join(glob.escape(directory), "wandb", "*run-*", "run-*.wandb")):
        yield os.stat(path).st_mtime, path


def _pieces_in(directory: str) -> dict[str, list[Piece]]:
    """By trace id, in the order in which they were written."""
    found: dict[str, list[Piece]] = defaultdict(list)
    for record in read_journal(directory):
        if record["record"] == "trace":
            calls = frozenset(span["id"] for span in record["spans"] if span["call"] is not None)
            ids = frozenset(span["id"] for span in record["spans"])
            found[record["trace_id"]].append(Piece(record["trace_id"], record["sequence"], ids, calls))
    return found


def _taken(pieces: list[Piece], tree: str) -> Piece | None:
    """The piece that a timeline shows, taken out. A timeline of several roots has a root of its own."""
    root = json.loads(tree)["span_id"]
    place = next((place for place, piece in enumerate(pieces) if root in piece.span_ids), 0)
    return pieces.pop(place) if pieces else None


def _rows(directory: str, row: Mapping[str, str], key: str) -> Iterator[Mapping[str, Any]]:
    """The rows of an increment of a table that a row of the history names. Later tables are `key_2`, `key_3`, ..."""
    for name in [name for name in row if name.endswith(".path") and _is_of(name.removesuffix(".path"), key)]:
        with open(os.path.join(directory, "files", _text(row, name)), encoding="utf-8") as file:
            table: Any = json.load(file)
        columns: Sequence[str] = table["columns"]
        yield from (dict(zip(columns, values, strict=True)) for values in table["data"])


def _is_of(name: str, key: str) -> bool:
    return name == key or (name.startswith(f"{key}_") and name[len(key) + 1 :].isdigit())


def _text(row: Mapping[str, str], name: str) -> str:
    return str(json.loads(row[name]))
