"""A secret in every place that a call has: nowhere without content, and nowhere unredacted with it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import pytest

from otel_openai_v0 import Redactor
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, Caller, Json, chunk, outcome, piece
from tests.instrumentation.test_secrets import logged
from tests.instrumentation.watching import watch
from tests.support.openai_server import OpenAIServer, Reply, error

WORD = "canaryword"
KEY = "sk-canaryword0123456789"
Place = Callable[[Caller, OpenAIServer], Awaitable[Any]]


def chat(**asked: Any) -> Place:
    return lambda caller, _: caller.answer(**asked)


def row(owner: str, **asked: Any) -> Place:
    return lambda caller, _: caller.create(owner, model="m", **asked)


def answered(*replies: Reply, stream: bool = False) -> Place:
    async def call(caller: Caller, server: OpenAIServer) -> None:
        server.answer_next(*replies)
        result = await caller.create("ChatCompletion", **CHAT, stream=stream)
        if stream:
            await caller.consume(result)

    return call


def messages(secret: str) -> dict[str, Place]:
    said: dict[str, Json] = {
        "user": {"role": "user", "content": f"it is\n{secret}"},
        "system": {"role": "system", "content": secret},
        "name": {"role": "user", "content": "x", "name": secret},
        "role": {"role": secret, "content": "x"},
        "function result": {"role": "function", "name": "f", "content": secret},
        "function arguments": {"role": "assistant", "function_call": {"name": "f", "arguments": f'{{"a":"{secret}"}}'}},
        "broken arguments": {"role": "assistant", "function_call": {"name": "f", "arguments": f'{{"a":"\\n{secret}'}},
        "called function": {"role": "assistant", "function_call": {"name": secret, "arguments": "{}"}},
        "part": {"role": "user", "content": [{"type": "text", "text": secret}]},
        "address of an image": {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": f"https://u:{secret}@host/x?key={secret}"}}],
        },
        "part of no known kind": {"role": "user", "content": [{"type": "x", "x": {secret: [secret]}}]},
        "no text": {"role": "user", "content": {"a": secret}},
    }
    return {f"message: {name}": chat(messages=[message]) for name, message in said.items()}


def arguments(secret: str) -> dict[str, Place]:
    function = {"name": secret, "description": secret, "parameters": {"default": secret}}
    asked: dict[str, Json] = {
        "function": {"functions": [function], "function_call": "none"},
        "function_call": {"function_call": {"name": secret}},
        "stop": {"stop": secret},
        "stops": {"stop": ["a", f"\n{secret}"]},
        "user": {"user": secret},
        "metadata": {"metadata": {"a": secret}},
        "header": {"headers": {"X-Mine": secret}},
        "authorization": {"headers": {"Authorization": f"Bearer {secret}"}},
        "api_key": {"api_key": secret},
        "organization": {"organization": secret},
        "request_id": {"request_id": secret},
        "api_base": {"api_base": f"http://user:{secret}@127.0.0.1:1/v1"},
        "refused argument": {"request_timeout": secret},
        "unsent argument": {"logit_bias": {secret: object()}},
    }
    return {f"argument: {name}": chat(**each) for name, each in asked.items()}


def rows(secret: str) -> dict[str, Place]:
    def file(caller: Caller, _: OpenAIServer) -> Awaitable[Any]:
        named = io.BytesIO(secret.encode())
        named.name = f"/home/{secret}/{secret}.wav"
        method = openai.Audio.atranscribe if caller.is_async else openai.Audio.transcribe
        return caller.call(method, "whisper-1", named, prompt=secret)

    return {
        "row: completion": row("Completion", prompt=secret, suffix=secret),
        "row: prompts": row("Completion", prompt=["a", secret]),
        "row: edit": row("Edit", input=secret, instruction=secret),
        "row: embedding": row("Embedding", input=[secret]),
        "row: moderation": row("Moderation", input=secret),
        "row: image": row("Image", prompt=secret),
        "row: file": file,
    }


def answers(secret: str) -> dict[str, Place]:
    body = {"error": {"message": f"no: {secret}", "type": secret, "param": secret, "code": f"a {secret}"}}
    message = {"role": "assistant", "content": secret, "function_call": {"name": "f", "arguments": json.dumps(secret)}}
    pieces = [chunk(piece(secret[:at])) for at in (3, 7)] + [chunk(piece(f"\n{secret}"))]
    return {
        "answer": answered(Reply(body={"choices": [{"index": 0, "message": message}]})),
        "stream": answered(Reply(events=pieces), stream=True),
        "error 400": answered(Reply(400, body)),
        "error 401": answered(error(401, f"Incorrect API key provided: {secret}.")),
        "error 500": answered(Reply(500, body)),
        "error as text": answered(Reply(500, f"<html>{secret}</html>", "text/html")),
        "no JSON": answered(Reply(200, f"<html>{secret}</html>")),
        "error in a stream": answered(Reply(events=[*pieces, body]), stream=True),
        "retried": answered(*[Reply(409, body)] * 2),
        "thrown": thrown(secret),
    }


def thrown(secret: str) -> Place:
    """The caller's own exception, thrown into a stream."""

    async def call(caller: Caller, _: OpenAIServer) -> None:
        stream = await caller.create("ChatCompletion", **CHAT, stream=True)
        await caller.next(stream)
        await caller.throw(stream, RuntimeError(f"mine:\n{secret}"))

    return call


