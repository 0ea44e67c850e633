"""A stand-in for the OpenAI API at the time of openai 0.28: an HTTP server on a loopback port.

Use it as ``with OpenAIServer() as server:`` and set ``openai.api_base`` to ``server.url``. Every request is kept in
``server.requests``. The answer is the next scripted `Reply`, else a deterministic default (an echo), so that a test can
distinguish calls and threads. `python -m tests.support.openai_server` prints its URL and serves until stdin closes.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import signal
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import FrameType
from typing import Any, Final
from urllib.parse import urlsplit

from tests.support.listener import Listener

CREATED: Final = 1_690_000_000
GATE_SECONDS: Final = 30.0
DONE: Final = "data: [DONE]"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Received:
    """One received request: `path` with its query, `headers` with lower-case keys."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body parsed as JSON; None for an empty body."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request; see the comment beside each field."""

    status: int = 200
    body: object = None  # dict or list: as JSON; str or bytes: as they are; None: empty
    content_type: str = "application/json"  # with events, this default means text/event-stream
    headers: Mapping[str, str] = field(default_factory=dict)  # win over the default headers
    events: Sequence[object] | None = None  # dict or list: "data: <json>"; str: as an event; bytes: no newline added
    done: bool = True  # send [DONE] after the events
    delay: float = 0  # seconds before the head
    event_delay: float = 0  # seconds between events
    cut_after: int | None = None  # close after that many events, or body bytes, although the headers announced more
    drop: bool = False  # close without answering
    gate: threading.Event | None = None  # awaited (30 s at most) after the first event; without events before the head

    def payload(self) -> bytes:
        """The body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return b"" if self.body is None else json.dumps(self.body).encode()


def error(
    status: int,
    message: str,
    type: str = "invalid_request_error",  # noqa: A002 - the API's own name
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """A reply with OpenAI's error JSON and an HTTP status."""
    body = {"error": {"message": message, "type": type, "param": None, "code": code}}
    return Reply(status, body, headers=headers or {})


# Default answers: pure functions from the request's JSON and number to a Reply.


def words(text: object) -> int:
    """The token count of this server: the words of a text, or the length of a token list."""
    return len(text.split()) if isinstance(text, str) else len(text) if isinstance(text, list) else 0


def usage_of(prompts: Sequence[object], answers: Sequence[str]) -> Json:
    """Deterministic usage in the chat and completion shape."""
    prompt, completion = sum(map(words, prompts)), sum(map(words, answers))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def inputs_of(value: object) -> list[object]:
    """The inputs as a list. A text or a list of token numbers is one input; a list of these is several inputs."""
    return value if isinstance(value, list) and not any(isinstance(item, int) for item in value) else [value]


def echo(text: object, index: int = 0) -> str:
    """The answer to a text; choices after the first carry their index."""
    return f"You said: {text}" + (f" [{index}]" if index else "")


def pieces(text: str) -> list[str]:
    """The pieces of a text, cut after each run of whitespace. Joined, they are the text again."""
    return re.findall(r"\s*\S+\s*", text)


def chat_messages(asked: Json) -> list[Json]:
    """One assistant message per choice: a call of the first function if there are functions, else an echo."""
    said = [m.get("content") or "" for m in asked.get("messages") or () if m.get("role") == "user"]
    texts = [echo(said[-1] if said else "", index) for index in range(asked.get("n") or 1)]
    if not asked.get("functions") or asked.get("function_call") == "none":
        return [{"role": "assistant", "content": text} for text in texts]
    name = asked["functions"][0]["name"]
    calls = [{"name": name, "arguments": json.dumps({"text": text})} for text in texts]
    return [{"role": "assistant", "content": None, "function_call": call} for call in calls]


def chat_deltas(message: Json) -> list[Json]:
    """The deltas of one choice: role first, then the text or the function's arguments in pieces."""
    call = message.get("function_call")
    if call is None:
        return [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces(message["content"]))]
    first = {"role": "assistant", "content": None, "function_call": {"name": call["name"], "arguments": ""}}
    return [first, *({"function_call": {"arguments": piece}} for piece in pieces(call["arguments"]))]


def interleaved(choices: Sequence[Sequence[Json]]) -> list[Json]:
    """Round robin over the choices' parts, as the API does: 0, 1, 0, 1, ..."""
    return [part for parts in itertools.zip_longest(*choices) for part in parts if part is not None]


def streamed(asked: Json, head: Json, parts: list[Json], usage: Json) -> Reply:
    """One event per part (a one-choice chunk); with include_usage each chunk has `usage`, filled in the last only."""
    if not (asked.get("stream_options") or {}).get("include_usage"):
        return Reply(events=[{**head, "choices": [part]} for part in parts])
    events = [{**head, "choices": [part], "usage": None} for part in parts]
    return Reply(events=[*events, {**head, "choices": [], "usage": usage}])


