"""Converts requests and responses into the messages of the GenAI conventions (`opentelemetry-util-genai` 1.3b0).

The form is described in `_content.message`. Functions of openai 0.28 have no call id: their parts carry `"id": null`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from otel_openai_v0._content.json import dumps, loads_strict, text_of
from otel_openai_v0._content.message import AnyMessage, Message, Part, TextMessage
from otel_openai_v0._openai.files import described, file_part, image_part, sound_part

# `dict` comes first: the check against the abstract class takes ten times as long.
MAPPING: Final = (dict, Mapping)
_LONGEST_PARSED: Final = 1_000  # characters; parsing a longer text takes too long in the caller's thread
_FEW: Final = 20  # messages; converting these lazily takes longer than it saves
_FIRST_TOKENS: Final = 20  # recorded of a token list, with the number of all
_PLAIN: Final = ("role", "content")  # most messages have only these
_ANSWERING: Final = frozenset({"function", "tool"})
# The API has two words, the conventions have one.
_FINISH_REASONS: Final = {"function_call": "tool_call", "tool_calls": "tool_call"}


class Converted(Sequence[AnyMessage]):
    """A sequence that converts an item when it is read. Most items of a long request are never recorded."""

    __slots__ = ("_convert", "_given")

    def __init__(self, convert: Callable[[Any], AnyMessage], given: Sequence[Any]) -> None:
        self._convert = convert
        self._given = given

    def __len__(self) -> int:
        """The number of items given."""
        return len(self._given)

    def __getitem__(self, index: Any) -> Any:
        """One item, converted."""
        return self._convert(self._given[index])


def chat_input(messages: Any) -> Sequence[AnyMessage]:
    """The messages of a chat request. A value that is not a list is kept as a text."""
    if not isinstance(messages, (list, tuple)):  # such as an iterator, which belongs to the caller and may be endless
        return [TextMessage("user", _said(messages))]
    if len(messages) <= _FEW:
        return [_chat_message(message) for message in messages]
    return Converted(_chat_message, messages)


def prompt_input(prompt: Any) -> Sequence[AnyMessage]:
    """One user message for each prompt of a completion or embedding: text, texts, a token list, or token lists."""
    if prompt is None:
        return []
    if not isinstance(prompt, (list, tuple)) or _is_tokens(prompt):
        prompt = [prompt]
    return Converted(_prompt_message, prompt)


def instruction(text: Any) -> list[Part]:
    """The system instructions of an edit."""
    return [] if text is None else [_text(text)]


def tool_definitions(functions: Any, tools: Any) -> list[Part]:
    """The definitions of functions and tools, in the flat form of the conventions."""
    if not functions and not tools:
        return []
    given = functions if isinstance(functions, (list, tuple)) else ()
    nested = [tool.get("function") or tool for tool in tools] if isinstance(tools, (list, tuple)) else ()
    return [_tool_definition(function) for function in (*given, *nested)]


def chat_output(choices: Sequence[Mapping[str, Any]]) -> list[AnyMessage]:
    """One message for each choice, in the order of their indexes."""
    return [_finished(_chat_answer(choice), choice) for choice in choices]


def text_output(choices: Sequence[Mapping[str, Any]]) -> list[AnyMessage]:
    """One message for each choice of a completion or an edit."""
    return [_finished(_text_answer(choice), choice) for choice in choices]


def _chat_answer(choice: Mapping[str, Any]) -> AnyMessage:
    """The message of a chat's choice. Some servers send the `text` of a completion instead."""
    answer = _chat_message(choice.get("message") or {})
    if type(answer) is dict and not answer["parts"] and (text := choice.get("text")):
        answer["parts"] = [_text(text)]
    return answer


def _text_answer(choice: Mapping[str, Any]) -> AnyMessage:
    """The message of a completion's or edit's choice. Some servers send the `message` of a chat instead."""
    text = choice.get("text")
    if not text and (message := choice.get("message")):
        return _chat_message(message)
    return TextMessage("assistant", _said(text))


