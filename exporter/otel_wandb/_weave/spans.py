"""Makes the spans that Weave reads best of a trace of the journal. Pure.

Weave keeps the first of a list of attributes as a call's inputs and outputs, makes a tree of all names by their dots,
and refuses a span where one name is a branch and a leaf (`weave.trace_server.opentelemetry` of weave 0.53.12). So a
span for Weave has few attributes, all of them ours: `inputs` and `output` as JSON, and what else is known in
`wandb.attributes`. The agents' endpoint reads the GenAI conventions.
"""

import enum
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from otel_wandb._journal.schema import Call, Message, Span, TraceRecord
from otel_wandb._traces.sink import Place
from otel_wandb._weave.messages import chat_messages, choices

Value: TypeAlias = str | int | float | bool | Sequence[str]

_EXCEPTION: Final = "exception"
_INPUTS: Final = "gen_ai.input.messages"
_OUTPUTS: Final = "gen_ai.output.messages"
_FAILED: Final = "failed"  # Weave shows a failed call as successful where its status has no description
_OF_USAGE: Final = {
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
}


class Endpoint(enum.Enum):
    """The two ways into Weave: calls, which are linked with runs, and agents."""

    CALLS = "calls"
    AGENTS = "agents"


class Texts(Protocol):
    """The messages and tools that a record names by their ids."""

    def messages(self, ids: Sequence[int]) -> Sequence[Message]:
        """The messages with these ids."""
        ...

    def tools(self, number: int | None) -> Sequence[Any]:
        """The definitions with this id; none for None."""
        ...


@dataclass(frozen=True, slots=True)
class WeaveEvent:
    """An exception that a span recorded."""

    name: str
    time_ns: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WeaveSpan:
    """One span as it is sent; ids are hex, times nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start_ns: int
    end_ns: int
    error: str | None
    """What is said of a failure; None for a success."""
    attributes: Mapping[str, Value]
    events: Sequence[WeaveEvent]


def weave_spans(record: TraceRecord, texts: Texts, place: Place, endpoint: Endpoint) -> list[WeaveSpan]:
    """The spans of a trace, for one of Weave's endpoints."""
    known = {span["id"] for span in record["spans"]}
    attributes_of = _as_call if endpoint is Endpoint.CALLS else _as_agent
    return [
        WeaveSpan(
            trace_id=record["trace_id"],
            span_id=span["id"],
            parent_id=span["parent"],
            name=span["name"],
            start_ns=span["start"],
            end_ns=span["end"],
            error=_error(span),
            attributes=dict(attributes_of(_Source(record, span, texts, place, span["parent"] not in known))),
            events=list(_exceptions(span)),
        )
        for span in record["spans"]
    ]


@dataclass(frozen=True, slots=True)
class _Source:
    record: TraceRecord
    span: Span
    texts: Texts
    place: Place
    is_root: bool

    @property
    def thread(self) -> str | None:
        return self.record["session"] or self.record["conversation"]


def _error(span: Span) -> str | None:
    if not span["error"]:
        return None
    call = span["call"]
    return span["status"] or (call["error_type"] if call is not None else None) or _FAILED


def _exceptions(span: Span) -> Iterator[WeaveEvent]:
    for event in span["events"]:
        said = event["attributes"]
        if event["name"] == _EXCEPTION and isinstance(said, Mapping):
            texts = {key: value for key, value in said.items() if key.startswith("exception.") and _is_text(value)}
            yield WeaveEvent(_EXCEPTION, event["time"], texts)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _as_call(source: _Source) -> Iterator[tuple[str, Value]]:
    """The attributes of a call of Weave's."""
    span, call = source.span, source.span["call"]
    inputs, output = _sides(source)
    if inputs:
        yield "inputs", _json(inputs)
    if output:
        yield "output", output if isinstance(output, str) else _json(output)
    yield "weave.span.kind", span["kind"]
    yield "wandb.display_name", span["name"]
    if source.thread is not None:
        yield "wandb.thread_id", source.thread
        if source.is_root and inputs:  # Weave's page of a thread cannot show a turn without
            yield "wandb.is_turn", True
    yield "wandb.wb_run_id", source.place.run_id
    if source.place.step is not None:
        yield "wandb.wb_run_step", source.place.step
    if call is not None:
        yield from _of_call(call)
    yield "wandb.attributes", _json(_more(source))


def _sides(source: _Source) -> tuple[Mapping[str, Any], Any]:
    """What goes in and what comes out. A root that says neither shows the first question and the last answer below."""
    span, texts = source.span, source.texts
    if span["call"] is not None:
        return _inputs(span["call"], texts), _output(span["call"], texts)
    inputs: Mapping[str, Any] = span["inputs"] or {}
    output: Any = "\n\n".join((span["outputs"] or {}).values())
    if source.is_root and not inputs and not output:
        first, last = _first_and_last(source.record)
        asked = [] if first is None else chat_messages(texts.messages(first["asked"]), "user")
        return ({"messages": asked} if asked else {}), {} if last is None else _output(last, texts)
    return inputs, output


def _first_and_last(record: TraceRecord) -> tuple[Call | None, Call | None]:
    """The first call that asks something, and the last one that was answered."""
    calls = [call for span in record["spans"] if (call := span["call"]) is not None]
    return (
        next((call for call in calls if call["asked"]), None),
        next((call for call in reversed(calls) if call["answered"]), None),
    )


