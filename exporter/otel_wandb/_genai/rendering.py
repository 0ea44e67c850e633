"""Renders messages as the text that people read: a paragraph `**role**: content` for each.

Messages have the form of the GenAI conventions (see `_conversation.py`), or are JSON of it, which a limit on attribute
lengths may have cut: what cannot be parsed is shown as it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from otel_wandb._genai.conversation import conversation
from otel_wandb._genai.parsing import MAPPING, at, document, first_of, inline, listed, parsed
from otel_wandb._genai.parts import DESCRIPTOR, size_of_base64


@dataclass(frozen=True, slots=True)
class Labels:
    """What stands for the role; None shows the message's own."""

    prompt: str | None = None
    completion: str | None = None


# The labels of W&B's own autolog for what has no roles.
CHAT_LABELS: Final = Labels()
_LABELS_BY_API: Final[Mapping[str, Labels]] = {"edits": Labels("Input", "Edited")}
_LABELS_BY_OPERATION: Final[Mapping[str, Labels]] = {
    "text_completion": Labels("Prompt", "Completion"),
    "embeddings": Labels("Input"),
    "moderation": Labels("Input"),
    "image_generation": Labels("Prompt", "Image"),
    "image_edit": Labels("Prompt", "Image"),
    "image_variation": Labels("Prompt", "Image"),
    "transcription": Labels("Prompt", "Text"),
    "translation": Labels("Prompt", "Text"),
}


def labels_of(operation: str, api: object) -> Labels:
    """The labels for an operation, or for an API where that says more."""
    return _LABELS_BY_API.get(str(api)) or _LABELS_BY_OPERATION.get(operation, CHAT_LABELS)


def render_input(messages: object, instructions: object, labels: Labels) -> str | None:
    """System instructions and messages as one text; None if there are none.

    Instructions that are a message too, as OpenLIT has them, are shown once.
    """
    instruction = "Instruction" if labels.prompt else "system"
    paragraphs = [_paragraph(message, labels.prompt, "user") for message in _items(messages)]
    before = (f"**{instruction}**: {part_text(part)}" for part in _items(instructions))
    return "\n\n".join([*(text for text in before if text not in paragraphs), *paragraphs]) or None


def render_outputs(messages: object, labels: Labels) -> tuple[str, ...]:
    """One text for each choice."""
    return tuple(_paragraph(message, labels.completion, "assistant") for message in _items(messages))


def readable(value: object) -> str:
    """What a step was given or gave: messages as such, a text as it is, and anything else as JSON."""
    messages = conversation(value)
    if messages is not None:
        return render_input(messages, None, CHAT_LABELS) or ""
    found = document(value)
    return found if isinstance(found, str) else inline(value)


def tool_names(definitions: object) -> list[str]:
    """The names of the tools that a call could use; the type of one that has no name."""
    return [inline(name) for tool in listed(definitions) if (name := _tool_name(tool)) is not None]


def _tool_name(tool: object) -> object:
    """The name in a definition as the conventions, OpenAI, OpenInference or Vercel have it, or in JSON of one."""
    found = document(at(tool, "tool", "json_schema")) or document(tool)
    if not isinstance(found, MAPPING):
        return None
    function = found.get("function")
    return first_of(function if isinstance(function, MAPPING) else found, "name", "type")


def _items(value: object) -> Sequence[Any]:
    found = parsed(value)
    if isinstance(found, (list, tuple)):
        return found
    return () if found is None else (found,)


def _paragraph(message: Any, label: str | None, role: str) -> str:
    if not isinstance(message, MAPPING):
        return f"**{label}**: {inline(message)}" if label else inline(message)
    content = "\n".join(_parts(message.get("parts")))
    name = message.get("name")
    return f"**{label or _text(message.get('role')) or role}**: {f'{_text(name)}: ' if name else ''}{content}"


def _parts(parts: object) -> Iterable[str]:
    return (part_text(part) for part in parts) if isinstance(parts, (list, tuple)) else ()


def part_text(part: Any) -> str:
    """A part of a message as text."""
    if not isinstance(part, MAPPING):
        return inline(part)
    kind = part.get("type")
    if kind in ("text", "reasoning"):
        return _text(part.get("content"))
    if kind == "tool_call":
        return f"{_text(part.get('name'))}({inline(part.get('arguments'))})"
    if kind == "tool_call_response":
        return inline(part.get("response", part.get("result")))
    if kind == "uri":
        return _text(part.get("uri"))
    if kind in ("blob", DESCRIPTOR):
        return _blob(part)
    return inline(part)


def _blob(part: Mapping[str, Any]) -> str:
    """What the bytes are; they themselves are no text."""
    content = part.get("content")
    size = size_of_base64(content) if isinstance(content, str) else part.get("size", "unknown")
    return f"<{_text(first_of(part, 'mime_type', 'modality'))}, {_text(size)} bytes>"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else inline(value)
