"""Reads a trace once, for all sinks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from otel_wandb._costs.billing import Bill, bill_of
from otel_wandb._costs.prices import Price
from otel_wandb._genai.model_call import ModelCall
from otel_wandb._genai.nesting import innermost
from otel_wandb._genai.view import SpanView, read_view
from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.assembly import Trace
from otel_wandb._traces.merging import merged


@dataclass(frozen=True, slots=True)
class ReadTrace:
    """A trace with the views of its spans, in any dialect."""

    trace: Trace
    spans: Sequence[SpanRecord]
    """In the order of their starts. A span that only an attribute marks as failed has the error status too."""
    views: Mapping[str, SpanView]
    """By span id."""
    calls: Sequence[tuple[SpanRecord, ModelCall]]
    """The model calls, in the order of their starts."""
    bills: Sequence[Bill]
    """The tokens and cost of the calls, in the same order."""

    @property
    def roots(self) -> Sequence[SpanRecord]:
        """The spans without a parent in the trace. If all spans are in cycles, the first span."""
        known = {span.span_id for span in self.spans}
        return [span for span in self.spans if span.parent_id not in known] or self.spans[:1]

    @property
    def name(self) -> str:
        """The name of the root. If there are several roots, a name made of the trace id."""
        roots = self.roots
        return self.views[roots[0].span_id].name if len(roots) == 1 else f"trace {self.trace.trace_id[:8]}"

    @property
    def is_error(self) -> bool:
        """Whether a root failed."""
        return any(span.is_error for span in self.roots)

    @property
    def error(self) -> str | None:
        """The error of the first failed span."""
        return next((span.status_message or span.name for span in self.spans if span.is_error), None)


def read_trace(trace: Trace, prices: Mapping[str, Price]) -> ReadTrace:
    """Read every span of `trace`. Of nested calls the innermost counts."""
    records = merged(trace.spans)
    views = innermost(records, {span.span_id: read_view(span) for span in records})
    spans = [_with_status(span, views[span.span_id]) for span in records]
    calls = tuple((span, call) for span in spans if (call := views[span.span_id].call) is not None)
    return ReadTrace(trace, spans, views, calls, [bill_of(call, prices, span.start_ns) for span, call in calls])


def _with_status(span: SpanRecord, view: SpanView) -> SpanRecord:
    if span.is_error or not view.is_error:
        return span
    return replace(span, is_error=True, status_message=span.status_message or view.message)
