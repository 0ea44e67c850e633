"""Combines the rows of `traces` for a trace that came in pieces: first calls, later their root. Pure."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from otel_wandb._records.table import Cell, Row
from otel_wandb._records.tables import TRACES
from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.assembly import Reason, Trace

Rule: TypeAlias = Callable[[Sequence[Cell]], Cell]
"""Combines the cells of one column. Cells are in the order of the pieces; the last piece has the root."""


def combined(rows: Sequence[Row]) -> Row:
    """Combine the rows of the pieces of one trace into one row. The last one is the row of the root."""
    cells = {column.name: [row[place] for row in rows] for place, column in enumerate(TRACES.columns)}
    made = {name: _RULES.get(name, _of_the_root)(found) for name, found in cells.items()}
    if made["cost_reason"] is not None:  # one unknown cost makes the sum unknown
        made["cost"] = None
    start, end = made["start_time"], made["end_time"]
    if isinstance(start, datetime) and isinstance(end, datetime):
        made["elapsed_time"] = (end - start).total_seconds()
    return tuple(made.values())


def _of_the_root(cells: Sequence[Cell]) -> Cell:
    """The root's value, else the latest known one."""
    return next((cell for cell in reversed(cells) if cell is not None), None)


def _first(cells: Sequence[Cell]) -> Cell:
    return next((cell for cell in cells if cell is not None), None)


def _sum(cells: Sequence[Cell]) -> Cell:
    known = [cell for cell in cells if isinstance(cell, float)]
    return sum(known) if known else None


def _models(cells: Sequence[Cell]) -> Cell:
    names = [name for cell in cells if isinstance(cell, str) for name in cell.split(", ")]
    return ", ".join(dict.fromkeys(names)) or None


def _reasons(cells: Sequence[Cell]) -> Cell:
    return "; ".join(dict.fromkeys(cell for cell in cells if isinstance(cell, str))) or None


def _earliest(cells: Sequence[Cell]) -> Cell:
    return min((cell for cell in cells if isinstance(cell, datetime)), default=None)


def _latest(cells: Sequence[Cell]) -> Cell:
    return max((cell for cell in cells if isinstance(cell, datetime)), default=None)


_RULES: Final[Mapping[str, Rule]] = {
    "error": _first,
    "start_time": _earliest,
    "end_time": _latest,
    "models": _models,
    "calls": _sum,
    "spans": _sum,
    "prompt_tokens": _sum,
    "completion_tokens": _sum,
    "total_tokens": _sum,
    "estimated": any,
    "cost": _sum,
    "cost_reason": _reasons,
    "remote_parent_id": _first,
    "sequence": _first,
}


class WholeRow(NamedTuple):
    """A row of `traces` that can be written, and the spans that waited for it."""

    row: Row
    spans: Sequence[SpanRecord]


@dataclass(slots=True)
class _Waiting:
    since: float
    rows: list[Row] = field(default_factory=list)
    spans: list[SpanRecord] = field(default_factory=list)

    @property
    def whole(self) -> WholeRow:
        row = combined(self.rows) if len(self.rows) > 1 else self.rows[0]
        return WholeRow(row, self.spans)


class Pieces:
    """The waiting rows of traces whose root has not come yet. For one thread."""

    def __init__(self, most: int, seconds: float) -> None:
        """At most `most` traces wait, each for `seconds` at most."""
        self._most = most
        self._seconds = seconds
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()  # the oldest first

    def add(self, trace: Trace, row: Row, spans: Sequence[SpanRecord], now: float) -> Iterator[WholeRow]:
        """Add the row of a piece, and `spans` that wait with it. Yields the rows that can be written now."""
        waiting = self._waiting.pop(trace.trace_id, None) or _Waiting(now)
        waiting.rows.append(row)
        waiting.spans += spans
        if any(span.is_local_root for span in trace.spans) or trace.reason is Reason.SHUTDOWN:
            yield waiting.whole
        else:
            self._waiting[trace.trace_id] = waiting
        yield from self.due(now)

    def due(self, now: float) -> Iterator[WholeRow]:
        """Yield the rows that have waited long enough, and the oldest ones if too many wait."""
        while self._waiting and self._is_due(next(iter(self._waiting.values())), now):
            yield self._waiting.popitem(last=False)[1].whole

    def next_deadline(self) -> float | None:
        """The time at which the oldest row has waited long enough; None if no row waits."""
        oldest = next(iter(self._waiting.values()), None)
        return None if oldest is None else oldest.since + self._seconds

    def drain(self) -> Iterator[WholeRow]:
        """Yield all rows that wait."""
        waiting, self._waiting = self._waiting, OrderedDict()
        yield from (one.whole for one in waiting.values())

    def _is_due(self, waiting: _Waiting, now: float) -> bool:
        return len(self._waiting) > self._most or now - waiting.since >= self._seconds