def _chat_message(message: Any) -> AnyMessage:
    if not isinstance(message, MAPPING):
        return TextMessage("user", _said(message))
    role, content = message.get("role") or "", message.get("content")
    if type(role) is not str:
        role = text_of(role)
    if type(content) is not str:
        content = _only_text(content)
    if content and len(message) == len(_PLAIN) and role not in _ANSWERING:
        return TextMessage(role, content)
    converted: Message = {"role": role, "parts": _parts(role, message)}
    name = message.get("name")
    if name:
        converted["name"] = text_of(name)
    return converted


def _only_text(content: Any) -> str | None:
    """The text of a content whose only part is a text; None for another content."""
    if type(content) is list and len(content) == 1 and type(part := content[0]) is dict and part.get("type") == "text":
        text = part.get("text")
        return text if type(text) is str else None
    return None


def _parts(role: str, message: Mapping[str, Any]) -> list[Part]:
    content = message.get("content")
    if role in _ANSWERING:
        return [{"type": "tool_call_response", "id": message.get("tool_call_id"), "response": described(content)}]
    if isinstance(content, str):
        parts = [{"type": "text", "content": content}] if content else []
    else:
        parts = _content_parts(content)
    call = message.get("function_call")
    if call:
        parts.append(_tool_call(None, call))
    parts += [_tool_call(tool.get("id"), tool.get("function") or {}) for tool in message.get("tool_calls") or ()]
    return parts


def _content_parts(content: Any) -> list[Part]:
    if content is None:
        return []
    if not isinstance(content, (list, tuple)):
        return [_text(content)]
    return [_content_part(item) for item in content]


def _content_part(item: Any) -> Part:
    if not isinstance(item, Mapping):
        return _text(item)
    if item.get("type") == "text":
        return _text(item.get("text"))
    if item.get("type") == "image_url":
        address = item.get("image_url")
        return _image_part(address) if isinstance(address, Mapping) else image_part(address)
    if item.get("type") == "input_audio":
        return sound_part(item.get("input_audio") or {})
    if item.get("type") == "file" and isinstance(item.get("file"), Mapping):
        return file_part(item["file"])
    other: Part = described(item)
    return other


def _image_part(image: Mapping[str, Any]) -> Part:
    part, detail = image_part(image.get("url")), image.get("detail")
    return part if detail is None else {**part, "detail": text_of(detail)}


def _tool_call(call_id: Any, call: Mapping[str, Any]) -> Part:
    return {"type": "tool_call", "id": call_id, "name": call.get("name"), "arguments": _arguments(call)}


def _arguments(call: Mapping[str, Any]) -> Any:
    """The arguments as an object, if its JSON is the same text apart from white space; else as text.

    They stay text if they are not JSON (after a cut by length), contain `1e5`, an escape or a repeated name, or are
    long.
    """
    arguments = call.get("arguments")
    if not isinstance(arguments, str) or len(arguments) > _LONGEST_PARSED:
        return arguments
    try:
        value = loads_strict(arguments)
    except (ValueError, RecursionError):
        return arguments
    is_same = not isinstance(value, str) and _without_space(dumps(value)) == _without_space(arguments)
    return value if is_same else arguments


def _without_space(text: str) -> str:
    return "".join(text.split())


def _tool_definition(function: Mapping[str, Any]) -> Part:
    kept = ((key, function.get(key)) for key in ("name", "description", "parameters"))
    return {"type": "function", **{key: value for key, value in kept if value is not None}}


def _finished(message: AnyMessage, choice: Mapping[str, Any]) -> AnyMessage:
    reason = text_of(choice.get("finish_reason") or "") or None
    if reason is not None:
        reason = _FINISH_REASONS.get(reason, reason)
    if isinstance(message, TextMessage):
        message.role, message.finish_reason = message.role or "assistant", reason
        return message
    message["role"] = message["role"] or "assistant"
    if reason is not None:
        message["finish_reason"] = reason
    return message


def _prompt_message(prompt: Any) -> AnyMessage:
    if isinstance(prompt, (list, tuple)):
        first = list(prompt[:_FIRST_TOKENS])
        return {"role": "user", "parts": [{"type": "tokens", "count": len(prompt), "content": first}]}
    return TextMessage("user", _said(prompt))


def _is_tokens(prompt: Sequence[Any]) -> bool:
    return bool(prompt) and isinstance(prompt[0], int)


def _text(value: Any) -> Part:
    return {"type": "text", "content": _said(value)}


def _said(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
