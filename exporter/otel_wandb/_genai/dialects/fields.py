"""The fields of a span, and the rows that map attributes to fields.

A row has everything that is known about a key. A new key is a new row, a new dialect is a new table of rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from otel_wandb._genai.conversation import (
    Messages,
    answered,
    asked,
    conversation,
    input_messages,
    instructions,
    output_messages,
)
from otel_wandb._genai.model_call import Kind
from otel_wandb._genai.parsing import (
    amount,
    at,
    count,
    document,
    dollars,
    flag,
    inline,
    listed,
    moment,
    number,
    text,
    texts,
)
from otel_wandb._genai.parts import Part, tool_calls

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Field(Generic[T_co]):
    """One field of a span. `read` returns the value, or None if it cannot be read."""

    name: str
    read: Callable[[Any], T_co | None]


@dataclass(frozen=True, slots=True, eq=False)
class Row(Generic[T_co]):
    """The attribute in which one dialect writes a field.

    `key` is the name of an attribute. `prefix.N` is a family of attributes with an index, which is read as one list of
    nested values. `inside` is the path into the JSON of the attribute. `read` reads a value that has another form than
    the field usually has.
    """

    field: Field[T_co]
    key: str
    inside: tuple[str, ...] = ()
    read: Callable[[Any], T_co | None] | None = None


def _provider(value: Any) -> str | None:
    """The provider as the conventions spell it, without the API that Vercel adds."""
    said = text(value)
    if said is None:
        return None
    name = said.lower()
    for api in _APIS:
        name = name.removesuffix(api)
    return _PROVIDERS.get(name, name)


def _model(value: Any) -> str | None:
    """The name of a model. "unknown", which OpenLLMetry writes if it has no name, is no name."""
    said = text(value)
    return None if said == "unknown" else said


def _finish_reasons(value: Any) -> tuple[str, ...] | None:
    """Finish reasons as OpenAI spells them. The conventions and Vercel spell some differently."""
    said = texts(value)
    return None if said is None else tuple([_FINISH_REASONS.get(reason, reason) for reason in said])


def _messages_or_text(value: Any) -> Messages | str:
    """The messages of a conversation, a text unchanged, or any other value as JSON."""
    messages = conversation(value)
    if messages is not None:
        return messages
    found = document(value)
    return found if isinstance(found, str) else inline(value)


_APIS: Final = (".chat", ".responses", ".completion", ".messages", ".embedding")
_PROVIDERS: Final[Mapping[str, str]] = {
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "az.ai.inference": "azure.ai.inference",
    "gemini": "gcp.gemini",
    "vertex_ai": "gcp.vertex_ai",
    "xai": "x_ai",
}
_FINISH_REASONS: Final[Mapping[str, str]] = {
    "tool_call": "tool_calls",
    "tool-calls": "tool_calls",
    "content-filter": "content_filter",
}

KIND: Final[Field[Kind]] = Field("kind", lambda _: None)  # each row has its own `read`
DISPLAY_NAME: Final = Field("display name", text)
TRACE_NAME: Final = Field("display name of a root", text)
OPERATION: Final = Field("operation", text)
API: Final = Field("API", text)
PROVIDER: Final = Field("provider", _provider)
REQUEST_MODEL: Final = Field("request model", _model)
RESPONSE_MODEL: Final = Field("response model", _model)
RESPONSE_ID: Final = Field("response id", text)
FINISH_REASONS: Final = Field("finish reasons", _finish_reasons)

INPUT_MESSAGES: Final[Field[Messages]] = Field("input messages", input_messages)
OUTPUT_MESSAGES: Final[Field[Messages]] = Field("output messages", output_messages)
TOOL_CALLS: Final[Field[tuple[Part, ...]]] = Field("tool calls beside the output", tool_calls)
INSTRUCTIONS: Final = Field("system instructions", instructions)
TOOLS: Final = Field("tool definitions", listed)
INPUTS: Final[Field[Messages | str]] = Field("input of a step", _messages_or_text)
OUTPUTS: Final[Field[Messages | str]] = Field("output of a step", _messages_or_text)

INPUT_TOKENS: Final = Field("input tokens", count)
OUTPUT_TOKENS: Final = Field("output tokens", count)
CACHE_READ_TOKENS: Final = Field("input tokens read from a cache", count)
CACHE_WRITE_TOKENS: Final = Field("input tokens written to a cache", count)
REASONING_TOKENS: Final = Field("output tokens of reasoning", count)
TOTAL_TOKENS: Final = Field("tokens", count)
COST: Final = Field("cost", dollars)

TEMPERATURE: Final = Field("temperature", number)
TOP_P: Final = Field("top_p", number)
TOP_K: Final = Field("top_k", number)
MAX_TOKENS: Final = Field("max_tokens", count)
CHOICES: Final = Field("n", count)
STOP: Final = Field("stop", texts)
FREQUENCY_PENALTY: Final = Field("frequency_penalty", number)
PRESENCE_PENALTY: Final = Field("presence_penalty", number)
SEED: Final = Field("seed", number)
STREAM: Final = Field("stream", flag)
ENGINE: Final = Field("engine", text)

STREAM_END: Final = Field("how a stream ended", text)
TIME_TO_FIRST_CHUNK: Final = Field("seconds to the first chunk", amount)
FIRST_CHUNK_AT: Final = Field("time of the first chunk", moment)
EMBEDDING_COUNT: Final = Field("number of embeddings", count)
DIMENSION_COUNT: Final = Field("number of dimensions", count)
IMAGE_COUNT: Final = Field("number of images", count)
IMAGE_SIZE: Final = Field("size of images", text)
FLAGGED: Final = Field("flagged", flag)
CATEGORIES: Final = Field("flagged categories", texts)

FAILED: Final = Field("failed", flag)
STATUS_MESSAGE: Final = Field("what is said of a failure", text)
ERROR_TYPE: Final = Field("error type", text)
HTTP_STATUS: Final = Field("HTTP status", count)
HTTP_REQUEST_ID: Final = Field("HTTP request id", text)
USER: Final = Field("user", text)
SESSION: Final = Field("session", text)
CONVERSATION: Final = Field("conversation", text)
PROMPT_NAME: Final = Field("prompt name", text)
PROMPT_VERSION: Final = Field("prompt version", text)
TAGS: Final = Field("tags", texts)

PARAMETERS: Final[Mapping[str, Field[Any]]] = {
    field.name: field
    for field in (
        TEMPERATURE, TOP_P, MAX_TOKENS, CHOICES, STOP, FREQUENCY_PENALTY, PRESENCE_PENALTY, SEED, STREAM, TOP_K
    )
}  # fmt: skip
CONTENT: Final = (INPUT_MESSAGES, OUTPUT_MESSAGES, TOOL_CALLS, INSTRUCTIONS, TOOLS, INPUTS, OUTPUTS)
"""The fields that are shown as inputs and outputs, and therefore not among a node's attributes."""


