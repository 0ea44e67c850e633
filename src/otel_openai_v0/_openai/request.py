"""Reads the arguments of a call. Only this module and `messages` handle objects of the user."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final, TypeAlias

from opentelemetry.util.types import AttributeValue

from otel_openai_v0._base import attributes as names
from otel_openai_v0._base.attributes import Attributes
from otel_openai_v0._content.json import INT_BITS, text_of
from otel_openai_v0._content.message import Content
from otel_openai_v0._content.secrets import scrub_keys
from otel_openai_v0._openai.files import describe
from otel_openai_v0._openai.messages import chat_input, instruction, prompt_input, tool_definitions

Arguments: TypeAlias = Mapping[str, Any]
Reader: TypeAlias = Callable[[Any], AttributeValue | None]


def bind(positional: Sequence[str], args: Sequence[Any], kwargs: Arguments) -> Arguments:
    """The arguments by name. `positional` has the names of `args`."""
    return {**dict(zip(positional, args, strict=False)), **kwargs} if args else kwargs


def read_model(arguments: Arguments) -> str | None:
    """The requested model, else the engine or deployment.

    `engine` wins over `deployment_id`, as in `EngineAPIResource.__prepare_create_request` of openai 0.28.1.
    """
    model = arguments.get("model") or arguments.get("engine") or arguments.get("deployment_id")
    return None if model is None else scrub_keys(text_of(model))


def read_parameters(arguments: Arguments) -> Attributes:
    """The attributes of the request's parameters. Missing and unusable ones are omitted."""
    found: dict[str, AttributeValue] = {}
    for argument, value in arguments.items():
        row = None if value is None else _PARAMETERS.get(argument)
        if row is None:
            continue
        name, read = row
        if not (name in found and argument in _YIELDING) and (attribute := read(value)) is not None:
            found[name] = attribute
    return found


def nothing(_: Any) -> Attributes:
    """The reader of requests without special attributes."""
    return {}


def no_content(_: Arguments) -> Content:
    """The reader of requests without content."""
    return Content()


def chat_content(arguments: Arguments) -> Content:
    """The messages and functions of a chat completion."""
    tools = tool_definitions(arguments.get("functions"), arguments.get("tools"))
    return Content(chat_input(arguments.get("messages")), tools=tools)


def prompt_content(arguments: Arguments) -> Content:
    """The prompt or prompts of a completion, an image, or a transcription."""
    return Content(prompt_input(arguments.get("prompt")))


def input_content(arguments: Arguments) -> Content:
    """The texts to embed or to moderate. They are recorded as prompts: the conventions have no attribute for them."""
    return Content(prompt_input(arguments.get("input")))


def edit_content(arguments: Arguments) -> Content:
    """The input and the instruction of an edit."""
    return Content(prompt_input(arguments.get("input")), instruction(arguments.get("instruction")))


def read_image_request(arguments: Arguments) -> Attributes:
    """The size and format of the requested images, and descriptions of the files that are sent."""
    found: dict[str, AttributeValue] = {names.OUTPUT_TYPE: "image"}
    for argument, name in (("size", names.OPENAI_REQUEST_SIZE), ("response_format", names.OPENAI_REQUEST_FORMAT)):
        if arguments.get(argument) is not None:
            found[name] = _text(arguments[argument])
    return {**found, **_file(arguments.get("image"), "image"), **_file(arguments.get("mask"), "mask")}


def read_audio_request(arguments: Arguments) -> Attributes:
    """The description of the recording, and the parameters of its transcription."""
    found: dict[str, AttributeValue] = {}
    for argument, name in (
        ("language", names.OPENAI_REQUEST_LANGUAGE),
        ("response_format", names.OPENAI_REQUEST_FORMAT),
    ):
        if arguments.get(argument) is not None:
            found[name] = _text(arguments[argument])
    return {**found, **_file(arguments.get("file"), "file", arguments.get("filename"))}


def read_management_request(arguments: Arguments) -> Attributes:
    """The id of the object that is managed, and the description of a file that is sent."""
    found: dict[str, AttributeValue] = {}
    for argument in ("id", "sid", "customer"):
        if isinstance(arguments.get(argument), str):
            found[names.OPENAI_RESOURCE_ID] = _text(arguments[argument])
    return {**found, **_file(arguments.get("file"), "file", arguments.get("user_provided_filename"))}


def _file(value: Any, argument: str, filename: Any = None) -> Attributes:
    """A file's name and description."""
    descriptor = None if value is None else describe(value)
    name = filename or getattr(value, "name", None)
    found: dict[str, AttributeValue | None] = {"name": _text(PurePath(name).name) if isinstance(name, str) else None}
    if descriptor is not None:
        found |= {
            "size": descriptor.size,
            "mime_type": descriptor.mime_type,
            "sha256": descriptor.sha256,
            "dimensions": descriptor.dimensions,
        }
    return {f"openai.request.{argument}.{key}": part for key, part in found.items() if part is not None}


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, float) or _int(value) is not None else None


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) and value.bit_length() <= INT_BITS else None


def _bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: Any) -> str:
    return scrub_keys(text_of(value))


def _true(value: Any) -> bool | None:
    return True if value else None


def _several(value: Any) -> int | None:
    return _int(value) if value != 1 else None


def _strings(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return [_text(value)]
    return [_text(item) for item in value] if isinstance(value, (list, tuple)) else None


def _output_type(response_format: Any) -> str | None:
    kind = response_format.get("type") if isinstance(response_format, Mapping) else response_format
    return {"json_object": "json", "json_schema": "json", "text": "text"}.get(str(kind))


def _function_call(value: Any) -> str:
    return _text(value.get("name") if isinstance(value, Mapping) else value)


def _service_tier(value: Any) -> str | None:
    return None if value == "auto" else _text(value)


_PARAMETERS: Final[Mapping[str, tuple[str, Reader]]] = {
    "temperature": (names.REQUEST_TEMPERATURE, _float),
    "top_p": (names.REQUEST_TOP_P, _float),
    "max_tokens": (names.REQUEST_MAX_TOKENS, _int),
    "max_completion_tokens": (names.REQUEST_MAX_TOKENS, _int),
    "n": (names.REQUEST_CHOICE_COUNT, _several),
    "stop": (names.REQUEST_STOP_SEQUENCES, _strings),
    "stream": (names.REQUEST_STREAM, _true),
    "frequency_penalty": (names.REQUEST_FREQUENCY_PENALTY, _float),
    "presence_penalty": (names.REQUEST_PRESENCE_PENALTY, _float),
    "seed": (names.REQUEST_SEED, _int),
    "encoding_format": (names.REQUEST_ENCODING_FORMATS, _strings),
    "response_format": (names.OUTPUT_TYPE, _output_type),
    "service_tier": (names.OPENAI_REQUEST_SERVICE_TIER, _service_tier),
    "deployment_id": (names.OPENAI_REQUEST_ENGINE, _text),
    "engine": (names.OPENAI_REQUEST_ENGINE, _text),
    "best_of": (names.OPENAI_REQUEST_BEST_OF, _int),
    "echo": (names.OPENAI_REQUEST_ECHO, _bool),
    "function_call": (names.OPENAI_REQUEST_FUNCTION_CALL, _function_call),
    "logprobs": (names.OPENAI_REQUEST_LOGPROBS, _int),
    "user": (names.USER_ID, _text),
}
# These are ignored if another argument of the same attribute is given: openai prefers `engine` to `deployment_id`.
_YIELDING: Final = frozenset({"max_tokens", "deployment_id"})