def places(secret: str) -> dict[str, Place]:
    return {**messages(secret), **arguments(secret), **rows(secret), **answers(secret)}


@pytest.mark.parametrize("place", places(WORD))
async def test_without_content_a_secret_is_nowhere(
    place: str,
    caller: Caller,
    server: OpenAIServer,
    instrument: Instrument,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "true")
    watched = watch(instrument, capture_content="no_content")
    await outcome(places(WORD)[place](caller, server))
    assert (len(watched.spans), len(watched.events())) == (1, 1)
    assert WORD not in watched.everything() + logged(caplog)


@pytest.mark.parametrize("place", places(WORD))
async def test_with_events_only_a_secret_is_in_no_span(
    place: str, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    watched = watch(instrument, capture_content="event_only")
    await outcome(places(WORD)[place](caller, server))
    assert WORD not in watched.only().to_json()


@pytest.mark.parametrize("place", [*places(KEY), "model", "engine"])
async def test_with_content_a_key_is_nowhere(
    place: str, caller: Caller, server: OpenAIServer, instrument: Instrument, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    watched = watch(instrument, capture_content="span_and_event")
    named = {"model": chat(model=KEY), "engine": chat(model=None, engine=KEY)}
    await outcome({**places(KEY), **named}[place](caller, server))
    assert (len(watched.spans), len(watched.events())) == (1, 1)
    assert KEY[:12] not in watched.everything() + logged(caplog)


@pytest.mark.parametrize(
    "place", ["message: user", "argument: stops", "argument: user", "error 400", "thrown", "stream"]
)
async def test_with_content_a_word_is_recorded(
    place: str, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    """The other side: the places above do reach the span."""
    watched = watch(instrument, capture_content="span_only")
    await outcome(places(WORD)[place](caller, server))
    assert WORD in watched.only().to_json()


def masked(kind: str, items: list[Json]) -> list[Json]:
    """Whatever it is shown, without the word."""
    shown: list[Json] = json.loads(json.dumps(items).replace(WORD, "masked"))
    return shown


@pytest.mark.parametrize("redact", [lambda *_: None, masked], ids=["nothing", "masked"])
@pytest.mark.parametrize("place", places(WORD))
async def test_what_redact_takes_out_is_nowhere(
    place: str,
    redact: Redactor,
    caller: Caller,
    server: OpenAIServer,
    instrument: Instrument,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    watched = watch(instrument, capture_content="span_and_event", redact=redact)
    await outcome(places(WORD)[place](caller, server))
    assert (len(watched.spans), len(watched.events())) == (1, 1)
    assert WORD not in watched.everything() + logged(caplog)


@pytest.mark.parametrize("place", ["argument: stops", "argument: user", "error 400", "thrown"])
async def test_what_redact_leaves_is_recorded(
    place: str, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    watched = watch(instrument, redact=lambda _, items: items)
    await outcome(places(WORD)[place](caller, server))
    assert WORD in watched.only().to_json()
