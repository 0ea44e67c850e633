"""Renders messages as the text that people read: a paragraph `**role**: content` for each.

Messages come as the JSON of the GenAI conventions, which a limit on attribute lengths may have cut: what cannot be
parsed is shown as it is.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final


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
    """System instructions and messages as one text; None if there are none."""
    instruction = "Instruction" if labels.prompt else "system"
    paragraphs = [f"**{instruction}**: {_part(part)}" for part in _parsed(instructions)]
    paragraphs += [_paragraph(message, labels.prompt) for message in _parsed(messages)]
    return "\n\n".join(paragraphs) or None


def render_outputs(messages: object, labels: Labels) -> tuple[str, ...]:
    """One text for each choice."""
    return tuple(_paragraph(message, labels.completion) for message in _parsed(messages))


def tool_names(definitions: object) -> list[str]:
    """The names of the tools that a call could use."""
    return [str(tool.get("name")) for tool in _parsed(definitions) if isinstance(tool, Mapping)]


def _parsed(value: object) -> Sequence[Any]:
    if value is None:
        return ()
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return (value,)
    if isinstance(value, (list, tuple)):
        return value
    return (value,)


def _paragraph(message: Any, label: str | None) -> str:
    if not isinstance(message, Mapping):
        return f"**{label}**: {message}" if label else str(message)
    content = "\n".join(_parts(message.get("parts")))
    name = message.get("name")
    return f"**{label or message.get('role')}**: {f'{name}: ' if name else ''}{content}"


def _parts(parts: object) -> Iterable[str]:
    return (_part(part) for part in parts) if isinstance(parts, (list, tuple)) else ()


def _part(part: Any) -> str:
    if not isinstance(part, Mapping):
        return str(part)
    kind = part.get("type")
    if kind in ("text", "reasoning"):
        return str(part.get("content"))
    if kind == "tool_call":
        return f"{part.get('name')}({_inline(part.get('arguments'))})"
    if kind == "tool_call_response":
        return _inline(part.get("response", part.get("result")))
    if kind == "uri":
        return str(part.get("uri"))
    if kind == "blob":
        return f"<{part.get('mime_type')}, {part.get('size', 'unknown')} bytes>"
    return _inline(part)


def _inline(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