def chat(asked: Json, number: int) -> Reply:
    """POST chat/completions, plain and streamed."""
    model = asked.get("model") or "gpt-3.5-turbo-0613"
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion", "created": CREATED, "model": model}
    messages = chat_messages(asked)
    finish = "function_call" if "function_call" in messages[0] else "stop"
    texts = [message["content"] or message["function_call"]["arguments"] for message in messages]
    usage = usage_of([message.get("content") for message in asked.get("messages") or ()], texts)
    if not asked.get("stream"):
        choices = [{"index": i, "message": message, "finish_reason": finish} for i, message in enumerate(messages)]
        return Reply(body={**head, "choices": choices, "usage": usage})
    deltas = [
        [{"index": i, "delta": delta, "finish_reason": None} for delta in chat_deltas(message)]
        + [{"index": i, "delta": {}, "finish_reason": finish}]
        for i, message in enumerate(messages)
    ]
    return streamed(asked, {**head, "object": "chat.completion.chunk"}, interleaved(deltas), usage)


def completion(asked: Json, number: int) -> Reply:
    """POST completions: n choices per prompt, prompt by prompt."""
    model = asked.get("model") or "text-davinci-003"
    head = {"id": f"cmpl-{number}", "object": "text_completion", "created": CREATED, "model": model}
    prompts = inputs_of(asked.get("prompt", ""))
    texts = [echo(prompt, index) for prompt in prompts for index in range(asked.get("n") or 1)]
    usage, base = usage_of(prompts, texts), {"logprobs": None, "finish_reason": "stop"}
    if not asked.get("stream"):
        choices = [{"text": text, "index": index, **base} for index, text in enumerate(texts)]
        return Reply(body={**head, "choices": choices, "usage": usage})
    parts = [
        [{"text": piece, "index": index, **base, "finish_reason": None} for piece in pieces(text)]
        + [{"text": "", "index": index, **base}]
        for index, text in enumerate(texts)
    ]
    return streamed(asked, head, interleaved(parts), usage)


def edit(asked: Json, number: int) -> Reply:
    """POST edits: an answer without id and model."""
    texts = [echo(asked.get("input", ""), index) for index in range(asked.get("n") or 1)]
    usage = usage_of([asked.get("input"), asked.get("instruction")], texts)
    choices = [{"text": text, "index": index} for index, text in enumerate(texts)]
    return Reply(body={"object": "edit", "created": CREATED, "choices": choices, "usage": usage})


def vector(index: int, encoding: object) -> list[float] | str:
    """Eight floats that float32 holds exactly, as a list or as base64 of little-endian float32."""
    floats = [index + 1 + place / 8 for place in range(8)]
    return base64.b64encode(struct.pack("<8f", *floats)).decode() if encoding == "base64" else floats


def embedding(asked: Json, number: int) -> Reply:
    """POST embeddings: one vector per input; usage has no completion_tokens."""
    inputs, encoding = inputs_of(asked.get("input", "")), asked.get("encoding_format")
    vectors = [{"object": "embedding", "index": i, "embedding": vector(i, encoding)} for i in range(len(inputs))]
    tokens = sum(map(words, inputs))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    model = asked.get("model") or "text-embedding-ada-002-v2"
    return Reply(body={"object": "list", "data": vectors, "model": model, "usage": usage})


def moderation(asked: Json, number: int) -> Reply:
    """POST moderations: nothing is ever flagged."""
    result = {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.25}}
    results = [result for _ in inputs_of(asked.get("input", ""))]
    model = asked.get("model") or "text-moderation-006"
    return Reply(body={"id": f"modr-{number}", "model": model, "results": results})


def models(asked: Json, number: int) -> Reply:
    """GET models."""
    names = ("gpt-3.5-turbo-0613", "text-davinci-003", "text-embedding-ada-002")
    listed = [{"id": name, "object": "model", "created": CREATED, "owned_by": "openai"} for name in names]
    return Reply(body={"object": "list", "data": listed})


# The first matching suffix wins, so the longer one is first. Suffixes match /v1/..., engines and Azure deployments.
DEFAULTS: Final[tuple[tuple[str, Callable[[Json, int], Reply]], ...]] = (
    ("/chat/completions", chat),
    ("/completions", completion),
    ("/edits", edit),
    ("/embeddings", embedding),
    ("/moderations", moderation),
    ("/models", models),
)


def default_reply(request: Received, number: int) -> Reply:
    """The answer of a server without a script; OpenAI's 404 for an unknown path."""
    path = urlsplit(request.path).path
    answer = next((function for suffix, function in DEFAULTS if path.endswith(suffix)), None)
    if answer is None:
        return error(404, f"Unknown request URL: {request.method} {path}")
    asked = request.json
    return answer(asked if isinstance(asked, dict) else {}, number)


# Bytes of HTTP.


