"""OTLP in protobuf and JSON becomes the records that the SDK's own spans become."""

import base64
import gzip
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from otel_wandb._otlp.fields import MalformedError
from otel_wandb._otlp.reading import Encoding, has_fast_protobuf, read_events, read_spans
from otel_wandb._spans.log_records import LogStore, WandbLogRecordProcessor
from otel_wandb._spans.span import SpanRecord, read_span

RECORDED = Path(__file__).parent / "otlp"
IDS = {"traceId", "spanId", "parentSpanId"}
REMOTE = SpanContext(2**127 + 5, 2**63 + 7, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def recorded(name: str) -> bytes:
    return (RECORDED / name).read_bytes()


def plainly(span: SpanRecord) -> SpanRecord:
    """With a dict for the SDK's own mapping."""
    return replace(span, resource=dict(span.resource))


def in_json(message: Any) -> bytes:
    """As OTLP has it: ids in hex, where protobuf's own JSON has base64."""
    return json.dumps(_with_hex(MessageToDict(message, use_integers_for_enums=True))).encode()


def _with_hex(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: base64.b64decode(item).hex() if name in IDS else _with_hex(item) for name, item in value.items()}
    return [_with_hex(item) for item in value] if isinstance(value, list) else value


def some_spans() -> tuple[ReadableSpan, ...]:
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "shop", "n": 3, "wandb.project": "p"}))
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("some.scope", "1.2")
    above = trace.set_span_in_context(trace.NonRecordingSpan(REMOTE))
    with tracer.start_as_current_span("root", above) as root:
        root.set_attributes({"a": "", "b": "ä😀", "c": True, "d": -5, "e": 2.5, "f": 2**62})
        root.set_attribute("g", ["x", "y"])
        root.set_attribute("h", [1.5, 2.0])
        root.set_attribute("i", b"\x00\xff")
        root.set_attribute("k", {"l": [{"m": 1}, None, "n"], "o": {}})
        with tracer.start_as_current_span("child") as child:
            child.add_event("it happened", {"at": 1, "why": ["w"]}, timestamp=17)
            child.set_status(Status(StatusCode.ERROR, "broken"))
    with tracer.start_as_current_span("", start_time=9) as odd:
        odd.set_status(Status(StatusCode.OK))
    return kept.get_finished_spans()


@pytest.mark.parametrize("encoding", Encoding)
def test_a_span_is_read_as_the_sdks_own_is(encoding: Encoding) -> None:
    spans = some_spans()
    message = encode_spans(spans)
    body = message.SerializeToString() if encoding is Encoding.PROTOBUF else in_json(message)
    found = read_spans(body, encoding)
    assert (found.rejected, found.why) == (0, "")
    assert {span.span_id: span for span in found.spans} == {
        record.span_id: record for record in (plainly(read_span(span)) for span in spans)
    }
    by_name = {span.name: span for span in found.spans}
    assert by_name["root"].is_local_root
    assert not by_name["child"].is_local_root


def test_what_the_collector_sent_is_the_same_in_both_encodings() -> None:
    bodies = [recorded("collector_proto_0.bin"), gzip.decompress(recorded("collector_proto_2.gz.bin"))]
    protobuf = [span for body in bodies for span in read_spans(body, Encoding.PROTOBUF).spans]
    found = read_spans(recorded("collector_json_1.bin"), Encoding.JSON).spans
    names = sorted(span.name for span in found)
    assert names == sorted(span.name for span in protobuf[: len(names)])
    for span in [*protobuf, *found]:
        assert span.scope == "otel_openai_v0" or not span.scope.startswith("otel_openai_v0")
        assert span.resource["service.name"] == "shop"
        assert 0 < span.start_ns <= span.end_ns
    chats = [span for span in found if span.attributes.get("gen_ai.operation.name") == "chat"]
    assert chats
    assert all(json.loads(chat.attributes["gen_ai.input.messages"]) for chat in chats)


def test_the_collectors_records_of_kafka_are_read() -> None:
    for record in json.loads(recorded("kafka_records.json")):
        found = read_spans(base64.b64decode(record["value"]), Encoding.PROTOBUF)
        assert found.rejected == 0
        assert {span.trace_id for span in found.spans} == {record["key"]}


