"""Completes traces for which a killed process wrote the timeline, but not all table rows."""

import threading
from collections.abc import Iterable, Sequence

from otel_wandb._delivery.left_over import Piece, Written
from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.assembly import Reason, Trace
from otel_wandb._traces.completion import Completion


class HalfWritten:
    """Collects the spans of incomplete traces when they are sent again. Thread safe."""

    def __init__(self, written: Written) -> None:
        self._written = written
        self._lock = threading.Lock()
        self._piece_of = {
            (piece.trace_id, span_id): piece
            for piece in written.pieces
            if not written.is_whole(piece)
            for span_id in piece.span_ids
        }
        self._ids = frozenset(self._piece_of)
        self._spans: dict[Piece, dict[str, SpanRecord]] = {}

    def has(self, trace_id: str, span_id: str) -> bool:
        """Whether a span belongs to an incomplete trace."""
        return (trace_id, span_id) in self._ids

    def take(self, spans: Iterable[SpanRecord]) -> tuple[Sequence[SpanRecord], Sequence[Completion]]:
        """Take the spans of incomplete traces. Returns the other spans, and the traces whose spans are complete now."""
        if not self._piece_of:
            return tuple(spans), ()
        others, whole = [], []
        with self._lock:
            for span in spans:
                piece = self._piece_of.pop((span.trace_id, span.span_id), None)
                if piece is None:
                    others.append(span)
                    continue
                found = self._spans.setdefault(piece, {})
                found[span.span_id] = span
                if len(found) == len(piece.span_ids):
                    whole.append(self._completion(piece, self._spans.pop(piece)))
        return others, whole

    def _completion(self, piece: Piece, spans: dict[str, SpanRecord]) -> Completion:
        in_order = tuple(sorted(spans.values(), key=lambda span: (span.start_ns, -span.end_ns)))
        trace = Trace(piece.trace_id, piece.sequence, Reason.ROOT, in_order, 0)
        return Completion(trace, self._written.calls_of(piece), self._written.has_row(piece))
