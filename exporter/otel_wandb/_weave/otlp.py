"""Encodes spans for Weave as an OTLP request, and decodes the answer. Pure. Only this module of Weave uses protobuf."""

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from otel_wandb._weave.source import Value
from otel_wandb._weave.spans import WeaveSpan

SCOPE = "otel_wandb"


def encoded(spans: Sequence[WeaveSpan], resource: Mapping[str, Value]) -> bytes:
    """The body of a request with these spans."""
    request: Any = ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=_attributes(resource)),
                scope_spans=[ScopeSpans(scope=InstrumentationScope(name=SCOPE), spans=[_span(span) for span in spans])],
            )
        ]
    )
    body: bytes = request.SerializeToString()
    return body


def rejected(body: bytes) -> tuple[int, str]:
    """The number of rejected spans in an answer, and the reason. Raises ValueError if the answer is not OTLP."""
    response = ExportTraceServiceResponse()
    try:
        response.ParseFromString(body)
    except Exception as error:  # protobuf's DecodeError, whose class depends on the implementation
        raise ValueError("the answer is not OTLP") from error
    return response.partial_success.rejected_spans, response.partial_success.error_message


def _span(span: WeaveSpan) -> Span:
    failed = span.error is not None
    return Span(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent_id or ""),
        name=span.name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=_attributes(span.attributes),
        events=[
            Span.Event(name=event.name, time_unix_nano=event.time_ns, attributes=_attributes(event.attributes))
            for event in span.events
        ],
        status=Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET, message=span.error or ""),
    )


def _attributes(attributes: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_value(value)) for name, value in attributes.items()]


def _value(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))


def size_of(span: WeaveSpan) -> int:
    """The approximate size of a span in a request, in bytes."""
    texts: list[Any] = [
        *span.attributes.values(),
        *(text for event in span.events for text in event.attributes.values()),
    ]
    return 200 + sum(len(text) if isinstance(text, str) else 20 for text in texts)
