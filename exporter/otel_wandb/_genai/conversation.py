"""Converts the messages of every dialect to those of the GenAI conventions (`opentelemetry-util-genai` 1.3b0).

A message is `{"role", "parts", "name"?, "finish_reason"?}`. Messages that have this form already are passed on with all
their other keys. Any other value stays a text.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from otel_wandb._genai.parsing import MAPPING, document, first_of, inline, is_cut, listed, parsed
from otel_wandb._genai.parts import Part, content_parts, tool_call, tool_response

Message: TypeAlias = Mapping[str, Any] | str
Messages: TypeAlias = tuple[Message, ...]

# Keys of objects that contain a message: a choice of OpenAI, and the items of OpenInference's lists.
_WRAPPERS: Final = ("message", "prompt", "completion", "embedding")
_MESSAGE_KEYS: Final = frozenset({"role", "content", "contents", "text", "tool_calls", "function_call"})
_ANSWERING: Final = frozenset({"tool", "function"})
_ROLES_OF_EVENTS: Final[Mapping[str, str]] = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
INPUT_EVENTS: Final = frozenset(_ROLES_OF_EVENTS)
OUTPUT_EVENT: Final = "gen_ai.choice"


def input_messages(value: Any) -> Messages | None:
    """The messages of a list of messages, or of its JSON, in any form."""
    return _messages(parsed(value), "user")


def output_messages(value: Any) -> Messages | None:
    """The messages of an answer, as `input_messages`, with one message for each choice."""
    return _messages(parsed(value), "assistant")


def asked(value: Any) -> Messages | None:
    """The messages of a request's body, of a prompt, or of a list of prompts."""
    found = document(value)
    if isinstance(found, MAPPING):
        for name in ("messages", "prompt", "input"):
            if name in found:
                system = found.get("system")
                return (*_prompts(system, "system"), *_prompts(found[name], "user"))
    return None if found is None else _prompts(found, "user")


def answered(value: Any) -> Messages | None:
    """The messages of a response's body, without vectors."""
    found = document(value)
    if isinstance(found, MAPPING):
        if isinstance(found.get("data"), (list, tuple)):
            return None
        for name in ("choices", "output", "messages"):
            if isinstance(found.get(name), (list, tuple)):
                return _messages(found[name], "assistant")
    return None if found is None else _prompts(found, "assistant")


def conversation(value: Any) -> Messages | None:
    """The messages in `value`, if that is a conversation."""
    found = document(value)
    if isinstance(found, MAPPING):
        found = found.get("messages")
    if not isinstance(found, (list, tuple)) or not found:
        return None
    if all(isinstance(item, MAPPING) and "role" in item for item in found):
        return _messages(found, "user")
    return None


def asked_in_events(value: Any) -> Messages | None:
    """The messages among events, each `{"event.name", "body"}` or with the name in its body."""
    events = _named(value)
    return tuple(_said_in(body, _ROLES_OF_EVENTS[name]) for name, body in events if name in _ROLES_OF_EVENTS) or None


def answered_in_events(value: Any) -> Messages | None:
    """The choices among events, in the same form."""
    return tuple(_said_in(body, "assistant") for name, body in _named(value) if name == OUTPUT_EVENT) or None


def said(value: Any) -> Messages:
    """The message of an answer that is always text, even if it looks like JSON."""
    return (_text_message(inline(value), "assistant"),)


def instructions(value: Any) -> tuple[Any, ...] | None:
    """System instructions: parts, or a text."""
    found = parsed(value)
    if isinstance(found, (list, tuple)):
        return tuple(found)
    return None if found is None else (found,)


def with_calls(messages: Messages, calls: Sequence[Part]) -> Messages:
    """`messages` with the calls added to the last one."""
    last = messages[-1] if messages else {"role": "assistant"}
    if isinstance(last, str):
        last = _text_message(last, "assistant")
    parts = last.get("parts")
    return (*messages[:-1], {**last, "parts": (*(parts if isinstance(parts, (list, tuple)) else ()), *calls)})


def finish_reasons(messages: Messages) -> tuple[str, ...]:
    """The finish reasons of messages."""
    reasons = (message.get("finish_reason") for message in messages if isinstance(message, MAPPING))
    return tuple(reason for reason in reasons if isinstance(reason, str))


def _messages(value: Any, role: str) -> Messages | None:
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return tuple([_message(item, role) for item in value])
    return (_message(value, role),)


def _prompts(value: Any, role: str) -> Messages:
    """Messages. A plain text is a message too, unless it is JSON that was cut."""
    if isinstance(value, str):
        return (value if is_cut(value) else _text_message(value, role),)
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, str) for item in value):
        return tuple(_text_message(item, role) for item in value)
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, int) for item in value):
        return (inline(value),)  # a list of tokens
    return _messages(value, role) or ()


def _named(events: Any) -> Iterator[tuple[str, Any]]:
    for event in listed(events):
        if isinstance(event, MAPPING) and isinstance(name := event.get("event.name"), str):
            yield name, event.get("body", event)


def _said_in(body: Any, role: str) -> Message:
    return _text_message(body, role) if isinstance(body, str) else _message(body, role)


def _text_message(content: str, role: str) -> Mapping[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def _message(item: Any, role: str) -> Message:
    if not isinstance(item, MAPPING):
        return inline(item)
    inner = item if "parts" in item else _unwrapped(item)
    if "parts" in inner:
        return inner
    if not inner.keys().isdisjoint(_MESSAGE_KEYS):
        return _converted(inner, role, first_of(item, "finish_reason", "finishReason"))
    if inner.get("type") == "function_call":  # an item of OpenAI's Responses API
        return {"role": role, "parts": [tool_call(inner)]}
    return inline(item)


def _unwrapped(item: Mapping[str, Any]) -> Mapping[str, Any]:
    for wrapper in _WRAPPERS:
        inner = document(item.get(wrapper))
        if isinstance(inner, MAPPING):
            return inner
    return item


def _converted(item: Mapping[str, Any], role: str, finish_reason: Any) -> Message:
    own = item.get("role")
    role = own if isinstance(own, str) else role
    more = {"name": item.get("name"), "finish_reason": finish_reason}
    return {
        "role": role,
        "parts": _parts(item, role),
        **{name: value for name, value in more.items() if isinstance(value, str)},
    }


def _parts(item: Mapping[str, Any], role: str) -> list[Any]:
    content = first_of(item, "content", "contents", "text")
    if role in _ANSWERING and not _has_tool_parts(content):
        return [tool_response(first_of(item, "tool_call_id", "id"), content)]
    parts = content_parts(content)
    function = document(item.get("function_call"))
    if isinstance(function, MAPPING):
        parts.append(tool_call(function))
    return parts + [tool_call(call) for call in listed(item.get("tool_calls")) if isinstance(call, MAPPING)]


def _has_tool_parts(content: Any) -> bool:
    return isinstance(content, (list, tuple)) and any(
        isinstance(part, MAPPING) and inline(part.get("type")).startswith("tool") for part in content[:1]
    )
