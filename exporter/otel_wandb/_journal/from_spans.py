"""Makes records of ended traces without a file, to show them at once."""

from collections.abc import Iterable, Sequence

from opentelemetry.sdk.trace import ReadableSpan

from otel_wandb._costs.prices import PRICES
from otel_wandb._journal.records import trace_record
from otel_wandb._journal.schema import Message, TraceRecord
from otel_wandb._spans.clean import Json
from otel_wandb._spans.span import read_span
from otel_wandb._traces.assembly import TraceAssembler
from otel_wandb._traces.read_trace import read_trace


def records_of(spans: Iterable[ReadableSpan]) -> list[TraceRecord]:
    """The records of the traces of `spans`, which must be complete. Ids of messages and tools are all 0."""
    assembler = TraceAssembler()
    for span in spans:
        assembler.offer(read_span(span), 0.0)
    return [trace_record(read_trace(trace, PRICES), _WithoutTexts()) for trace in assembler.drain(0.0)]


class _WithoutTexts:
    def add_message(self, message: Message) -> int:  # noqa: ARG002
        return 0

    def add_tools(self, tools: Sequence[Json]) -> int:  # noqa: ARG002
        return 0
