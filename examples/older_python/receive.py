"""Takes traces by OTLP from services that this package cannot be installed in, and writes them to W&B."""

import gzip
import signal
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode

from otel_wandb import WandbSpanExporter


def plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: plain(pair.value) for pair in pairs}


def context(trace_id: bytes, span_id: bytes) -> SpanContext:
    return SpanContext(int.from_bytes(trace_id, "big"), int.from_bytes(span_id, "big"), is_remote=False)


def spans(request: ExportTraceServiceRequest) -> Iterator[ReadableSpan]:
    for sent in request.resource_spans:
        resource = Resource(attributes(sent.resource.attributes))
        for scope in sent.scope_spans:
            for span in scope.spans:
                yield ReadableSpan(
                    span.name,
                    context(span.trace_id, span.span_id),
                    context(span.trace_id, span.parent_span_id) if span.parent_span_id else None,
                    resource,
                    attributes(span.attributes),
                    [Event(event.name, attributes(event.attributes), event.time_unix_nano) for event in span.events],
                    status=Status(StatusCode(span.status.code), span.status.message or None),
                    start_time=span.start_time_unix_nano,
                    end_time=span.end_time_unix_nano,
                    instrumentation_scope=InstrumentationScope(scope.scope.name, scope.scope.version),
                )


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        exporter.export(list(spans(ExportTraceServiceRequest.FromString(body))))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


exporter = WandbSpanExporter(project="older-python")
server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 4318), Handler)
signal.signal(signal.SIGTERM, signal.default_int_handler)
print(f"OTLP at http://127.0.0.1:{server.server_port}", flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    exporter.shutdown()
