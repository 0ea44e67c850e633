"""Reads what a call returned; a stream is read by the same functions, from the response that its chunks add up to."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from opentelemetry.util.types import AttributeValue

from otel_openai_v0 import _attributes as names
from otel_openai_v0._attributes import Attributes
from otel_openai_v0._json import dumps
from otel_openai_v0._messages import Message

Choices: TypeAlias = Sequence[Mapping[str, Any]]
OutputReader: TypeAlias = Callable[[Choices], list[Message]]

_FLOAT32_BYTES: Final = 4


def read_response(response: Any) -> Attributes:
    """Identity, finish reasons and usage; nothing for an answer that is no mapping."""
    if not isinstance(response, Mapping):
        return {}
    found: dict[str, AttributeValue] = {}
    for key, name in _TEXTS:
        value = response.get(key)
        if isinstance(value, str) and value:
            found[name] = value
    reasons = [choice["finish_reason"] for choice in choices(response) if choice.get("finish_reason")]
    if reasons:
        found[names.RESPONSE_FINISH_REASONS] = reasons
    usage = response.get("usage")
    if isinstance(usage, Mapping):
        _read_usage(usage, found)
    return found


def read_embeddings(response: Any) -> Attributes:
    """How many vectors came, and how long they are; never the vectors."""
    vectors = response.get("data") if isinstance(response, Mapping) else None
    if not vectors:
        return {}
    found: dict[str, AttributeValue] = {names.OPENAI_RESPONSE_EMBEDDING_COUNT: len(vectors)}
    dimensions = _dimensions(vectors[0].get("embedding"))
    if dimensions:
        found[names.EMBEDDINGS_DIMENSION_COUNT] = dimensions
    return found


def output_content(response: Any, read_output: OutputReader) -> Attributes:
    """The answers as JSON messages."""
    found = choices(response)
    return {names.OUTPUT_MESSAGES: dumps(read_output(found))} if found else {}


def choices(response: Any) -> Choices:
    """The choices in the order of their indexes: servers may send them in any order."""
    found = response.get("choices") if isinstance(response, Mapping) else None
    if not found:
        return ()
    return found if len(found) == 1 else sorted(found, key=_index)


def _index(choice: Mapping[str, Any]) -> int:
    return int(choice.get("index") or 0)


def _read_usage(usage: Mapping[str, Any], found: dict[str, AttributeValue]) -> None:
    for key, name in _COUNTS:
        value = usage.get(key)
        if isinstance(value, int):
            found[name] = value
    for details, key, name in _DETAILS:
        value = (usage.get(details) or {}).get(key)
        if isinstance(value, int):
            found[name] = value


def _dimensions(vector: Any) -> int:
    if isinstance(vector, str):  # base64 of float32, when the user asked for it
        return (len(vector) * 3 // 4 - vector.count("=", -2)) // _FLOAT32_BYTES
    return len(vector) if isinstance(vector, Sequence) else 0


_TEXTS: Final = (
    ("id", names.RESPONSE_ID),
    ("model", names.RESPONSE_MODEL),
    ("system_fingerprint", names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT),
    ("service_tier", names.OPENAI_RESPONSE_SERVICE_TIER),
)
_COUNTS: Final = (("prompt_tokens", names.USAGE_INPUT_TOKENS), ("completion_tokens", names.USAGE_OUTPUT_TOKENS))
_DETAILS: Final = (
    ("prompt_tokens_details", "cached_tokens", names.USAGE_CACHE_READ_INPUT_TOKENS),
    ("completion_tokens_details", "reasoning_tokens", names.USAGE_REASONING_OUTPUT_TOKENS),
)