@pytest.mark.parametrize("encoding", Encoding)
def test_an_event_is_read_as_the_sdks_own_is(encoding: Encoding) -> None:
    store, kept = LogStore(), InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(WandbLogRecordProcessor(store))
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
    emit = provider.get_logger("tests").emit
    with TracerProvider().get_tracer("tests").start_as_current_span("chat") as span:
        emit(LogRecord(event_name="gen_ai.choice", timestamp=7, attributes={"a": 1}, body={"b": ["c", 1.5]}))
        emit(LogRecord(attributes={"event.name": "gen_ai.user.message"}, observed_timestamp=8, body="hi"))
        emit(LogRecord(event_name="http.request", body="x"))
        emit(LogRecord(body="a line of a log"))
    emit(LogRecord(event_name="gen_ai.choice", body="of no span"))
    message = encode_logs(kept.get_finished_logs())
    body = message.SerializeToString() if encoding is Encoding.PROTOBUF else in_json(message)
    context = span.get_span_context()
    ids = (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    logs = store.take(context.trace_id, context.span_id)
    expected = [(*ids, event) for event in read_span(span, logs).logs]  # type: ignore[arg-type]  # the SDK's own
    found = read_events(body, encoding)
    assert list(found.events) == expected
    assert (len(expected), found.rejected) == (2, 0)


def a_span(**more: Any) -> dict[str, Any]:
    return {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "n", **more}


def read_json(*spans: Any) -> tuple[SpanRecord, ...]:
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    return read_spans(body, Encoding.JSON).spans


def attribute(value: Any) -> dict[str, Any]:
    return a_span(attributes=[{"key": "a", "value": value}])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"intValue": "9223372036854775807"}, 2**63 - 1),
        ({"intValue": -3}, -3),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": "Infinity"}, float("inf")),
        ({"bytesValue": "AP8="}, b"\x00\xff"),
        ({"arrayValue": {}}, ()),
        ({"kvlistValue": {"values": [{"key": "b", "value": {"boolValue": False}}]}}, {"b": False}),
        ({"newerValue": 1, "stringValue": "x"}, "x"),
        ({"stringValue": ""}, ""),
        ({}, None),
    ],
)
def test_values_of_json(value: Any, expected: Any) -> None:
    (span,) = read_json(attribute(value))
    assert span.attributes == {"a": expected}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b"{" * 5_000,
        b'{"a":' + b"[" * 1_000_000,
        b'{"a":' + b"9" * 5_000 + b"}",
        *(
            json.dumps({"resourceSpans": spans}).encode()
            for spans in (
                5,
                [5],
                [{"scopeSpans": {}}, {"scopeSpans": 1}],
                [{"scopeSpans": [{"spans": [a_span(name=5)]}]}],
                [{"scopeSpans": [{"spans": [a_span(startTimeUnixNano="x")]}]}],
                [{"scopeSpans": [{"spans": [a_span(startTimeUnixNano=2**70)]}]}],
                [{"scopeSpans": [{"spans": [attribute({"boolValue": "true"})]}]}],
                [{"scopeSpans": [{"spans": [attribute({"bytesValue": "A"})]}]}],
                [{"scopeSpans": [{"spans": [attribute({"doubleValue": "many"})]}]}],
            )
        ),
    ],
    ids=lambda body: f"{body[:30]!r}{len(body)}",
)
def test_a_body_that_is_no_otlp_in_json(body: bytes) -> None:
    with pytest.raises(MalformedError, match=r"^the body is not OTLP in JSON$"):
        read_spans(body, Encoding.JSON)


def test_values_within_values_are_read_to_a_depth() -> None:
    def nested(depth: int) -> Any:
        value: Any = {"stringValue": "deep"}
        for _ in range(depth):
            value = {"arrayValue": {"values": [value]}}
        return value

    (span,) = read_json(attribute(nested(2)))
    assert span.attributes == {"a": (("deep",),)}
    (span,) = read_json(attribute(nested(40)))
    assert repr(span.attributes["a"]).count("(") == 20  # as for a value of the SDK's
    with pytest.raises(MalformedError):
        read_json(attribute(nested(60)))


def test_a_span_without_ids_is_rejected_alone() -> None:
    bad = [a_span(traceId="0" * 32), a_span(spanId=""), a_span(traceId="g" * 32), a_span(traceId="ab")]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [*bad, a_span(traceId="AB" * 16)]}]}]}).encode()
    found = read_spans(body, Encoding.JSON)
    assert [span.trace_id for span in found.spans] == ["ab" * 16]
    assert (found.rejected, found.why) == (4, "a span needs a trace id of 16 bytes and a span id of 8")


def test_times_and_parents_that_cannot_be() -> None:
    latest = str(2**64 - 1)
    (span,) = read_json(a_span(startTimeUnixNano=latest, endTimeUnixNano="5", parentSpanId="0" * 16, flags=256))
    assert (span.start_ns, span.end_ns) == (2**63 - 1, 2**63 - 1)
    assert (span.parent_id, span.parent_is_remote) == (None, False)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_malformed(body: bytes) -> None:
    for encoding in Encoding:
        for read in (read_spans, read_events):
            with suppress(MalformedError):
                assert read(body, encoding).rejected >= 0


@given(st.data())
def test_a_body_with_changed_bytes_is_read_or_malformed(data: st.DataObject) -> None:
    for name, encoding in (("collector_proto_0.bin", Encoding.PROTOBUF), ("collector_json_1.bin", Encoding.JSON)):
        body = bytearray(recorded(name))
        for _ in range(data.draw(st.integers(1, 5))):
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
        with suppress(MalformedError):
            assert all(len(span.trace_id) == 32 for span in read_spans(bytes(body), encoding).spans)


def test_protobuf_is_compiled_here() -> None:
    assert has_fast_protobuf()
