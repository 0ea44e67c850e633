"""The traces of the demo, as the exporter keeps them in its journal."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from otel_wandb._costs.prices import PRICES
from otel_wandb._journal.records import trace_record
from otel_wandb._journal.schema import Message, TraceRecord
from otel_wandb._spans.clean import Json
from otel_wandb._spans.span import read_span
from otel_wandb._traces.assembly import Trace, TraceAssembler
from otel_wandb._traces.read_trace import read_trace


class Collector(SpanProcessor):
    """Keeps spans that ended; for one thread."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self._spans.append(span)

    def take(self) -> list[TraceRecord]:
        """The traces of the spans since the last time."""
        spans, self._spans = self._spans, []
        assembler = TraceAssembler()
        for span in spans:
            assembler.offer(read_span(span), 0.0)
        return [_record(trace) for trace in assembler.drain(0.0)]


class _WithoutTexts:
    """The demo shows no messages: they need no numbers."""

    def add_message(self, message: Message) -> int:  # noqa: ARG002
        return 0

    def add_tools(self, tools: Sequence[Json]) -> int:  # noqa: ARG002
        return 0


def _record(trace: Trace) -> TraceRecord:
    return trace_record(read_trace(trace, PRICES), _WithoutTexts())