def usage_rows(key: str, *inside: str) -> tuple[Row[int], ...]:
    """The rows for a usage in the JSON of an attribute, with a provider's names or normalised ones."""
    return tuple(Row(field, key, (*inside, *path.split("."))) for field, paths in _USAGE.items() for path in paths)


def body_rows(request: str, response: str) -> tuple[Row[Any], ...]:
    """The rows for two attributes with the request and response of a call in OpenAI's form."""
    return (
        Row(INPUT_MESSAGES, request, read=asked),
        *parameter_rows(request),
        Row(OUTPUT_MESSAGES, response, read=answered),
        Row(FINISH_REASONS, response, read=_reasons_of_choices),
        Row(RESPONSE_MODEL, response, ("model",)),
        Row(RESPONSE_ID, response, ("id",)),
        *usage_rows(response, "usage"),
    )


def parameter_rows(key: str) -> tuple[Row[Any], ...]:
    """The rows for a request's parameters in the JSON of an attribute, with OpenAI's names."""
    return tuple(Row(field, key, (name,)) for name, field in _ARGUMENTS)


def _reasons_of_choices(response: Any) -> tuple[str, ...] | None:
    choices = at(response, "choices")
    if not isinstance(choices, (list, tuple)):
        return None
    return _finish_reasons(tuple(reason for choice in choices if (reason := at(choice, "finish_reason")) is not None))


_USAGE: Final[Mapping[Field[int], tuple[str, ...]]] = {
    INPUT_TOKENS: ("prompt_tokens", "input_tokens", "input"),
    OUTPUT_TOKENS: ("completion_tokens", "output_tokens", "output"),
    CACHE_READ_TOKENS: (
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "cache_read_input_tokens",
        "input_cached_tokens",
    ),
    CACHE_WRITE_TOKENS: ("cache_creation_input_tokens", "cache_write_input_tokens"),
    REASONING_TOKENS: (
        "completion_tokens_details.reasoning_tokens",
        "output_tokens_details.reasoning_tokens",
        "output_reasoning_tokens",
    ),
    TOTAL_TOKENS: ("total_tokens", "total"),
}
_ARGUMENTS: Final[tuple[tuple[str, Field[Any]], ...]] = (
    ("model", REQUEST_MODEL),
    ("tools", TOOLS),
    ("functions", TOOLS),
    ("user", USER),
    ("max_completion_tokens", MAX_TOKENS),
    *PARAMETERS.items(),
)
