"""Converts the messages of a call to paragraphs with a speaker. `_records` formats them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from otel_wandb._genai.conversation import Messages
from otel_wandb._genai.model_call import ModelCall
from otel_wandb._genai.parsing import MAPPING, first_of, inline
from otel_wandb._genai.parts import DESCRIPTOR, size_of_base64

_EMBEDDINGS: Final = "embeddings"


class Paragraph(NamedTuple):
    """A message as text. `speaker` is None if the value could not be read as a message."""

    speaker: str | None
    text: str


@dataclass(frozen=True, slots=True)
class _Labels:
    """The speakers of prompts and completions. None means the role of each message."""

    prompt: str | None = None
    completion: str | None = None


# For requests and answers without roles: the labels of W&B's own autolog.
_ROLES: Final = _Labels()
_LABELS_BY_API: Final[Mapping[str, _Labels]] = {"edits": _Labels("Input", "Edited")}
_LABELS_BY_OPERATION: Final[Mapping[str, _Labels]] = {
    "text_completion": _Labels("Prompt", "Completion"),
    "embeddings": _Labels("Input"),
    "moderation": _Labels("Input"),
    "image_generation": _Labels("Prompt", "Image"),
    "image_edit": _Labels("Prompt", "Image"),
    "image_variation": _Labels("Prompt", "Image"),
    "transcription": _Labels("Prompt", "Text"),
    "translation": _Labels("Prompt", "Text"),
}


def request_of(call: ModelCall) -> Sequence[Paragraph]:
    """The system instructions and messages of a request."""
    return input_paragraphs(call.asked, call.instructions, _labels_of(call).prompt)


def responses_of(call: ModelCall) -> Sequence[Paragraph]:
    """A paragraph for each choice. For vectors it has their number, for a moderation its result."""
    if call.embedding_count is not None and call.operation == _EMBEDDINGS:
        dimensions = "" if call.dimension_count is None else f" of {call.dimension_count} dimensions"
        return [Paragraph("Embeddings", f"{call.embedding_count}{dimensions}")]
    if call.flagged is not None:
        return [Paragraph("Flagged", ", ".join(call.categories) or "yes" if call.flagged else "no")]
    return output_paragraphs(call.answered, _labels_of(call).completion)


def input_paragraphs(messages: Messages, instructions: Sequence[Any], label: str | None = None) -> Sequence[Paragraph]:
    """System instructions and messages. Instructions that are also a message, as with OpenLIT, are not repeated."""
    said = [_paragraph(message, label, "user") for message in messages]
    speaker = "Instruction" if label else "system"
    before = (Paragraph(speaker, part_text(part)) for part in instructions)
    return [*(paragraph for paragraph in before if paragraph not in said), *said]


def output_paragraphs(messages: Messages, label: str | None = None) -> Sequence[Paragraph]:
    """A paragraph for each choice."""
    return [_paragraph(message, label, "assistant") for message in messages]


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


def _labels_of(call: ModelCall) -> _Labels:
    """The labels for the API if there are some, else for the operation."""
    return _LABELS_BY_API.get(call.api or "") or _LABELS_BY_OPERATION.get(call.operation, _ROLES)


def _paragraph(message: Any, label: str | None, role: str) -> Paragraph:
    if not isinstance(message, MAPPING):
        return Paragraph(label, inline(message))
    content = "\n".join(_parts(message.get("parts")))
    name = message.get("name")
    return Paragraph(
        label or _text(message.get("role")) or role,
        f"{_text(name)}: {content}" if name else content,
    )


def _parts(parts: object) -> Iterable[str]:
    return (part_text(part) for part in parts) if isinstance(parts, (list, tuple)) else ()


def _blob(part: Mapping[str, Any]) -> str:
    """A description of bytes as text."""
    content = part.get("content")
    size = size_of_base64(content) if isinstance(content, str) else part.get("size", "unknown")
    return f"<{_text(first_of(part, 'mime_type', 'modality'))}, {_text(size)} bytes>"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else inline(value)
