"""Converts messages of the journal to those of OpenAI's chat API, which Weave's chat view shows. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from otel_wandb._journal.schema import Message

ChatMessage: TypeAlias = Mapping[str, Any]

_TEXTS: Final = frozenset({"text", "reasoning"})


def chat_messages(messages: Sequence[Message], role: str) -> list[ChatMessage]:
    """The messages as `{"role", "content", "tool_calls"?, "tool_call_id"?, "name"?}`. `role` is the default role."""
    return [chat for message in messages for chat in _chats(message, role)]


def choices(messages: Sequence[Message]) -> list[Mapping[str, Any]]:
    """The answers as OpenAI's `choices`."""
    return [
        {
            "index": number,
            "message": next(iter(_chats(message, "assistant")), {"role": "assistant", "content": None}),
            "finish_reason": message.get("finish_reason"),
        }
        for number, message in enumerate(messages)
    ]


def _chats(message: Message, role: str) -> list[ChatMessage]:
    """Convert one message. Each result of a tool becomes a message of its own, as in the chat API."""
    own = message.get("role") or role
    if "parts" not in message:
        return [{"role": own, "content": message.get("text", "")}]
    parts = [part for part in message["parts"] if isinstance(part, Mapping)]
    results = [_result(part) for part in parts if part.get("type") == "tool_call_response"]
    calls = [_call(part) for part in parts if part.get("type") == "tool_call"]
    rest = [part for part in parts if part.get("type") not in {"tool_call", "tool_call_response"}]
    if results and not rest and not calls:
        return results
    found: dict[str, Any] = {"role": own, "content": _content(rest)}
    name = message.get("name")
    if name:
        found["name"] = name
    if calls:
        found["tool_calls"] = calls
    return [found, *results]


def _content(parts: Sequence[Mapping[str, Any]]) -> Any:
    """One text if all parts are texts, else a list of the parts."""
    if not parts:
        return None
    if all(part.get("type") in _TEXTS for part in parts):
        return "\n\n".join(str(part.get("content", "")) for part in parts)
    return [
        {"type": "text", "text": str(part.get("content", ""))} if part.get("type") in _TEXTS else part for part in parts
    ]


def _call(part: Mapping[str, Any]) -> Mapping[str, Any]:
    function = {"name": str(part.get("name") or ""), "arguments": _as_text(part.get("arguments"))}
    return {"id": part.get("id"), "type": "function", "function": function}


def _result(part: Mapping[str, Any]) -> ChatMessage:
    content = part["response"] if "response" in part else part.get("result")
    return {"role": "tool", "tool_call_id": part.get("id"), "content": _as_text(content)}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
