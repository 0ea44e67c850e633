"""Reads a finished SDK span into a frozen record. All other modules use records, not SDK objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id

from otel_wandb._spans.plain import plain, plain_mapping, plain_text

_LATEST: Final = 2**63 - 1  # the year 2262


class Position(NamedTuple):
    """Where a span was received: a part of its source, such as a partition of Kafka, and the number of the record."""

    part: int
    number: int


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One event of a span, or a log record that is an event. `time_ns` is in nanoseconds since the epoch."""

    name: str
    time_ns: int
    attributes: Mapping[str, Any]
    body: Any = None
    """The body of a log record; None for an event of a span."""


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One finished span. Ids are lower-case hex, times are nanoseconds since the epoch.

    `logs` are the GenAI events among the log records emitted inside the span. `positions` are the places where the span
    and its `logs` were received; empty for a span of this process.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    parent_is_remote: bool
    name: str
    start_ns: int
    end_ns: int
    is_error: bool
    status_message: str | None
    attributes: Mapping[str, Any]
    events: tuple[EventRecord, ...]
    scope: str
    resource: Mapping[str, Any]
    logs: tuple[EventRecord, ...] = ()
    positions: tuple[Position, ...] = ()

    @property
    def is_local_root(self) -> bool:
        """Whether the span has no parent in its process."""
        return self.parent_id is None or self.parent_is_remote

    def is_of(self, part: int) -> bool:
        """Whether the span was received from this part of the source."""
        return any(position.part == part for position in self.positions)

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return (self.end_ns - self.start_ns) / 1e9


def read_span(span: ReadableSpan, logs: tuple[EventRecord, ...] = ()) -> SpanRecord:
    """The record of `span` with its `logs`. An end before the start, as after a clock step, becomes the start.

    Everything is copied, because values may be of any type, and the SDK's mapping takes a lock for each access.
    """
    context = span.get_span_context()
    if context is None:
        raise ValueError("a finished span has no context")
    parent = span.parent
    start = _time(span.start_time)
    message = span.status.description
    return SpanRecord(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        parent_id=None if parent is None else format_span_id(parent.span_id),
        parent_is_remote=parent is not None and parent.is_remote,
        name=plain_text(span.name),
        start_ns=start,
        end_ns=max(_time(span.end_time), start),
        is_error=span.status.status_code is StatusCode.ERROR,
        status_message=None if message is None else plain_text(message),
        attributes=plain_mapping(span.attributes),
        events=tuple([_event(event.name, event.timestamp, event.attributes) for event in span.events]),
        scope="" if span.instrumentation_scope is None else plain_text(span.instrumentation_scope.name),
        resource=span.resource.attributes,
        logs=tuple([_event(record.name, record.time_ns, record.attributes, record.body) for record in logs]),
    )


def _event(name: Any, time_ns: Any, attributes: Any, body: Any = None) -> EventRecord:
    return EventRecord(plain_text(name), _time(time_ns), plain_mapping(attributes), plain(body))


def _time(nanoseconds: Any) -> int:
    """A time from 1970 to 2262; 0 if none was given."""
    return min(max(int(nanoseconds or 0), 0), _LATEST)
