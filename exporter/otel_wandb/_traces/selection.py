"""Selects the wanted spans of a trace, and all spans above them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from otel_wandb._genai.view import is_genai
from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.assembly import Trace

Wanted: TypeAlias = Callable[[SpanRecord], bool]

KEEPS: Final[Mapping[str, Wanted]] = {"llm": is_genai, "all": lambda _: True}


def select(trace: Trace, wanted: Wanted) -> Trace | None:
    """`trace` without spans that are neither wanted nor above a wanted one; None if nothing is wanted."""
    spans = {span.span_id: span for span in trace.spans}
    kept: set[str] = set()
    for span in trace.spans:
        if wanted(span):
            above: SpanRecord | None = span
            while above is not None and above.span_id not in kept:
                kept.add(above.span_id)
                above = spans.get(above.parent_id or "")
    if not kept:
        return None
    return (
        trace if len(kept) == len(spans) else replace(trace, spans=tuple(s for s in trace.spans if s.span_id in kept))
    )
