"""Reads responses. A stream is read by the same functions, after its chunks were joined to one response."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from opentelemetry.util.types import AttributeValue

from otel_openai_v0._base import attributes as names
from otel_openai_v0._base.attributes import Attributes
from otel_openai_v0._content.json import INT_BITS, text_of
from otel_openai_v0._content.message import AnyMessage, Part
from otel_openai_v0._content.secrets import scrub_keys
from otel_openai_v0._openai.files import base64_image, image_part
from otel_openai_v0._openai.messages import MAPPING, chat_output, text_output

Choices: TypeAlias = Sequence[Mapping[str, Any]]

_FLOAT32_BYTES: Final = 4


def read_response(response: Any) -> Attributes:
    """The attributes for identity, finish reasons and usage. Empty if the response is no mapping."""
    if not isinstance(response, MAPPING):
        return {}
    found: dict[str, AttributeValue] = {}
    for key, name in _TEXTS:
        value = response.get(key)
        if value and isinstance(value, str):
            found[name] = scrub_keys(value)  # some servers repeat the requested model
    reasons = [scrub_keys(text_of(reason)) for choice in choices(response) if (reason := choice.get("finish_reason"))]
    if reasons:
        found[names.RESPONSE_FINISH_REASONS] = reasons
    usage = response.get("usage")
    if isinstance(usage, MAPPING):
        _read_usage(usage, found)
    return found


def read_embeddings(response: Any) -> Attributes:
    """The number of vectors and their length. The vectors are not recorded."""
    vectors = response.get("data") if isinstance(response, MAPPING) else None
    if not vectors:
        return {}
    found: dict[str, AttributeValue] = {names.OPENAI_RESPONSE_EMBEDDING_COUNT: len(vectors)}
    dimensions = _dimensions(vectors[0].get("embedding"))
    if dimensions:
        found[names.EMBEDDINGS_DIMENSION_COUNT] = dimensions
    return found


def payload(response: Any) -> Any:
    """The body of the response. Some methods of openai return an `OpenAIResponse`, whose `data` is the body."""
    return response if isinstance(response, MAPPING) else getattr(response, "data", response)


def nothing(_: Any) -> Attributes:
    """The reader of responses without special attributes."""
    return {}


def no_output(_: Any) -> list[AnyMessage]:
    """The reader of responses without content."""
    return []


def chat_messages(response: Any) -> list[AnyMessage]:
    """The answers of a chat completion."""
    return chat_output(choices(response))


def text_messages(response: Any) -> list[AnyMessage]:
    """The answers of a completion or an edit. `Engine.generate` returns them in `data`."""
    found = choices(response)
    if not found and isinstance(response, MAPPING):
        found = response.get("data") or ()
    return text_output(found)


def image_messages(response: Any) -> list[AnyMessage]:
    """The images, by their URL, or by a description if the response contains their bytes."""
    return [{"role": "assistant", "parts": [_image(image)]} for image in _data(response)]


def audio_messages(response: Any) -> list[AnyMessage]:
    """The text of a recording. The API sends JSON, or plain text for some formats."""
    text = response.get("text") if isinstance(response, MAPPING) else response
    return [{"role": "assistant", "parts": [{"type": "text", "content": text}]}] if isinstance(text, str) else []


def read_images(response: Any) -> Attributes:
    """The number of images."""
    images = _data(response)
    return {names.OPENAI_RESPONSE_IMAGE_COUNT: len(images)} if images else {}


def read_managed(response: Any) -> Attributes:
    """The id of the object in the response. Lists and events have none."""
    found = response.get("id") if isinstance(response, MAPPING) and "choices" not in response else None
    return {names.OPENAI_RESOURCE_ID: scrub_keys(found)} if isinstance(found, str) else {}


def read_moderation(response: Any) -> Attributes:
    """Whether anything was flagged, and in which categories."""
    results = response.get("results") if isinstance(response, MAPPING) else None
    if not results:
        return {}
    flagged = {name for result in results for name, hit in (result.get("categories") or {}).items() if hit}
    return {
        names.OPENAI_MODERATION_FLAGGED: any(bool(result.get("flagged")) for result in results),
        names.OPENAI_MODERATION_CATEGORIES: sorted(flagged),
    }


def _data(response: Any) -> Sequence[Mapping[str, Any]]:
    found = response.get("data") if isinstance(response, MAPPING) else None
    return found if isinstance(found, (list, tuple)) else ()


def _image(given: Mapping[str, Any]) -> Part:
    address = given.get("url")
    return image_part(address) if address else base64_image(str(given.get("b64_json") or ""))


def choices(response: Any) -> Choices:
    """The choices in the order of their indexes; servers send them in any order."""
    found = response.get("choices") if isinstance(response, MAPPING) else None
    if not found:
        return ()
    return found if len(found) == 1 else sorted(found, key=_index)


def _index(choice: Mapping[str, Any]) -> int:
    return int(choice.get("index") or 0)


def _read_usage(usage: Mapping[str, Any], found: dict[str, AttributeValue]) -> None:
    for key, name in _COUNTS:
        value = usage.get(key)
        if isinstance(value, int) and value.bit_length() <= INT_BITS:
            found[name] = value
    for details, key, name in _DETAILS:
        of = usage.get(details)
        if of and isinstance(of, MAPPING):
            value = of.get(key)
            if isinstance(value, int) and value.bit_length() <= INT_BITS:
                found[name] = value


def _dimensions(vector: Any) -> int:
    if isinstance(vector, str):  # base64 of float32, if the user asked for it
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
