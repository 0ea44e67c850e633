"""Decodes OTLP in protobuf. The text of a value is read first, because most values are texts and each read is slow."""

from collections.abc import Iterable, Iterator
from sys import intern
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_wandb._otlp.fields import ERROR, LATEST, MalformedError, genai_event, has_ids, is_remote, parent_of
from otel_wandb._spans.plain import plain
from otel_wandb._spans.span import EventRecord, SpanRecord

_SCALARS: Final = frozenset({"string_value", "bool_value", "int_value", "double_value", "bytes_value"})


def spans(body: bytes) -> Iterator[SpanRecord | None]:
    """The spans of a trace request; None for each span without valid ids. Raises MalformedError."""
    request = ExportTraceServiceRequest()
    _parse(request, body)
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            scope = of_scope.scope.name
            for span in of_scope.spans:
                yield _span(span, scope, resource)


def events(body: bytes) -> Iterator[tuple[str, str, EventRecord]]:
    """The GenAI events of spans in a log request, each with its trace id and span id. Raises MalformedError."""
    request = ExportLogsServiceRequest()
    _parse(request, body)
    for of_resource in request.resource_logs:
        for of_scope in of_resource.scope_logs:
            for record in of_scope.log_records:
                trace_id, span_id = record.trace_id.hex(), record.span_id.hex()
                event = _event(record) if has_ids(trace_id, span_id) else None
                if event is not None:
                    yield trace_id, span_id, event


def _parse(request: Any, body: bytes) -> None:
    try:
        request.ParseFromString(body)
    except Exception as error:  # protobuf's DecodeError, whose class depends on the implementation
        raise MalformedError("the body is not OTLP in protobuf") from error


def _span(span: Any, scope: str, resource: dict[str, Any]) -> SpanRecord | None:
    trace_id, span_id = span.trace_id.hex(), span.span_id.hex()
    if not has_ids(trace_id, span_id):
        return None
    start = min(span.start_time_unix_nano, LATEST)
    status = span.status
    return SpanRecord(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_of(span.parent_span_id.hex()),
        parent_is_remote=is_remote(span.flags),
        name=intern(span.name),
        start_ns=start,
        end_ns=max(min(span.end_time_unix_nano, LATEST), start),
        is_error=status.code == ERROR,
        status_message=status.message or None,
        attributes=_attributes(span.attributes),
        events=tuple(
            [
                EventRecord(event.name, min(event.time_unix_nano, LATEST), _attributes(event.attributes))
                for event in span.events
            ]
        ),
        scope=scope,
        resource=resource,
    )


def _event(record: Any) -> EventRecord | None:
    name = getattr(record, "event_name", "")  # a field since opentelemetry-proto 1.30
    time_ns = record.time_unix_nano or record.observed_time_unix_nano
    return genai_event(name, time_ns, _attributes(record.attributes), plain(_value(record.body)))


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        value = pair.value
        found[intern(pair.key)] = value.string_value or plain(_value(value))  # waiting spans share their keys
    return found


def _value(value: Any) -> Any:
    """A plain value. The recursion is limited: protobuf parses at most 100 nested messages."""
    kind = value.WhichOneof("value")
    if kind in _SCALARS:
        return getattr(value, kind)
    if kind == "array_value":
        return tuple([_value(item) for item in value.array_value.values])
    if kind == "kvlist_value":
        return {pair.key: _value(pair.value) for pair in value.kvlist_value.values}
    return None
