"""The traces of the demo, as the exporter shows them in W&B."""

from collections.abc import Iterator

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from otel_wandb._records.timeline import Node, timeline
from otel_wandb._spans.span import read_span
from otel_wandb._traces.assembly import TraceAssembler

_LONGEST_TEXT = 1_000


class Collector(SpanProcessor):
    """Keeps spans that ended; for one thread."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self._spans.append(span)

    def take(self) -> list[Node]:
        """The traces of the spans since the last time, each by its root."""
        spans, self._spans = self._spans, []
        assembler = TraceAssembler()
        for span in spans:
            assembler.offer(read_span(span), 0.0)
        return [timeline(trace, _LONGEST_TEXT).root for trace in assembler.drain(0.0)]


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for child in node.children:
        yield from walk(child)
