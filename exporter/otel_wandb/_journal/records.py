"""Makes the records of the journal from the same objects as the history row and the tables. Pure."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from otel_wandb._costs.billing import Bill, summed, total_cost
from otel_wandb._genai.conversation import Message as SaidMessage
from otel_wandb._genai.model_call import Kind, ModelCall
from otel_wandb._genai.parsing import MAPPING
from otel_wandb._genai.reading import is_shown_event, shown_attributes
from otel_wandb._genai.view import SpanView
from otel_wandb._journal.schema import (
    Call,
    Event,
    FeedbackRecord,
    Message,
    Span,
    SpanKind,
    Totals,
    TraceRecord,
    UsageOfCall,
)
from otel_wandb._records.markdown import texts_of, texts_of_call
from otel_wandb._records.timeline import labels
from otel_wandb._spans import attributes as names
from otel_wandb._spans.clean import Json, clean, clean_text
from otel_wandb._spans.span import EventRecord, SpanRecord
from otel_wandb._traces.feedback import Feedback
from otel_wandb._traces.read_trace import ReadTrace

_LONGEST: Final = 16 << 20  # characters of a text; the size of waiting spans is limited before
_DEEPEST: Final = 40  # levels: definitions of tools are JSON schemas
_EMBEDDINGS: Final = frozenset({"embeddings", "embedding"})
_KINDS: Final[Mapping[Kind, SpanKind]] = {
    Kind.LLM: "llm",
    Kind.TOOL: "tool",
    Kind.AGENT: "agent",
    Kind.CHAIN: "chain",
}


class Numbering(Protocol):
    """Numbers messages and tools, which are written once in a file."""

    def add_message(self, message: Message) -> int:
        """The id of a message in the file."""
        ...

    def add_tools(self, tools: Sequence[Json]) -> int:
        """The id of a list of definitions in the file."""
        ...


def trace_record(read: ReadTrace, numbering: Numbering) -> TraceRecord:
    """The record of a trace. Messages and definitions of tools get their ids from `numbering`."""
    trace = read.trace
    bills = {span.span_id: bill for (span, _), bill in zip(read.calls, read.bills, strict=True)}
    calls = [call for _, call in read.calls]
    spans = [_span(span, read.views[span.span_id], bills.get(span.span_id), numbering) for span in read.spans]
    return {
        "record": "trace",
        "trace_id": trace.trace_id,
        "sequence": trace.sequence,
        "complete": trace.is_complete,
        "reason": trace.reason.value,
        "name": clean_text(read.name),
        "status": "ERROR" if read.is_error else "SUCCESS",
        "error": _text(read.error),
        "start": min(span.start_ns for span in trace.spans),
        "end": max(span.end_ns for span in trace.spans),
        "service": _text(str(trace.spans[0].resource.get(names.SERVICE_NAME) or "")),
        "remote_parent": next((span.parent_id for span in trace.spans if span.parent_is_remote), None),
        "session": _first(calls, lambda call: call.session),
        "conversation": _first(calls, lambda call: call.conversation),
        "user": _first(calls, lambda call: call.user),
        "tags": list(dict.fromkeys(clean_text(tag) for call in calls for tag in call.tags)),
        "totals": _totals(read.bills),
        "spans": spans,
    }


def feedback_record(source: Feedback) -> FeedbackRecord:
    """The record of feedback."""
    value = source.value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        said: float | str = float(value) if isinstance(value, bool) else clean_text(value)
    else:
        said = value if _is_json(value) else str(clean(value))
    return {
        "record": "feedback",
        "trace_id": source.trace_id,
        "name": clean_text(source.name),
        "value": said,
        "time": int(source.seconds * 1e9),
    }


def _is_json(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _totals(bills: Sequence[Bill]) -> Totals:
    cost = total_cost(bills)
    return {
        "calls": len(bills),
        "input": summed(bill.usage.input for bill in bills),
        "output": summed(bill.usage.output for bill in bills),
        "total": summed(bill.usage.total for bill in bills),
        "estimated": any(bill.is_estimated for bill in bills),
        "cost": cost.dollars if bills else None,
        "cost_reason": cost.reason,
    }


def _first(calls: Sequence[ModelCall], read: Callable[[ModelCall], str | None]) -> str | None:
    return _text(next(filter(None, map(read, calls)), None))


def _span(span: SpanRecord, view: SpanView, bill: Bill | None, numbering: Numbering) -> Span:
    call = None if view.call is None or bill is None else view.call
    inputs, outputs = (None, None) if call is not None else _sides(view)
    return {
        "id": span.span_id,
        "parent": span.parent_id,
        "name": clean_text(view.name),
        "kind": _kind(view),
        "start": span.start_ns,
        "end": span.end_ns,
        "error": span.is_error,
        "status": _text(span.status_message),
        "attributes": {
            clean_text(key): clean(value, _LONGEST)
            for key, value in shown_attributes(span.attributes, is_genai=view.is_genai)
        },
        "events": [_event(event) for event in (*span.events, *span.logs) if is_shown_event(event)],
        "inputs": inputs,
        "outputs": outputs,
        "scope": clean_text(span.scope),
        "call": None if call is None or bill is None else _call(call, bill, numbering),
    }


def _sides(view: SpanView) -> tuple[Mapping[str, str] | None, Mapping[str, str] | None]:
    """The input and the output of a step, with the labels of the timeline."""
    texts, (given, gave) = texts_of(view), labels(view.kind)
    return (
        None if texts.input is None else {given: clean_text(texts.input, _LONGEST)},
        None if texts.output is None else {gave: clean_text(texts.output, _LONGEST)},
    )


def _kind(view: SpanView) -> SpanKind:
    if view.call is not None and view.call.operation in _EMBEDDINGS:
        return "embedding"
    return _KINDS[view.kind]


def _event(event: EventRecord) -> Event:
    found: Event = {
        "name": clean_text(event.name),
        "time": event.time_ns,
        "attributes": clean(event.attributes, _LONGEST),
    }
    if event.body is not None:
        found["body"] = clean(event.body, _LONGEST)
    return found


def _call(call: ModelCall, bill: Bill, numbering: Numbering) -> Call:
    usage: UsageOfCall = {
        "input": bill.usage.input,
        "output": bill.usage.output,
        "total": bill.usage.total,
        "cache_read": bill.usage.cache_read,
        "cache_write": bill.usage.cache_write,
        "reasoning": bill.usage.reasoning,
    }
    definitions = [clean(tool, _LONGEST, _DEEPEST) for tool in call.tool_definitions]
    return {
        "operation": clean_text(call.operation),
        "provider": _text(call.provider),
        "request_model": _text(call.request_model),
        "response_model": _text(call.response_model),
        "response_id": _text(call.response_id),
        "asked": [numbering.add_message(message) for message in _asked(call)],
        "answered": [numbering.add_message(message) for message in _answered(call)],
        "tools": numbering.add_tools(definitions) if definitions else None,
        "parameters": {name: clean(value, _LONGEST) for name, value in call.parameters.items()},
        "usage": usage,
        "estimated": bill.is_estimated,
        "cost": bill.cost.dollars,
        "cost_reason": bill.cost.reason,
        "finish_reasons": [clean_text(reason) for reason in call.finish_reasons],
        "first_chunk": call.time_to_first_chunk,
        "stream_end": _text(call.stream_end),
        "prompt_name": _text(call.prompt_name),
        "prompt_version": _text(call.prompt_version),
        "session": _text(call.session),
        "conversation": _text(call.conversation),
        "user": _text(call.user),
        "tags": [clean_text(tag) for tag in call.tags],
        "error_type": _text(call.error_type),
        "http_status": call.http_status,
        "http_request_id": _text(call.http_request_id),
    }


def _asked(call: ModelCall) -> Iterator[Message]:
    """The input messages, after the system instructions. OpenLIT repeats these as a message; then they come once."""
    messages = [_message(message) for message in call.asked]
    parts = [part if isinstance(part, MAPPING) else {"type": "text", "content": part} for part in call.instructions]
    if parts:
        system = _message({"role": "system", "parts": parts})
        if system not in messages:
            yield system
    yield from messages


def _answered(call: ModelCall) -> Iterator[Message]:
    """The output messages. An output without messages becomes a text: the number of vectors, or a moderation result."""
    if call.answered:
        return map(_message, call.answered)
    return ({"text": clean_text(response, _LONGEST)} for response in texts_of_call(call).outputs)


def _message(message: SaidMessage) -> Message:
    if isinstance(message, str):
        return {"text": clean_text(message, _LONGEST)}
    found: Any = clean(message, _LONGEST, _DEEPEST)
    converted: Message = found
    return converted


def _text(value: str | None) -> str | None:
    """A cleaned text; None if it is empty."""
    return clean_text(value, _LONGEST) if value else None
