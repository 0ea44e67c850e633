"""The span processor: exports each span when it ends, and tracks which spans are open."""

from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel_wandb._exporter import WandbSpanExporter
from otel_wandb._traces.open_spans import OPEN_SPANS


class WandbSpanProcessor(SpanProcessor):
    """A processor with a `WandbSpanExporter`.

    Takes the arguments of the exporter, or an exporter as `exporter`.

    Each span is exported when it ends, which takes microseconds, because the exporter itself batches. So no span waits
    in a queue that an exit could lose. The exporter also learns which spans are open. A trace is finished 0.05 seconds
    after its last span has ended (`OTEL_WANDB_QUIET`), however long a span is open (up to `OTEL_WANDB_MAX_AGE`). Behind
    another processor, the exporter only knows the time since the last span came.

    Raises the errors of `WandbSpanExporter`, and TypeError if arguments are given together with `exporter`.
    """

    holds_nothing_back = True

    def __init__(self, *, exporter: WandbSpanExporter | None = None, **arguments: Any) -> None:
        if exporter is not None and arguments:
            raise TypeError(f"an exporter was given: {', '.join(arguments)} cannot be given with it")
        self.exporter = exporter or WandbSpanExporter(**arguments)
        """The exporter, for `log_feedback`, `counters`, ..."""
        self.exporter.expect_at_once()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note that a span is open."""
        OPEN_SPANS.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Export a sampled span, and then note that it has ended, so that its trace is not finished without it."""
        context = span.get_span_context()
        try:
            if context is not None and context.trace_flags.sampled:
                self.exporter.export((span,))
        finally:
            OPEN_SPANS.on_end(span)

    def shutdown(self) -> None:
        """Write everything, and close the run if the exporter opened it."""
        self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write all ended spans. Returns whether they were written in time and nothing was lost since the last call."""
        return self.exporter.force_flush(timeout_millis)
