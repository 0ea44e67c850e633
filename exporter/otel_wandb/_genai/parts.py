"""Converts the parts of a message, of any provider or dialect, to those of the GenAI conventions.

A part is `{"type", ...}`. A part of an unknown type is passed on unchanged.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from otel_wandb._genai.parsing import MAPPING, at, document, first_of, inline, listed

DESCRIPTOR: Final = "blob_descriptor"
"""The type of a part that describes bytes, as `otel_openai_v0` writes it. A `blob` contains the bytes."""
Part: TypeAlias = Mapping[str, Any]


def content_parts(content: Any) -> list[Any]:
    """The parts of the content of a message: a text, or a list of them."""
    if content is None or (isinstance(content, str) and not content):
        return []
    return [_part(part) for part in content] if isinstance(content, (list, tuple)) else [_part(content)]


def tool_call(call: Mapping[str, Any]) -> Part:
    """A call of a function, as OpenAI, Traceloop, OpenInference, Anthropic or Vercel spell it."""
    inner = call.get("tool_call")
    call = inner if isinstance(inner, MAPPING) else call
    function = call.get("function")
    function = function if isinstance(function, MAPPING) else call
    return {
        "type": "tool_call",
        "id": first_of(call, "id", "toolCallId", "call_id"),
        "name": first_of(function, "name", "toolName"),
        "arguments": document(first_of(function, "arguments", "args", "input")),
    }


def tool_calls(value: Any) -> tuple[Part, ...] | None:
    """The calls of tools that some dialects write beside the message."""
    return tuple(tool_call(call) for call in listed(value) if isinstance(call, MAPPING)) or None


def tool_response(call_id: Any, response: Any) -> Part:
    """The result of a tool."""
    return {"type": "tool_call_response", "id": call_id, "response": response}


def tool_names(definitions: Iterable[Any]) -> Iterator[str]:
    """The names of the tools in `definitions`, or the type of a tool without a name."""
    return (inline(name) for tool in definitions if (name := _tool_name(tool)) is not None)


def _tool_name(tool: Any) -> Any:
    """The name in a definition, or in its JSON, as the conventions, OpenAI, OpenInference or Vercel write it."""
    found = document(at(tool, "tool", "json_schema")) or document(tool)
    if not isinstance(found, MAPPING):
        return None
    function = found.get("function")
    return first_of(function if isinstance(function, MAPPING) else found, "name", "type")


def _part(part: Any) -> Any:
    if not isinstance(part, MAPPING):
        return _text_part(part)
    inner = part.get("message_content")  # OpenInference
    if isinstance(inner, MAPPING):
        part = inner
    kind = part.get("type")
    convert = _PARTS.get(kind) if isinstance(kind, str) else None
    return part if convert is None else convert(part)


def _text_part(content: Any) -> Part:
    return {"type": "text", "content": inline(content)}


def _reasoning(part: Part) -> Part:
    return {"type": "reasoning", "content": inline(first_of(part, "text", "thinking", "content"))}


def _image(part: Part) -> Part:
    """A part for an image: with its address, or only its type if the message contains its bytes."""
    found = first_of(part, "image_url", "image", "url")
    for name in ("image", "url"):  # {"image_url": {"url": ...}}, {"image": {"image": {"url": ...}}}
        found = found.get(name, found) if isinstance(found, MAPPING) else found
    if not isinstance(found, str):
        return part
    if not found.startswith("data:"):
        return {"type": "uri", "modality": "image", "uri": found}
    head, _, data = found.partition(",")
    kind = head.removeprefix("data:").partition(";")[0]
    return {"type": DESCRIPTOR, "modality": "image", "mime_type": kind, "size": size_of_base64(data)}


def size_of_base64(text: str) -> int:
    """The number of bytes in a base64 text."""
    return len(text) * 3 // 4 - text.count("=", -2)


def _tool_result(part: Part) -> Part:
    """The result of a tool in a part of the content, as Anthropic and two versions of Vercel write it."""
    output = first_of(part, "content", "output", "result")
    if isinstance(output, MAPPING) and "value" in output:
        output = output["value"]
    return tool_response(first_of(part, "tool_use_id", "toolCallId"), output)


_PARTS: Final[Mapping[str, Callable[[Part], Part]]] = {
    "text": lambda part: _text_part(first_of(part, "text", "content")),
    "input_text": lambda part: _text_part(part.get("text")),
    "output_text": lambda part: _text_part(part.get("text")),
    "reasoning": _reasoning,
    "thinking": _reasoning,
    "image": _image,
    "image_url": _image,
    "input_image": _image,
    "tool_use": tool_call,
    "tool-call": tool_call,
    "tool_result": _tool_result,
    "tool-result": _tool_result,
}
