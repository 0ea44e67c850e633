"""Makes the answers of the demo's stand-in for the OpenAI API. Pure."""

import json
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

Json: TypeAlias = dict[str, Any]

# Models as requested, and as named in answers.
_MODELS: Final = {
    "gpt-3.5-turbo": "gpt-3.5-turbo-0613",
    "gpt-3.5-turbo-instruct": "gpt-3.5-turbo-instruct",
    "gpt-4": "gpt-4-0613",
    "text-embedding-ada-002": "text-embedding-ada-002-v2",
}
_DIMENSIONS: Final = 1536

# Pairs of a part of the question and the answer.
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


class Answer(NamedTuple):
    """A JSON document, or the events of a stream."""

    parts: Sequence[str]
    status: int = 200
    is_stream: bool = False


def answer(path: str, body: bytes) -> Answer:
    """The answer to a POST of `body`, which is a JSON object."""
    asked = json.loads(body)
    model = asked.get("model")
    if model in _MODELS and path in _ENDPOINTS:
        return _ENDPOINTS[path](asked, {"created": 1_700_000_000, "model": _MODELS[model]})
    error = {"message": f"The model `{model}` does not exist", "type": "invalid_request_error", "param": None}
    return Answer([json.dumps({"error": {**error, "code": "model_not_found"}})], status=404)


def _chat(asked: Json, head: Json) -> Answer:
    prompts = [str(message.get("content") or "") for message in asked.get("messages") or [{}]]
    text = _reply(prompts[-1])
    head = {**head, "id": _id("chatcmpl", text)}
    if asked.get("stream"):
        usage = _usage(prompts, text) if (asked.get("stream_options") or {}).get("include_usage") else None
        return _stream({**head, "object": "chat.completion.chunk"}, text, usage)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return _document({**head, "object": "chat.completion", "choices": [choice], "usage": _usage(prompts, text)})


def _completion(asked: Json, head: Json) -> Answer:
    prompt = str(asked.get("prompt") or "")
    text = _reply(prompt)
    head = {**head, "id": _id("cmpl", text), "object": "text_completion"}
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": "stop"}
    return _document({**head, "choices": [choice], "usage": _usage([prompt], text)})


def _embeddings(asked: Json, head: Json) -> Answer:
    given = asked.get("input") or ""
    texts = [str(text) for text in (given if isinstance(given, list) else [given])]
    data = [{"object": "embedding", "index": index, "embedding": _vector(text)} for index, text in enumerate(texts)]
    tokens = sum(map(_tokens, texts))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return _document({"object": "list", "data": data, "model": head["model"], "usage": usage})


_ENDPOINTS: Final[Mapping[str, Callable[[Json, Json], Answer]]] = {
    "/v1/chat/completions": _chat,
    "/v1/completions": _completion,
    "/v1/embeddings": _embeddings,
}


def _document(body: Json) -> Answer:
    return Answer([json.dumps(body)])


def _stream(head: Json, text: str, usage: Json | None) -> Answer:
    deltas = [{"role": "assistant", "content": ""}, *({"content": word} for word in re.findall(r"\s*\S+", text)), {}]
    choices = [{"index": 0, "delta": delta, "finish_reason": None if delta else "stop"} for delta in deltas]
    events: list[Json] = [{"choices": [choice]} for choice in choices]
    if usage is not None:
        events.append({"choices": [], "usage": usage})
    texts = [*(json.dumps({**head, **event}) for event in events), "[DONE]"]
    return Answer([f"data: {text}\n\n" for text in texts], is_stream=True)


def _reply(question: str) -> str:
    return next(text for part, text in _ANSWERS if part in question)


def _vector(text: str) -> list[float]:
    """A vector of the hashed words of `text`. Texts with words in common have similar vectors."""
    vector = [0.0] * _DIMENSIONS
    for word in re.findall(r"\w+", text.lower()):
        vector[zlib.crc32(word.encode()) % _DIMENSIONS] += 1.0
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]


def _usage(prompts: Sequence[str], text: str) -> Json:
    prompt, completion = sum(map(_tokens, prompts)), _tokens(text)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _tokens(text: str) -> int:
    return math.ceil(len(text) / 4)  # OpenAI's rule of thumb


def _id(prefix: str, text: str) -> str:
    return f"{prefix}-demo{zlib.crc32(text.encode()):08x}"