def _inputs(call: Call, texts: Texts) -> Mapping[str, Any]:
    tools = list(texts.tools(call["tools"]))
    found = {
        "model": call["request_model"] or call["response_model"],
        "messages": chat_messages(texts.messages(call["asked"]), "user"),
        "tools": tools,
        **call["parameters"],
    }
    return {name: value for name, value in found.items() if value not in (None, [], {})}


def _output(call: Call, texts: Texts) -> Mapping[str, Any]:
    answers = choices(texts.messages(call["answered"]))
    if not answers:
        return {}
    usage = call["usage"]
    counts = {"prompt_tokens": usage["input"], "completion_tokens": usage["output"], "total_tokens": usage["total"]}
    found = {
        "id": call["response_id"],
        "model": call["response_model"],
        "choices": answers,
        "usage": {name: count for name, count in counts.items() if count is not None},
    }
    return {name: value for name, value in found.items() if value not in (None, {})}


def _of_call(call: Call) -> Iterator[tuple[str, Value]]:
    """What the GenAI conventions call it, which both endpoints read."""
    said = {
        "gen_ai.operation.name": call["operation"],
        "gen_ai.provider.name": call["provider"],
        "gen_ai.request.model": call["request_model"],
        "gen_ai.response.model": call["response_model"],
        "gen_ai.response.id": call["response_id"],
        "error.type": call["error_type"],
    }
    yield from ((name, value) for name, value in said.items() if value)
    if call["finish_reasons"]:
        yield "gen_ai.response.finish_reasons", list(call["finish_reasons"])
    for name, attribute in _OF_USAGE.items():
        count = call["usage"].get(name)
        if isinstance(count, int):
            yield attribute, count


def _more(source: _Source) -> Mapping[str, Any]:
    """What else is known, which Weave adds to the call's attributes."""
    record, span, call = source.record, source.span, source.span["call"]
    found: dict[str, Any] = {
        "service": record["service"],
        "user": record["user"],
        "tags": list(record["tags"]),
        "session": record["session"],
        "conversation": record["conversation"],
        "instrumentation": span["scope"],
        "span": dict(span["attributes"]),
    }
    if call is not None:
        found |= {
            "cost": call["cost"],
            "cost_reason": call["cost_reason"],
            "tokens_estimated": call["estimated"] or None,
            "reasoning_tokens": call["usage"]["reasoning"],
            "time_to_first_chunk": call["first_chunk"],
            "stream_end": call["stream_end"],
            "prompt_name": call["prompt_name"],
            "prompt_version": call["prompt_version"],
            "error_type": call["error_type"],
            "http_status": call["http_status"],
            "http_request_id": call["http_request_id"],
        }
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def _as_agent(source: _Source) -> Iterator[tuple[str, Value]]:
    """The attributes that the agents' endpoint reads. It lists a trace by its agent and its conversation."""
    record, span, call = source.record, source.span, source.span["call"]
    agent = record["service"] or record["name"]
    yield "gen_ai.agent.name", agent
    yield "gen_ai.conversation.id", source.thread or record["trace_id"]
    if call is not None:
        yield from _of_call(call)
        yield from _messages(call, source.texts)
        return
    inputs, outputs = _joined(span["inputs"]), _joined(span["outputs"])
    if span["kind"] == "tool":
        said = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": span["name"],
            "gen_ai.tool.call.arguments": inputs,
            "gen_ai.tool.call.result": outputs,
        }
        yield from ((name, value) for name, value in said.items() if value)
        return
    if source.is_root or span["kind"] == "agent":
        yield "gen_ai.operation.name", "invoke_agent"
    yield from _of_step(source, inputs, outputs)


def _of_step(source: _Source, inputs: str, outputs: str) -> Iterator[tuple[str, Value]]:
    """A step has the messages that it says; a root that says none those of the first and the last call below it."""
    first, last = _first_and_last(source.record) if source.is_root else (None, None)
    if inputs:
        yield _INPUTS, _json([_said("user", inputs)])
    elif first is not None:
        yield from _asked(first, source.texts)
    if outputs:
        yield _OUTPUTS, _json([_said("assistant", outputs)])
    elif last is not None:
        yield from _answered(last, source.texts)


def _asked(call: Call, texts: Texts) -> Iterator[tuple[str, Value]]:
    if call["asked"]:
        yield _INPUTS, _json([_whole(message, "user") for message in texts.messages(call["asked"])])


def _answered(call: Call, texts: Texts) -> Iterator[tuple[str, Value]]:
    if call["answered"]:
        yield _OUTPUTS, _json([_whole(message, "assistant") for message in texts.messages(call["answered"])])


def _messages(call: Call, texts: Texts) -> Iterator[tuple[str, Value]]:
    yield from _asked(call, texts)
    yield from _answered(call, texts)
    tools = texts.tools(call["tools"])
    if tools:
        yield "gen_ai.tool.definitions", _json(list(tools))


def _whole(message: Message, role: str) -> Mapping[str, Any]:
    """A message of the conventions, also where it was only a text."""
    return message if "parts" in message else _said(message.get("role") or role, message.get("text", ""))


def _said(role: str, text: str) -> Mapping[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _joined(texts: Mapping[str, str] | None) -> str:
    return "\n\n".join((texts or {}).values())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
