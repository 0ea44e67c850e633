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

_MODELS: Final = ("gpt-3.5-turbo", "gpt-3.5-turbo-instruct", "gpt-4", "text-embedding-ada-002")
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
)
_ANSWER: Final = "This is the answer of a stand-in: set OPENAI_API_KEY to ask a real model."


@dataclass(frozen=True, slots=True)
class Answer:
    """A body, or the events of a stream; `wait` is seconds before the answer, `pause` seconds between events."""

    body: Json
    status: int = 200
    events: tuple[Json, ...] = ()
    wait: float = 0.0
    pause: float = 0.0


def answer(path: str, body: bytes) -> Answer:
    """The answer to a POST of `body`."""
    found = next((function for suffix, function in _PATHS if path.endswith(suffix)), None)
    try:
        asked = json.loads(body)
    except ValueError:
        return _error(400, "We could not parse the JSON body of your request.", None)
    if found is None or not isinstance(asked, dict):
        return _error(404, f"Unknown request URL: POST {path}", "unknown_url")
    model = asked.get("model")
    if model not in _MODELS:
        return _error(404, f"The model `{model}` does not exist", "model_not_found")
    return found(asked)


def _error(status: int, message: str, code: str | None) -> Answer:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return Answer({"error": error}, status, wait=_varied(message, 0.04, 0.09))


def _chat(asked: Json) -> Answer:
    messages = [str(message.get("content") or "") for message in asked.get("messages") or ()]
    text = _reply(messages[-1] if messages else "")
    head = {"id": _identifier("chatcmpl", text), "created": _CREATED, "model": f"{asked['model']}-0613"}
    usage = _usage(messages, text)
    if asked.get("stream"):
        return _chat_stream(asked, {**head, "object": "chat.completion.chunk"}, text, usage)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return Answer({**head, "object": "chat.completion", "choices": [choice], "usage": usage}, wait=_thinking(text))


def _chat_stream(asked: Json, head: Json, text: str, usage: Json) -> Answer:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in re.findall(r"\s*\S+", text)]
    choices: list[Json] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    events: list[Json] = [{**head, "choices": [choice]} for choice in choices]
    if (asked.get("stream_options") or {}).get("include_usage"):
        events.append({**head, "choices": [], "usage": usage})
    return Answer({}, events=tuple(events), wait=_varied(text, 0.15, 0.25), pause=0.03)


def _completion(asked: Json) -> Answer:
    prompt = str(asked.get("prompt") or "")
    text = _reply(prompt)
    head: Json = {
        "id": _identifier("cmpl", text),
        "object": "text_completion",
        "created": _CREATED,
        "model": asked["model"],
    }
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": "stop"}
    return Answer(
        {**head, "object": "text_completion", "choices": [choice], "usage": _usage([prompt], text)},
        wait=_thinking(text),
    )


def _embeddings(asked: Json) -> Answer:
    given = asked.get("input") or ""
    texts = [str(text) for text in given] if isinstance(given, list) else [str(given)]
    vectors = [_vector(text) for text in texts]
    found = [_base64(vector) if asked.get("encoding_format") == "base64" else vector for vector in vectors]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(found)]
    tokens = sum(_tokens(text) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    body = {"object": "list", "data": data, "model": f"{asked['model']}-v2", "usage": usage}
    return Answer(body, wait=_varied(texts[0], 0.06, 0.12))


# The first suffix that fits.
_PATHS: Final[Sequence[tuple[str, Callable[[Json], Answer]]]] = (
    ("/chat/completions", _chat),
    ("/completions", _completion),
    ("/embeddings", _embeddings),
)


def _reply(question: str) -> str:
    return next((text for part, text in _ANSWERS if part in question), _ANSWER)


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
    prompt, completion = sum(_tokens(prompt) for prompt in prompts), _tokens(text)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _tokens(text: str) -> int:
    return math.ceil(len(text) / 4)  # OpenAI's rule of thumb


def _identifier(prefix: str, text: str) -> str:
    return f"{prefix}-demo{zlib.crc32(text.encode()):08x}"


def _thinking(text: str) -> float:
    return _varied(text, 0.2, 0.4) + 0.004 * len(text)


def _varied(text: str, least: float, most: float) -> float:
    return least + (most - least) * (zlib.crc32(text.encode()) % 1000) / 1000
