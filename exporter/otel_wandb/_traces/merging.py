"""Merges the spans that Logfire writes for one call.

For a streaming call Logfire writes a span for the request, which ends before the first chunk. When the stream ends, it
writes a log beside it: a span without a duration, with the answer and the usage. When a span starts, Logfire writes a
span of the type "pending_span" below it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from otel_wandb._genai.parsing import amount
from otel_wandb._spans.span import SpanRecord

_TYPE: Final = "logfire.span_type"
_PENDING: Final = "pending_span"
_LOG: Final = "log"
_TEMPLATE: Final = "logfire.msg_template"
_STREAM: Final = "streaming response from "
# Attributes of the request that both spans have. They distinguish parallel streams.
_REQUEST: Final = ("request_data", "gen_ai.input.messages", "gen_ai.request.model")
_ANSWERS: Final = ("response_data", "gen_ai.output.messages")


def merged(spans: tuple[SpanRecord, ...]) -> tuple[SpanRecord, ...]:
    """The spans of a trace, with each stream's log merged into its request, and without pending spans."""
    if not any(_TYPE in span.attributes for span in spans):
        return spans
    # If there are only pending spans, because the program died, they are kept.
    kept = {span.span_id: span for span in spans if span.attributes.get(_TYPE) != _PENDING}
    waiting = _waiting(kept.values())
    for log in [span for span in kept.values() if _ends_stream(span)]:
        request = _request_of(log, [one for one in waiting.get(log.parent_id, ()) if kept[one.span_id] is one])
        if request is not None:
            kept[request.span_id] = _with_answer(request, log)
            del kept[log.span_id]
    return tuple(kept.values()) or spans


def _ends_stream(span: SpanRecord) -> bool:
    template = span.attributes.get(_TEMPLATE)
    return span.attributes.get(_TYPE) == _LOG and isinstance(template, str) and template.startswith(_STREAM)


def _waiting(spans: Iterable[SpanRecord]) -> Mapping[str | None, Sequence[SpanRecord]]:
    """The spans without an answer, by the possible parents of their log: the span's parent, or the span itself."""
    found: dict[str | None, list[SpanRecord]] = {}
    for span in spans:
        if span.attributes.get(_TYPE) != _LOG and not any(key in span.attributes for key in _ANSWERS):
            found.setdefault(span.parent_id, []).append(span)
            found.setdefault(span.span_id, []).append(span)
    return found


def _request_of(log: SpanRecord, waiting: Sequence[SpanRecord]) -> SpanRecord | None:
    """The span of the same request. Of several, the one whose end is nearest to the start of the stream."""
    wanted = _request(log.attributes)
    if all(value is None for value in wanted):
        return None
    began = log.start_ns - (amount(log.attributes.get("duration")) or 0.0) * 1e9
    same = (span for span in waiting if _request(span.attributes) == wanted)
    return min(same, key=lambda span: abs(span.end_ns - began), default=None)


def _request(attributes: Mapping[str, Any]) -> Sequence[Any]:
    return [attributes.get(key) for key in _REQUEST]


def _with_answer(request: SpanRecord, log: SpanRecord) -> SpanRecord:
    return replace(
        request,
        end_ns=max(request.end_ns, log.end_ns),
        is_error=request.is_error or log.is_error,
        status_message=request.status_message or log.status_message,
        attributes={**log.attributes, "gen_ai.request.stream": True, **request.attributes},
        events=request.events + log.events,
        logs=request.logs + log.logs,
    )