def sse(event: object) -> bytes:
    """One server-sent event; bytes pass untouched so that a test can split an event over writes."""
    if isinstance(event, bytes):
        return event
    return (event if isinstance(event, str) else f"data: {json.dumps(event)}").encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    """One chunk of HTTP's chunked transfer encoding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def head_bytes(reply: Reply, number: int, framing: Mapping[str, str]) -> bytes:
    """The status line and headers. `framing` has the headers that mark the end of the body."""
    sse_type = reply.events is not None and reply.content_type == "application/json"
    headers = {
        "content-type": "text/event-stream" if sse_type else reply.content_type,
        "x-request-id": f"req-{number}",
        "openai-processing-ms": "7",
        "openai-organization": "org-test",
        "openai-version": "2020-10-01",
        **framing,
        **{key.lower(): value for key, value in reply.headers.items()},
    }
    reason = BaseHTTPRequestHandler.responses.get(reply.status, ("Unknown",))[0]
    lines = [f"HTTP/1.1 {reply.status} {reason}", *(f"{key}: {value}" for key, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def writes(reply: Reply, number: int) -> Iterator[bytes]:
    """The bytes of each write to the socket.

    The head is never written alone. A head and a body in two writes would delay a client by 40 ms per call (Nagle and
    delayed ACK), more than the project's benchmarks measure.
    """
    if reply.events is None:
        payload = reply.payload()
        yield head_bytes(reply, number, {"content-length": str(len(payload))}) + payload[: reply.cut_after]
        return
    frames = [chunk(sse(event)) for event in reply.events[: reply.cut_after]]
    if reply.cut_after is None:
        frames += [chunk(sse(DONE))] * reply.done + [b"0\r\n\r\n"]
    head = head_bytes(reply, number, {"transfer-encoding": "chunked"})
    yield head + (frames[0] if frames else b"")
    yield from frames[1:]


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests and writes the replies that the OpenAIServer chooses."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener[OpenAIServer]

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {key.lower(): value for key, value in self.headers.items()}
        reply, number = self.server.owner.receive(Received(self.command, self.path, headers, body))
        self.close_connection = self.close_connection or reply.drop or reply.cut_after is not None
        self.send(reply, number)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server looks for these names

    def send(self, reply: Reply, number: int) -> None:
        pause = self.server.owner.closing.wait  # a sleep that ends early when the server is closed
        if reply.delay:
            pause(reply.delay)
        gate_after = -1 if reply.events is None or reply.drop else 0  # the write after which the gate is awaited
        if reply.gate and gate_after < 0:
            reply.gate.wait(GATE_SECONDS)
        for index, data in enumerate(() if reply.drop else writes(reply, number)):
            if index and reply.event_delay:
                pause(reply.event_delay)
            self.wfile.write(data)
            if reply.gate and index == gate_after:
                reply.gate.wait(GATE_SECONDS)

    def log_message(self, *_: object) -> None:
        """Log nothing: test output is for failures."""


class OpenAIServer:
    """The server as tests see it. All methods are safe to call from any thread while it serves."""

    def __init__(self) -> None:
        self.closing = threading.Event()
        self._arrived = threading.Condition()
        self._requests: list[Received] = []
        self._next: deque[Reply] = deque()
        self._always: Reply | None = None
        self._listener = Listener(self, _Handler)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> OpenAIServer:  # noqa: PYI034 - typing.Self begins with Python 3.11
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        self._listener.shutdown()
        self._listener.server_close()
        self._listener.hang_up()
        self._thread.join()

    @property
    def url(self) -> str:
        """The value for `openai.api_base`."""
        return f"http://127.0.0.1:{self._listener.server_port}/v1"

    @property
    def requests(self) -> list[Received]:
        """All requests so far, in order of arrival; a copy."""
        with self._arrived:
            return list(self._requests)

    def wait_for_requests(self, count: int, timeout: float = GATE_SECONDS) -> bool:
        """Wait until `count` requests have arrived in total. Returns False after `timeout` seconds."""
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self._requests) >= count, timeout)

    def answer_next(self, *replies: Reply) -> None:
        """Queue replies. Each is the answer to one request, in this order, before any other reply."""
        with self._arrived:
            self._next.extend(replies)

    def answer_always(self, reply: Reply | None) -> None:
        """Answer every request without a queued reply with this one. None restores the defaults."""
        with self._arrived:
            self._always = reply

    def receive(self, request: Received) -> tuple[Reply, int]:
        """Record a request of a connection thread. Returns its reply and its number, which begins at 1."""
        with self._arrived:
            self._requests.append(request)
            number = len(self._requests)
            scripted = self._next.popleft() if self._next else self._always
            self._arrived.notify_all()
        return scripted or default_reply(request, number), number


def main() -> None:
    """Print the URL, then serve until stdin closes or SIGTERM comes."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    with OpenAIServer() as server:
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
