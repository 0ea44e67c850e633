"""Joins the pieces of a trace, whose calls were written before their root. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from otel_wandb._costs.billing import summed
from otel_wandb._journal.schema import Call, MessageRecord, Record, Span, ToolsRecord, Totals, TraceRecord

_FIRST: Final = 0


def whole_traces(records: Iterable[Record]) -> Iterator[Record]:
    """The records of a journal, each trace as one record as far as its root came; pieces without one come last.

    Ids of messages and tools count through all files, and only the first `run` record is given.
    """
    held: dict[str, list[TraceRecord]] = {}
    first, following = _FIRST, _FIRST  # ids of the current file, and of the next
    has_run = False
    for record in records:
        if record["record"] == "run":
            first = following
            if not has_run:
                yield record
            has_run = True
        elif record["record"] == "message":
            following = max(following, first + record["id"] + 1)
            message: MessageRecord = {**record, "id": first + record["id"]}
            yield message
        elif record["record"] == "tools":
            following = max(following, first + record["id"] + 1)
            tools: ToolsRecord = {**record, "id": first + record["id"]}
            yield tools
        elif record["record"] == "trace":
            trace = record if first == _FIRST else _renumbered(record, first)
            if _has_root(trace):
                yield _with_pieces(trace, held)
            else:
                held.setdefault(trace["trace_id"], []).append(trace)
        else:
            yield record
    for pieces in held.values():
        yield from pieces


def joined(pieces: Sequence[TraceRecord]) -> TraceRecord:
    """One record of the pieces of a trace, in the order in which they were written; the last one has the root."""
    root = pieces[-1]
    spans = sorted((span for piece in pieces for span in piece["spans"]), key=lambda span: span["start"])
    ids = {span["id"] for span in spans}
    return {
        **root,
        "sequence": pieces[0]["sequence"],
        "complete": all(span["parent"] in ids or span["parent"] in (None, root["remote_parent"]) for span in spans),
        "error": next((piece["error"] for piece in pieces if piece["error"]), None),
        "start": min(piece["start"] for piece in pieces),
        "end": max(piece["end"] for piece in pieces),
        "session": _said([piece["session"] for piece in pieces]),
        "conversation": _said([piece["conversation"] for piece in pieces]),
        "user": _said([piece["user"] for piece in pieces]),
        "tags": list(dict.fromkeys(tag for piece in pieces for tag in piece["tags"])),
        "totals": _totals([piece["totals"] for piece in pieces]),
        "spans": spans,
    }


def _has_root(trace: TraceRecord) -> bool:
    return trace["remote_parent"] is not None or any(span["parent"] is None for span in trace["spans"])


def _with_pieces(trace: TraceRecord, held: dict[str, list[TraceRecord]]) -> TraceRecord:
    """The trace with those held pieces that hang below it; a service may be called several times in one trace id."""
    waiting = held.pop(trace["trace_id"], [])
    ids = {span["id"] for span in trace["spans"]}
    below: list[TraceRecord] = []
    while found := [piece for piece in waiting if any(span["parent"] in ids for span in piece["spans"])]:
        below += found
        waiting = [piece for piece in waiting if piece not in found]
        ids |= {span["id"] for piece in found for span in piece["spans"]}
    if waiting:
        held[trace["trace_id"]] = waiting
    return joined([*sorted(below, key=lambda piece: piece["sequence"]), trace]) if below else trace


def _renumbered(trace: TraceRecord, first: int) -> TraceRecord:
    spans = [_with_call(span, first) for span in trace["spans"]]
    return {**trace, "spans": spans}


def _with_call(span: Span, first: int) -> Span:
    call = span["call"]
    if call is None:
        return span
    renumbered: Call = {
        **call,
        "asked": [first + number for number in call["asked"]],
        "answered": [first + number for number in call["answered"]],
        "tools": None if call["tools"] is None else first + call["tools"],
    }
    return {**span, "call": renumbered}


def _totals(totals: Sequence[Totals]) -> Totals:
    costs = [one["cost"] for one in totals if one["cost"] is not None]
    return {
        "calls": sum(one["calls"] for one in totals),
        "input": summed(one["input"] for one in totals),
        "output": summed(one["output"] for one in totals),
        "total": summed(one["total"] for one in totals),
        "estimated": any(one["estimated"] for one in totals),
        "cost": sum(costs) if costs else None,
        "cost_reason": _said([one["cost_reason"] for one in totals]),
    }


def _said(values: Sequence[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)
