"""The span processor: hands finished spans to an exporter at once, and says which spans are still open."""

from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel_wandb._exporter import WandbSpanExporter
from otel_wandb._traces.open_spans import OPEN_SPANS


class WandbSpanProcessor(SpanProcessor):
    """A `WandbSpanExporter` with a processor made for it.

    Takes the arguments of the exporter, or an exporter as `exporter`.

    The exporter takes a span in microseconds and batches by itself, so each is handed over when it ends: nothing waits
    in a queue that an exit could lose. And a trace is not taken as finished while one of its spans is open, however
    long that takes (up to `OTEL_WANDB_MAX_AGE`), and as finished 0.05 seconds after the last has ended
    (`OTEL_WANDB_QUIET`); behind another processor the exporter can only go by time.

    Raises what `WandbSpanExporter` raises, TypeError for an exporter that comes together with arguments for another.
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
        """Hand a span that was sampled to the exporter, and only then take it for ended: its trace waits for it."""
        context = span.get_span_context()
        try:
            if context is not None and context.trace_flags.sampled:
                self.exporter.export((span,))
        finally:
            OPEN_SPANS.on_end(span)

    def shutdown(self) -> None:
        """Write everything, and close the run if it is the exporter's."""
        self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write everything that has ended; True if that was done in time, and nothing was lost."""
        return self.exporter.force_flush(timeout_millis)
