"""A message, and what a request says: the values that readers make and the writer takes.

A message is `{"role": str, "parts": [part, ...], "name"?: str, "finish_reason"?: str}`, a part `{"type": str, ...}`, as
in the GenAI conventions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

Part: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]


@dataclass(slots=True)  # frozen, it would take three times as long to make
class TextMessage:
    """A message of one text, as most are: quicker to write than the dict that it stands for."""

    role: str
    text: str
    finish_reason: str | None = None


AnyMessage: TypeAlias = Message | TextMessage


class Content(NamedTuple):
    """What a request says to the model."""

    messages: Sequence[AnyMessage] = ()
    instructions: Sequence[Part] = ()
    tools: Sequence[Part] = ()


def message_of(item: Any) -> Any:
    """The message of the conventions that `item` stands for; any other item as it is."""
    if not isinstance(item, TextMessage):
        return item
    message: Message = {"role": item.role, "parts": [{"type": "text", "content": item.text}]}
    if item.finish_reason is not None:
        message["finish_reason"] = item.finish_reason
    return message
