"""Makes OTLP bodies."""

from collections.abc import Sequence
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

RECORDED = Path(__file__).parents[1] / "exporter/otlp"


def traces(*names: str, trace_id: int = 1, project: str | None = None) -> bytes:
    """Spans of one trace by their names, the first one the root of the others."""
    return bytes(request(names, trace_id, project).SerializeToString())


def request(names: Sequence[str], trace_id: int = 1, project: str | None = None) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    resource = made.resource_spans.add()
    if project is not None:
        _say(resource.resource.attributes.add(), "wandb.project", project)
    spans = resource.scope_spans.add().spans
    for number, name in enumerate(names, 1):
        span = spans.add(
            trace_id=trace_id.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            parent_span_id=b"" if number == 1 else (1).to_bytes(8, "big"),
            name=name,
            start_time_unix_nano=1_700_000_000_000_000_000,
            end_time_unix_nano=1_700_000_001_000_000_000,
        )
        _say(span.attributes.add(), "gen_ai.operation.name", "chat")
        if project is not None:
            _say(span.attributes.add(), "wandb.project", project)
    return made


def _say(attribute: KeyValue, key: str, value: str) -> None:
    attribute.key = key
    attribute.value.string_value = value
