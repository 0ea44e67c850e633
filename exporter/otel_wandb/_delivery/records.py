"""The source of received spans, which are decoded already. Log records may come before or after their spans."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import NamedTuple

from otel_wandb._spans.size import size_of_record
from otel_wandb._spans.span import EventRecord, Position, SpanRecord


class EventOfSpan(NamedTuple):
    """A log record that is an event of a span. Ids are lower-case hex."""

    trace_id: str
    span_id: str
    event: EventRecord


@dataclass(slots=True)
class _Waiting:
    since: float
    events: list[tuple[EventRecord, Position]] = field(default_factory=list)


class ReceivedSpans:
    """See `Source`. Thread safe."""

    def __init__(
        self, settle: Callable[[Iterable[Position]], None], *, seconds: float, clock: Callable[[], float] = monotonic
    ) -> None:
        """Log records wait `seconds` for their spans. `settle` is called for those whose spans did not come in time."""
        self._settle = settle
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: OrderedDict[tuple[str, str], _Waiting] = OrderedDict()  # oldest first

    def add_events(self, events: Iterable[EventOfSpan], position: Position) -> None:
        """Keep log records for their spans."""
        now = self._clock()
        with self._lock:
            for found in events:
                waiting = self._waiting.setdefault((found.trace_id, found.span_id), _Waiting(now))
                waiting.events.append((found.event, position))
        self._give_up(now)

    def size_of(self, span: SpanRecord, /) -> int:
        """See `Source`."""
        return size_of_record(span)

    def read(self, span: SpanRecord, /) -> SpanRecord:
        """See `Source`."""
        return span

    def with_late_logs(self, spans: tuple[SpanRecord, ...]) -> tuple[SpanRecord, ...]:
        """See `Source`."""
        if not self._waiting:
            return spans
        return tuple([self._with_logs(span) for span in spans])

    def _with_logs(self, span: SpanRecord) -> SpanRecord:
        with self._lock:
            waiting = self._waiting.pop((span.trace_id, span.span_id), None)
        if waiting is None:
            return span
        logs = tuple([event for event, _ in waiting.events])
        positions = tuple([position for _, position in waiting.events])
        return replace(span, logs=(*span.logs, *logs), positions=(*span.positions, *positions))

    def _give_up(self, now: float) -> None:
        """Settle log records that have waited too long."""
        late: list[Position] = []
        with self._lock:
            while self._waiting:
                key, waiting = next(iter(self._waiting.items()))
                if now - waiting.since < self._seconds:
                    break
                del self._waiting[key]
                late += [position for _, position in waiting.events]
        if late:
            self._settle(late)


def with_position(spans: Sequence[SpanRecord], position: Position) -> Sequence[SpanRecord]:
    """The same spans, received at `position`."""
    return [replace(span, positions=(position,)) for span in spans]
