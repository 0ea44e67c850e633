"""The sources of spans for the pipeline. A source measures and reads spans of one kind."""

from typing import Protocol, TypeVar

from opentelemetry.sdk.trace import ReadableSpan

from otel_wandb._spans.log_records import LogStore
from otel_wandb._spans.size import size_of
from otel_wandb._spans.span import SpanRecord, read_span

S_contra = TypeVar("S_contra", contravariant=True)


class Source(Protocol[S_contra]):
    """Measures spans in the thread that exports them, and reads them in the pipeline's thread."""

    def size_of(self, span: S_contra, /) -> int:
        """Roughly the bytes of a span. Returns the same number each time."""
        ...

    def read(self, span: S_contra, /) -> SpanRecord:
        """The record of a span. May raise any exception."""
        ...

    def with_late_logs(self, spans: tuple[SpanRecord, ...]) -> tuple[SpanRecord, ...]:
        """The spans of a finished trace, with log records that came after the spans were read."""
        ...


class SdkSpans:
    """Finished spans of this process's SDK, with the log records that were emitted in them."""

    def __init__(self, logs: LogStore) -> None:
        self._logs = logs

    def size_of(self, span: ReadableSpan, /) -> int:
        """See `Source`."""
        return size_of(span)

    def read(self, span: ReadableSpan, /) -> SpanRecord:
        """See `Source`."""
        context = span.get_span_context()
        return read_span(span, () if context is None else self._logs.take(context.trace_id, context.span_id))

    def with_late_logs(self, spans: tuple[SpanRecord, ...]) -> tuple[SpanRecord, ...]:
        """See `Source`. A log record is emitted before its span ends."""
        return spans
