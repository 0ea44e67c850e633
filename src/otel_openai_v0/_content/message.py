"""Messages and the content of a request. Readers create these values, and the content writer takes them.

A message is `{"role": str, "parts": [part, ...], "name"?: str, "finish_reason"?: str}`, a part `{"type": str, ...}`, as
in the GenAI conventions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

Part: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]


@dataclass(slots=True)  # a frozen dataclass takes three times as long to create
class TextMessage:
    """A message with one text, as most messages have. It is faster to write than a `Message`."""

    role: str
    text: str
    finish_reason: str | None = None


AnyMessage: TypeAlias = Message | TextMessage


class Content(NamedTuple):
    """The content of a request: messages, system instructions, and tool definitions."""

    messages: Sequence[AnyMessage] = ()
    instructions: Sequence[Part] = ()
    tools: Sequence[Part] = ()


def message_of(item: Any) -> Any:
    """The dict of the conventions for a `TextMessage`; any other item unchanged."""
    if not isinstance(item, TextMessage):
        return item
    message: Message = {"role": item.role, "parts": [{"type": "text", "content": item.text}]}
    if item.finish_reason is not None:
        message["finish_reason"] = item.finish_reason
    return message
