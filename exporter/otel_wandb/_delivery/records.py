"""The source of received spans, which are decoded already. Log records may come before or after their spans."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Final, NamedTuple

from otel_wandb._process.health import Health
from otel_wandb._spans.size import size_of_event, size_of_record
from otel_wandb._spans.span import EventRecord, Position, SpanRecord


class EventOfSpan(NamedTuple):
    """A log record that is an event of a span. Ids are lower-case hex."""

    trace_id: str
    span_id: str
    event: EventRecord


_MOST_BYTES: Final = 32 << 20  # of log records that wait
_WAITING: Final = 700  # bytes of memory of a span whose log records wait, and of a record's place there


@dataclass(slots=True)
class _Waiting:
    since: float
    events: list[tuple[EventRecord, Position]] = field(default_factory=list)
    size: int = 0


class ReceivedSpans:
    """See `Source`. Thread safe."""

    def __init__(
        self,
        settle: Callable[[Iterable[Position]], None],
        health: Health,
        *,
        seconds: float,
        most_bytes: int = _MOST_BYTES,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Log records wait `seconds` for their spans; the oldest less long if they have more than `most_bytes`.

        `settle` is called for those whose spans did not come in time. They are counted as dropped.
        """
        self._settle = settle
        self._health = health
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: OrderedDict[tuple[str, str], _Waiting] = OrderedDict()  # oldest first
        self._bytes = 0

    def add_events(self, events: Iterable[EventOfSpan], position: Position) -> None:
        """Keep log records for their spans."""
        now = self._clock()
        with self._lock:
            for found in events:
                waiting = self._waiting.setdefault((found.trace_id, found.span_id), _Waiting(now))
                waiting.events.append((found.event, position))
                size = _WAITING + size_of_event(found.event)
                waiting.size += size
                self._bytes += size
        self.tick(now)

    def next_deadline(self) -> float | None:
        """See `Timed`."""
        with self._lock:
            oldest = next(iter(self._waiting.values()), None)
        return None if oldest is None else oldest.since + self._seconds

    def tick(self, now: float) -> None:
        """Give up log records that have waited too long, and the oldest of too many."""
        self._give_up(
            "queue_full", "too many log records wait for their spans", lambda _: self._bytes > self._most_bytes
        )
        self._give_up("no_span", "their spans did not come", lambda waiting: now - waiting.since >= self._seconds)

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
            self._bytes -= waiting.size
        logs = tuple([event for event, _ in waiting.events])
        positions = tuple([position for _, position in waiting.events])
        return replace(span, logs=(*span.logs, *logs), positions=(*span.positions, *positions))

    def _give_up(self, cause: str, why: str, is_due: Callable[[_Waiting], bool]) -> None:
        late: list[Position] = []
        with self._lock:
            while self._waiting and is_due(next(iter(self._waiting.values()))):
                _, waiting = self._waiting.popitem(last=False)
                self._bytes -= waiting.size
                late += [position for _, position in waiting.events]
        if late:
            self._health.drop_logs(cause, len(late), why)
            self._settle(late)


def with_position(spans: Sequence[SpanRecord], position: Position) -> Sequence[SpanRecord]:
    """The same spans, received at `position`."""
    return [replace(span, positions=(position,)) for span in spans]
