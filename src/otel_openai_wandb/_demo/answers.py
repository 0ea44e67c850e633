"""What the demo's stand-in for the OpenAI API answers: pure functions from a request to an answer."""

import base64
import json
import math
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

# A model, and what answers call it.
_MODELS: Final = {
    "gpt-3.5-turbo": "gpt-3.5-turbo-0613",
    "gpt-3.5-turbo-instruct": "gpt-3.5-turbo-instruct",
    "gpt-4": "gpt-4-0613",
    "text-embedding-ada-002": "text-embedding-ada-002-v2",
}
_DIMENSIONS: Final = 1536
_CREATED: Final = 1_700_000_000

# A part of the question, and its answer.
_ANSWERS: Final = (
    ("in at most eight words", "Jupiter's moon Europa hides a salty ocean."),
    ("traveller", "Storms larger than the Earth, and four bright moons along the way."),
    ("ocean", "Europa, a moon of Jupiter, very likely has a salty ocean below its crust of ice."),
    ("largest planet", "Jupiter is the largest planet of the solar system."),
    ("rings", "Saturn's rings are billions of pieces of ice and rock, most of them smaller than a house."),
    ("Voyager 1", " 1977, and it crossed into interstellar space in 2012."),
    ("Where was it played?", "It was played at Globe Life Field in Arlington, Texas."),
    ("", "This is the answer of a stand-in: set OPENAI_API_KEY to ask a real model."),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON document, or the events of a stream; `wait` is seconds before the answer."""

    parts: tuple[str, ...]
    status: int = 200
    is_stream: bool = False
    wait: float = 0.0


def answer(path: str, body: bytes) -> Answer:
    """The answer to a POST of `body`, which is a JSON object."""
    asked = json.loads(body)
    model = asked.get("model")
    found = next((function for suffix, function in _PATHS if path.endswith(suffix)), None)
    if found is None:
        return _not_found(f"Unknown request URL: POST {path}", "unknown_url")
    if model not in _MODELS:
        return _not_found(f"The model `{model}` does not exist", "model_not_found")
    return found(asked, {"created": _CREATED, "model": _MODELS[model]})


def _not_found(message: str, code: str) -> Answer:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return Answer((json.dumps({"error": error}),), status=404, wait=_varied(message, 0.04, 0.09))


def _chat(asked: Json, head: Json) -> Answer:
    prompts = [str(message.get("content") or "") for message in asked.get("messages") or [{}]]
    text = _reply(prompts[-1])
    if asked.get("stream"):
        wants_usage = (asked.get("stream_options") or {}).get("include_usage")
        return _stream({**head, **_named("chatcmpl", text)}, text, _usage(prompts, text) if wants_usage else None)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return _whole({**head, "object": "chat.completion", "choices": [choice]}, "chatcmpl", prompts, text)


def _completion(asked: Json, head: Json) -> Answer:
    prompt = str(asked.get("prompt") or "")
    text = _reply(prompt)
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": "stop"}
    return _whole({**head, "object": "text_completion", "choices": [choice]}, "cmpl", [prompt], text)


def _whole(body: Json, prefix: str, prompts: Sequence[str], text: str) -> Answer:
    whole = {**body, **_named(prefix, text), "usage": _usage(prompts, text)}
    return Answer((json.dumps(whole),), wait=_varied(text, 0.2, 0.4) + 0.004 * len(text))


def _stream(head: Json, text: str, usage: Json | None) -> Answer:
    deltas = [{"role": "assistant", "content": ""}, *({"content": word} for word in re.findall(r"\s*\S+", text)), {}]
    choices = [{"index": 0, "delta": delta, "finish_reason": None if delta else "stop"} for delta in deltas]
    events: list[Json] = [{"choices": [choice]} for choice in choices]
    if usage is not None:
        events.append({"choices": [], "usage": usage})
    texts = [json.dumps({**head, "object": "chat.completion.chunk", **event}) for event in events]
    parts = tuple(f"data: {text}\n\n" for text in (*texts, "[DONE]"))
    return Answer(parts, is_stream=True, wait=_varied(text, 0.15, 0.25))


def _embeddings(asked: Json, head: Json) -> Answer:
    given = asked.get("input") or ""
    texts = [str(text) for text in (given if isinstance(given, list) else [given])]
    encoded = _base64 if asked.get("encoding_format") == "base64" else list
    data = [
        {"object": "embedding", "index": index, "embedding": encoded(_vector(text))} for index, text in enumerate(texts)
    ]
    tokens = sum(map(_tokens, texts))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    body = {"object": "list", "data": data, "model": head["model"], "usage": usage}
    return Answer((json.dumps(body),), wait=_varied(texts[0], 0.06, 0.12))


# The first suffix that fits.
_PATHS: Final[Sequence[tuple[str, Callable[[Json, Json], Answer]]]] = (
    ("/chat/completions", _chat),
    ("/completions", _completion),
    ("/embeddings", _embeddings),
)


def _reply(question: str) -> str:
    return next(text for part, text in _ANSWERS if part in question)


def _vector(text: str) -> list[float]:
    """The words of `text` by their hashes, so that texts with words in common are near each other."""
    vector = [0.0] * _DIMENSIONS
    for word in re.findall(r"\w+", text.lower()):
        vector[zlib.crc32(word.encode()) % _DIMENSIONS] += 1.0
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _usage(prompts: Sequence[str], text: str) -> Json:
    prompt, completion = sum(map(_tokens, prompts)), _tokens(text)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _tokens(text: str) -> int:
    return math.ceil(len(text) / 4)  # OpenAI's rule of thumb


def _named(prefix: str, text: str) -> Json:
    return {"id": f"{prefix}-demo{zlib.crc32(text.encode()):08x}"}


def _varied(text: str, least: float, most: float) -> float:
    return least + (most - least) * (zlib.crc32(text.encode()) % 1000) / 1000
