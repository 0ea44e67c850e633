"""Reads the arguments of a call; here and in `_messages` the user's own objects end."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from opentelemetry.util.types import AttributeValue

from otel_openai_v0 import _attributes as names
from otel_openai_v0._attributes import Attributes
from otel_openai_v0._json import dumps
from otel_openai_v0._messages import chat_input, instruction, prompt_input, tool_definitions

Arguments: TypeAlias = Mapping[str, Any]
Reader: TypeAlias = Callable[[Any], AttributeValue | None]


def bind(positional: Sequence[str], args: Sequence[Any], kwargs: Arguments) -> Arguments:
    """The arguments by name; `create(*args)` hands positional ones on to `EngineAPIResource.create`."""
    return {**dict(zip(positional, args, strict=False)), **kwargs} if args else kwargs


def read_model(arguments: Arguments) -> str | None:
    """The model as it was asked for; an engine or a deployment where no model is named.

    `engine` wins over `deployment_id`, as in `EngineAPIResource.__prepare_create_request` of openai 0.28.1.
    """
    model = arguments.get("model") or arguments.get("engine") or arguments.get("deployment_id")
    return None if model is None else str(model)


def read_parameters(arguments: Arguments) -> Attributes:
    """The request's parameters that have an attribute; one that is absent or of no use gives none."""
    found: dict[str, AttributeValue] = {}
    for argument, name, read in _PARAMETERS:
        value = arguments.get(argument)
        if value is not None and (attribute := read(value)) is not None:
            found[name] = attribute
    return found


def chat_content(arguments: Arguments) -> Attributes:
    """Messages and functions of a chat completion."""
    content: dict[str, AttributeValue] = {names.INPUT_MESSAGES: dumps(chat_input(arguments.get("messages")))}
    definitions = tool_definitions(arguments.get("functions"), arguments.get("tools"))
    if definitions:
        content[names.TOOL_DEFINITIONS] = dumps(definitions)
    return content


def prompt_content(arguments: Arguments) -> Attributes:
    """The prompts of a completion."""
    return {names.INPUT_MESSAGES: dumps(prompt_input(arguments.get("prompt")))}


def embedding_content(arguments: Arguments) -> Attributes:
    """The texts to embed. The conventions name no attribute for them; they are prompts like any other."""
    return {names.INPUT_MESSAGES: dumps(prompt_input(arguments.get("input")))}


def edit_content(arguments: Arguments) -> Attributes:
    """An edit's instruction, which the API takes apart from the text that it is about."""
    return {
        names.SYSTEM_INSTRUCTIONS: dumps(instruction(arguments.get("instruction"))),
        names.INPUT_MESSAGES: dumps(prompt_input(arguments.get("input"))),
    }


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: Any) -> str:
    return str(value)


def _true(value: Any) -> bool | None:
    return True if value else None


def _several(value: Any) -> int | None:
    return value if isinstance(value, int) and value != 1 else None


def _strings(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return [value]
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else None


def _output_type(response_format: Any) -> str | None:
    kind = response_format.get("type") if isinstance(response_format, Mapping) else response_format
    return {"json_object": "json", "json_schema": "json", "text": "text"}.get(str(kind))


def _function_call(value: Any) -> str:
    return str(value.get("name")) if isinstance(value, Mapping) else str(value)


def _service_tier(value: Any) -> str | None:
    return None if value == "auto" else str(value)


_PARAMETERS: Final[Sequence[tuple[str, str, Reader]]] = (
    ("temperature", names.REQUEST_TEMPERATURE, _float),
    ("top_p", names.REQUEST_TOP_P, _float),
    ("max_tokens", names.REQUEST_MAX_TOKENS, _int),
    ("n", names.REQUEST_CHOICE_COUNT, _several),
    ("stop", names.REQUEST_STOP_SEQUENCES, _strings),
    ("stream", names.REQUEST_STREAM, _true),
    ("frequency_penalty", names.REQUEST_FREQUENCY_PENALTY, _float),
    ("presence_penalty", names.REQUEST_PRESENCE_PENALTY, _float),
    ("seed", names.REQUEST_SEED, _int),
    ("encoding_format", names.REQUEST_ENCODING_FORMATS, _strings),
    ("response_format", names.OUTPUT_TYPE, _output_type),
    ("service_tier", names.OPENAI_REQUEST_SERVICE_TIER, _service_tier),
    ("engine", names.OPENAI_REQUEST_ENGINE, _text),
    ("best_of", names.OPENAI_REQUEST_BEST_OF, _int),
    ("echo", names.OPENAI_REQUEST_ECHO, _bool),
    ("function_call", names.OPENAI_REQUEST_FUNCTION_CALL, _function_call),
    ("logprobs", names.OPENAI_REQUEST_LOGPROBS, _int),
    ("user", names.USER_ID, _text),
)
