"""Converts a chat to an example in OpenAI's fine-tuning format, with messages as openai 0.28 sends them. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from otel_openai_wandb._export.selection import FoundCall
from otel_wandb._interface.journal import Message, Texts
from otel_wandb._interface.records import DESCRIPTOR

_ROLES: Final = frozenset({"system", "user", "assistant", "function", "tool"})
_STOPPED: Final = frozenset({"length", "content_filter"})
# The marks of values that were too long, too many or too deep, as the instrumentation and the exporter write them.
_CUT: Final = re.compile(r"(?:\.\.\.|…) \[\d+ (?:characters cut|left out)\]\Z|\A(?:… \d+ more|<(?:dict|list|tuple)>)\Z")
_MORE: Final = "…"

FAILED: Final = "failed"
NO_CHAT: Final = "no chat"
NOT_RECORDED: Final = "messages not recorded"
UNFINISHED: Final = "answer not finished"
CUT: Final = "cut when recorded"
UNKNOWN: Final = "not in the form of a chat"


class InexpressibleError(Exception):
    """The format cannot express the chat; the message is one of the reasons above."""


def examples(found: FoundCall, texts: Texts) -> list[Mapping[str, Any]]:
    """An example for each answer of a call, with the messages before it. Raises InexpressibleError."""
    call = found.call
    if call["operation"] != "chat":
        raise InexpressibleError(NO_CHAT)
    if found.span["error"]:
        raise InexpressibleError(FAILED)
    asked, answers = texts.messages(call["asked"]), texts.messages(call["answered"])
    if not _is_finished(call["stream_end"], answers):
        raise InexpressibleError(UNFINISHED)
    if not asked or not answers or len(asked) + len(answers) < len(call["asked"]) + len(call["answered"]):
        raise InexpressibleError(NOT_RECORDED)
    functions = [_function(tool) for tool in texts.tools(call["tools"])]
    before = [message for one in asked for message in _messages(one)]
    return [_example([*before, *_messages(answer)], functions) for answer in answers]


def _is_finished(stream_end: str | None, answers: Sequence[Message]) -> bool:
    """Whether the model finished its answers. A stream that was closed early may still have a whole answer."""
    reasons = [answer.get("finish_reason") for answer in answers]
    was_left = stream_end not in (None, "exhausted") and (not reasons or None in reasons)
    return not was_left and _STOPPED.isdisjoint(reasons)


def _example(messages: Sequence[Mapping[str, Any]], functions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """An example; definitions are under `tools` if the messages have tool calls, else under `functions`."""
    if not functions:
        return {"messages": messages}
    if any("tool_calls" in message or "tool_call_id" in message for message in messages):
        return {"messages": messages, "tools": [{"type": "function", "function": one} for one in functions]}
    return {"messages": messages, "functions": functions}


def _messages(message: Message) -> Iterator[Mapping[str, Any]]:
    """Convert a message. Each tool response becomes a message of role `tool`."""
    role, parts = message.get("role"), message.get("parts")
    if role not in _ROLES or not isinstance(parts, (list, tuple)):
        raise InexpressibleError(UNKNOWN)
    _check(parts)
    name = {"name": said} if (said := message.get("name")) else {}
    if role == "tool":
        for part in parts:
            yield {"role": role, **name, "tool_call_id": _of_kind(part, "tool_call_response").get("id"), **_gave(part)}
    elif role == "function":
        (part,) = _at_most_one(parts) or ({"type": "tool_call_response", "response": ""},)
        yield {"role": role, **name, **_gave(_of_kind(part, "tool_call_response"))}
    else:
        yield {"role": role, **name, **_said(parts)}


def _said(parts: Sequence[Any]) -> Mapping[str, Any]:
    calls = [part for part in parts if isinstance(part, Mapping) and part.get("type") == "tool_call"]
    content = [_content(part) for part in parts if part not in calls]
    only = content[0] if len(content) == 1 else None
    said: Any = content or (None if calls else "")
    return {"content": only["text"] if only is not None and only["type"] == "text" else said, **_called(calls)}


def _called(calls: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    if not calls:
        return {}
    if all(call.get("id") for call in calls):
        return {"tool_calls": [{"id": one["id"], "type": "function", "function": _call(one)} for one in calls]}
    (call,) = _at_most_one(calls)
    return {"function_call": _call(call)}


def _call(part: Mapping[str, Any]) -> Mapping[str, Any]:
    arguments = part.get("arguments")
    return {"name": part.get("name"), "arguments": arguments if isinstance(arguments, str) else _json(arguments)}


def _gave(part: Mapping[str, Any]) -> Mapping[str, Any]:
    response = part.get("response", part.get("result"))
    return {"content": response if isinstance(response, str) else "" if response is None else _json(response)}


def _content(part: Any) -> Mapping[str, Any]:
    """Convert one part of a message's content."""
    if isinstance(part, Mapping):
        content, address = part.get("content"), part.get("uri")
        if part.get("type") == "text" and isinstance(content, str):
            return {"type": "text", "text": content}
        if part.get("type") == "uri" and part.get("modality") == "image" and isinstance(address, str):
            return {"type": "image_url", "image_url": {"url": address}}
    raise InexpressibleError(UNKNOWN)


def _function(tool: Any) -> Mapping[str, Any]:
    """Convert the definition of a tool to that of a function."""
    inner = tool.get("function") if isinstance(tool, Mapping) else None
    found = inner if isinstance(inner, Mapping) else tool
    if not isinstance(found, Mapping) or not isinstance(found.get("name"), str):
        raise InexpressibleError(UNKNOWN)
    _check(found)
    return {key: value for key, value in found.items() if key != "type"}


def _of_kind(part: Any, kind: str) -> Mapping[str, Any]:
    if not isinstance(part, Mapping) or part.get("type") != kind:
        raise InexpressibleError(UNKNOWN)
    return part


def _at_most_one(parts: Sequence[Any]) -> Sequence[Any]:
    if len(parts) > 1:
        raise InexpressibleError(UNKNOWN)
    return parts


def _check(value: Any) -> None:
    """Raise InexpressibleError if `value` was cut or contains bytes that were not recorded."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if _CUT.search(one):
                raise InexpressibleError(CUT)
        elif isinstance(one, Mapping):
            if _MORE in one:
                raise InexpressibleError(CUT)
            if one.get("type") == DESCRIPTOR:  # bytes
                raise InexpressibleError(NOT_RECORDED)
            waiting += one.values()
        elif isinstance(one, (list, tuple)):
            waiting += one


def _json(value: Any) -> str:
    """JSON with spaces, as models write it."""
    return json.dumps(value, ensure_ascii=False)
