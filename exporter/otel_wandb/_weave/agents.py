"""Makes the attributes of a span for Weave's agents endpoint, which reads the GenAI conventions. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from otel_wandb._journal.schema import Call, Message
from otel_wandb._weave.source import Source, Texts, Value, as_json, first_and_last, of_call

_INPUTS: Final = "gen_ai.input.messages"
_OUTPUTS: Final = "gen_ai.output.messages"


def as_agent(source: Source) -> Iterator[tuple[str, Value]]:
    """The attributes that the agents endpoint reads. It groups traces by agent and conversation."""
    record, span, call = source.record, source.span, source.span["call"]
    agent = record["service"] or record["name"]
    yield "gen_ai.agent.name", agent
    yield "gen_ai.conversation.id", source.thread or record["trace_id"]
    if call is not None:
        yield from of_call(call)
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


def _of_step(source: Source, inputs: str, outputs: str) -> Iterator[tuple[str, Value]]:
    """The messages of a step. A root without messages gets those of the first and of the last call below it."""
    first, last = first_and_last(source.record) if source.is_root else (None, None)
    if inputs:
        yield _INPUTS, as_json([_said("user", inputs)])
    elif first is not None:
        yield from _asked(first, source.texts)
    if outputs:
        yield _OUTPUTS, as_json([_said("assistant", outputs)])
    elif last is not None:
        yield from _answered(last, source.texts)


def _asked(call: Call, texts: Texts) -> Iterator[tuple[str, Value]]:
    if call["asked"]:
        yield _INPUTS, as_json([_whole(message, "user") for message in texts.messages(call["asked"])])


def _answered(call: Call, texts: Texts) -> Iterator[tuple[str, Value]]:
    if call["answered"]:
        yield _OUTPUTS, as_json([_whole(message, "assistant") for message in texts.messages(call["answered"])])


def _messages(call: Call, texts: Texts) -> Iterator[tuple[str, Value]]:
    yield from _asked(call, texts)
    yield from _answered(call, texts)
    tools = texts.tools(call["tools"])
    if tools:
        yield "gen_ai.tool.definitions", as_json(list(tools))


def _whole(message: Message, role: str) -> Mapping[str, Any]:
    """A message in the form of the conventions, also if it is only a text."""
    return message if "parts" in message else _said(message.get("role") or role, message.get("text", ""))


def _said(role: str, text: str) -> Mapping[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _joined(texts: Mapping[str, str] | None) -> str:
    return "\n\n".join((texts or {}).values())
