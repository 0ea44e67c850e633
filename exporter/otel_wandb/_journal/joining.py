"""Joins the pieces of a trace as they come. A trace keeps its first piece, and two traces are never merged. Pure.

A trace is a root with the pieces below it. Pieces without a root are one trace, until a root comes. The root takes the
pieces below it. If these include the first piece, they stay the same trace and the other pieces become a new one.
Otherwise the root and its pieces become the new trace.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from otel_wandb._costs.billing import summed
from otel_wandb._journal.schema import Totals, TraceRecord

_REMEMBERED: Final = 1_000  # traces with a root; later pieces of older traces become traces of their own


@dataclass(slots=True)
class Growing:
    """A trace that may get more pieces. `number` counts the traces of a journal in the order of their creation."""

    number: int
    pieces: list[TraceRecord]
    is_rooted: bool

    def joined(self) -> TraceRecord:
        """All pieces as one record."""
        return self.pieces[0] if len(self.pieces) == 1 else _joined(self.pieces)


class Joining:
    """Joins the records of traces. Give it all of them, in the order of the journal."""

    def __init__(self) -> None:
        self._count = 0
        self._traces: dict[str, list[Growing]] = {}  # by trace id, which several traces may have
        self._rooted: deque[Growing] = deque()

    def add(self, piece: TraceRecord) -> Sequence[Growing]:
        """Add a piece. Returns the traces that are new or have changed."""
        waiting = next((one for one in self._with_id(piece) if not one.is_rooted), None)
        if _has_root(piece):
            return self._new_root(piece, waiting)
        home = next((one for one in self._with_id(piece) if one.is_rooted and _is_below(piece, one.pieces)), waiting)
        if home is None:
            return [self._made([piece], is_rooted=False)]
        home.pieces.append(piece)
        return [home]

    def take_settled(self) -> Iterator[Growing]:
        """Forget and yield the traces with a root that get no more pieces."""
        while len(self._rooted) > _REMEMBERED:
            yield self._forget(self._rooted.popleft())

    def take_rest(self) -> Iterator[Growing]:
        """Forget and yield all other traces, at the end of the journal. Those without a root come last."""
        while self._rooted:
            yield self._forget(self._rooted.popleft())
        for found in self._traces.values():
            yield from found
        self._traces = {}

    def _new_root(self, root: TraceRecord, waiting: Growing | None) -> Sequence[Growing]:
        below, rest = ([], []) if waiting is None else _split(waiting.pieces, root)
        if waiting is None or not below:
            return [self._made([root], is_rooted=True)]
        if below[0] is not waiting.pieces[0]:
            waiting.pieces = rest
            return [waiting, self._made([*below, root], is_rooted=True)]
        waiting.pieces, waiting.is_rooted = [*below, root], True
        self._rooted.append(waiting)
        return [waiting, self._made(rest, is_rooted=False)] if rest else [waiting]

    def _made(self, pieces: list[TraceRecord], *, is_rooted: bool) -> Growing:
        made = Growing(self._count, pieces, is_rooted)
        self._count += 1
        self._traces.setdefault(pieces[0]["trace_id"], []).append(made)
        if is_rooted:
            self._rooted.append(made)
        return made

    def _with_id(self, piece: TraceRecord) -> Sequence[Growing]:
        return self._traces.get(piece["trace_id"], ())

    def _forget(self, settled: Growing) -> Growing:
        trace_id = settled.pieces[0]["trace_id"]
        others = [one for one in self._traces.pop(trace_id) if one is not settled]
        if others:
            self._traces[trace_id] = others
        return settled


def _has_root(trace: TraceRecord) -> bool:
    return trace["remote_parent"] is not None or any(span["parent"] is None for span in trace["spans"])


def _is_below(piece: TraceRecord, others: Sequence[TraceRecord]) -> bool:
    parents = {span["parent"] for span in piece["spans"]}
    return any(span["id"] in parents for other in others for span in other["spans"])


def _split(pieces: Sequence[TraceRecord], root: TraceRecord) -> tuple[list[TraceRecord], list[TraceRecord]]:
    """The pieces below the root, and the others. One trace id may have several roots in a service."""
    ids = {span["id"] for span in root["spans"]}
    rest, found = list(pieces), True
    while found:
        below = [piece for piece in rest if any(span["parent"] in ids for span in piece["spans"])]
        found = bool(below)
        rest = [piece for piece in rest if piece not in below]
        ids |= {span["id"] for piece in below for span in piece["spans"]}
    return [piece for piece in pieces if piece not in rest], rest


def _joined(pieces: Sequence[TraceRecord]) -> TraceRecord:
    first = next((piece for piece in pieces if _has_root(piece)), pieces[0])
    spans = sorted((span for piece in pieces for span in piece["spans"]), key=lambda span: span["start"])
    ids = {span["id"] for span in spans}
    return {
        **first,
        "sequence": pieces[0]["sequence"],
        "complete": all(span["parent"] in ids or span["parent"] in (None, first["remote_parent"]) for span in spans),
        "error": _said([piece["error"] for piece in pieces]),
        "start": min(piece["start"] for piece in pieces),
        "end": max(piece["end"] for piece in pieces),
        "session": _said([piece["session"] for piece in pieces]),
        "conversation": _said([piece["conversation"] for piece in pieces]),
        "user": _said([piece["user"] for piece in pieces]),
        "tags": list(dict.fromkeys(tag for piece in pieces for tag in piece["tags"])),
        "totals": _totals([piece["totals"] for piece in pieces]),
        "spans": spans,
    }


def _totals(totals: Sequence[Totals]) -> Totals:
    costs = [one["cost"] for one in totals if one["cost"] is not None]
    reasons = dict.fromkeys(one["cost_reason"] for one in totals if one["cost_reason"] is not None)
    return {
        "calls": sum(one["calls"] for one in totals),
        "input": summed(one["input"] for one in totals),
        "output": summed(one["output"] for one in totals),
        "total": summed(one["total"] for one in totals),
        "estimated": any(one["estimated"] for one in totals),
        "cost": sum(costs) if costs and not reasons else None,  # one unknown cost makes the sum unknown
        "cost_reason": "; ".join(reasons) or None,
    }


def _said(values: Sequence[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)
