"""Reads a finished SDK span into our own frozen record; here the SDK's objects end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One event of a span, or a log record that is one; `time_ns` is nanoseconds since the epoch."""

    name: str
    time_ns: int
    attributes: Mapping[str, Any]
    body: Any = None
    """Of a log record."""


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One finished span. Ids are lower-case hex, times nanoseconds since the epoch; attribute values are foreign.

    `logs` are the GenAI events among the log records that were emitted inside it.
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

    @property
    def is_local_root(self) -> bool:
        """Whether no span of this process is above it."""
        return self.parent_id is None or self.parent_is_remote

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.end_ns - self.start_ns) / 1e9


def read_span(span: ReadableSpan, logs: tuple[EventRecord, ...] = ()) -> SpanRecord:
    """The record of `span` and its `logs`; an end before its start, as after a clock step, becomes the start.

    Attributes are copied: the SDK's mapping takes its lock for each of the many looks at them.
    """
    context = span.get_span_context()
    if context is None:
        raise ValueError("a finished span has no context")
    parent = span.parent
    start = span.start_time or 0
    return SpanRecord(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        parent_id=None if parent is None else format_span_id(parent.span_id),
        parent_is_remote=parent is not None and parent.is_remote,
        name=span.name,
        start_ns=start,
        end_ns=max(span.end_time or 0, start),
        is_error=span.status.status_code is StatusCode.ERROR,
        status_message=span.status.description,
        attributes=dict(span.attributes or {}),
        events=tuple(EventRecord(event.name, event.timestamp, event.attributes or {}) for event in span.events),
        scope="" if span.instrumentation_scope is None else span.instrumentation_scope.name,
        resource=span.resource.attributes,
        logs=logs,
    )
