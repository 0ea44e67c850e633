"""Which spans are open: counted by trace, within a bound."""

from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import format_trace_id

from otel_wandb import WandbSpanExporter, WandbSpanProcessor
from otel_wandb._traces import open_spans
from otel_wandb._traces.open_spans import OPEN_SPANS, OpenSpans


def test_a_trace_is_open_until_its_last_span_has_ended() -> None:
    spans = OpenSpans()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(spans)
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span("root") as root:
        trace_id = format_trace_id(root.get_span_context().trace_id)
        with tracer.start_as_current_span("call"):
            assert spans.has(trace_id)
        assert spans.has(trace_id)
    assert not spans.has(trace_id)


def test_what_never_ends_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_spans, "_MOST", 10)
    spans = OpenSpans()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(spans)
    started = [provider.get_tracer("tests").start_span(str(number)) for number in range(20)]
    known = [spans.has(format_trace_id(span.get_span_context().trace_id)) for span in started]
    assert known == [True] * 10 + [False] * 10
    for span in started:
        span.end()
    assert not any(spans.has(format_trace_id(span.get_span_context().trace_id)) for span in started)
    with provider.get_tracer("tests").start_as_current_span("later") as later:
        assert spans.has(format_trace_id(later.get_span_context().trace_id))


def test_a_span_is_open_until_it_was_handed_over() -> None:
    seen: list[bool] = []

    class Looking(WandbSpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            seen.extend(
                OPEN_SPANS.has(format_trace_id(context.trace_id)) for span in spans if (context := span.context)
            )
            return SpanExportResult.SUCCESS

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(WandbSpanProcessor(exporter=Looking()))
    with provider.get_tracer("tests").start_as_current_span("root") as root:
        pass
    assert seen == [True]
    assert not OPEN_SPANS.has(format_trace_id(root.get_span_context().trace_id))
    provider.shutdown()
