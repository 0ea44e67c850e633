"""Stores which spans were emitted, as long as other spans of their traces may come."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Emitted:
    """The emitted spans of one trace."""

    pieces: int
    span_ids: frozenset[str]
    missing: frozenset[str]
    """The ids of parents that were missing above the emitted spans."""
    until: float


NOTHING: Final = Emitted(0, frozenset(), frozenset(), 0.0)


class EmittedTraces:
    """The emitted spans. Old traces are forgotten after `seconds`, or earlier beyond `traces` or `spans` in number."""

    def __init__(self, *, traces: int, spans: int, seconds: float) -> None:
        self._most_traces, self._most_spans, self._seconds = traces, spans, seconds
        self._traces: OrderedDict[str, Emitted] = OrderedDict()
        self._spans = 0

    def of(self, trace_id: str) -> Emitted:
        """The emitted spans of a trace that are not forgotten. May be called from any thread."""
        return self._traces.get(trace_id, NOTHING)

    def add(self, trace_id: str, span_ids: Iterable[str], missing: Iterable[str], *, pieces: int, now: float) -> None:
        """Add spans of a trace that were emitted in `pieces` pieces, and the parents that were missing."""
        before = self._traces.pop(trace_id, NOTHING)
        ids = before.span_ids.union(span_ids)
        self._spans += len(ids) - len(before.span_ids)
        still_missing = before.missing.union(missing) - ids
        self._traces[trace_id] = Emitted(before.pieces + pieces, ids, still_missing, now + self._seconds)

    def forget(self, now: float) -> None:
        """Forget traces that are too old, and the oldest ones if there are too many."""
        while self._traces:
            trace_id, oldest = next(iter(self._traces.items()))
            is_too_much = len(self._traces) > self._most_traces or self._spans > self._most_spans
            if oldest.until > now and not is_too_much:
                return
            del self._traces[trace_id]
            self._spans -= len(oldest.span_ids)
