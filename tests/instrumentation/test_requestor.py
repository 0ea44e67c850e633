"""What no public method that is wrapped stands before: the user's own classes, captured methods, direct requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from typing import Any

import openai
import pytest
from openai.api_requestor import APIRequestor
from openai.api_resources.abstract import CreateableAPIResource
from openai.api_resources.abstract.engine_api_resource import EngineAPIResource
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from opentelemetry.trace import StatusCode

from otel_openai_v0 import OpenAIInstrumentor
from tests.instrumentation.calls import CALLS, DRAWN, IMAGE, Asked, run
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import (
    CHAT,
    HELLO,
    Caller,
    Json,
    Recording,
    attributes,
    chunk,
    contents,
    outcome,
    piece,
)
from tests.instrumentation.watching import watch
from tests.support.openai_server import OpenAIServer, Reply, error

STREAM = Reply(events=[chunk(piece("a", role="assistant")), chunk(piece("b", finish="stop"))])


class Chat(openai.ChatCompletion):  # type: ignore[misc]  # openai's classes are Any here
    """A user's own, with nothing of its own."""


class Chats(EngineAPIResource):  # type: ignore[misc]
    """A user's own way to a known endpoint."""

    OBJECT_NAME = "chat.completions"


class Answer(EngineAPIResource):  # type: ignore[misc]
    """An endpoint that we have never heard of."""

    OBJECT_NAME = "answers"


class Ticket(CreateableAPIResource):  # type: ignore[misc]
    OBJECT_NAME = "tickets"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", [Chat, Chats])
async def test_a_class_of_the_users_own(
    kind: type, stream: bool, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    server.answer_next(*[STREAM if stream else Reply(body={"choices": []})] * 2)

    async def ask() -> Any:
        result = await caller.create(kind, **CHAT, stream=stream)
        return await caller.consume(result) if stream else result

    bare = await outcome(ask())
    recording = instrument()
    assert await outcome(ask()) == bare
    assert recording.only().name == "chat gpt-3.5-turbo"
    found = recording.attributes()
    assert (found["openai.api.type"], contents(found["gen_ai.input.messages"])) == ("chat_completions", ["hello there"])
    assert contents(found.get("gen_ai.output.messages", [])) == (["ab"] if stream else [])


@pytest.mark.parametrize(("kind", "name"), [(Answer, "create answers"), (Ticket, "create tickets")])
async def test_a_class_for_an_endpoint_of_its_own(
    kind: type, name: str, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(Reply(body={"id": "t-1", "object": "ticket"}))
    assert (await caller.create(kind, model="m"))["id"] == "t-1"
    assert recording.only().name == name


def captured(caller: Caller, asked: Asked, how: str) -> Callable[..., Any]:
    method = asked.method(caller.is_async)
    return partial(method) if how == "partial" else method


SENT_ALIKE = {
    "find_matching_files": {"list"},
    "wait_for_processing": {"retrieve"},
    "refresh": {"retrieve"},
    "retrieve": {"retrieve", "refresh"},  # most of them call the method `refresh`, which is wrapped
    "stream_events": {"list_events"},
}


@pytest.mark.parametrize("how", ["bound", "partial"])
@pytest.mark.filterwarnings("ignore:Engine.embeddings is deprecated")
@pytest.mark.parametrize("asked", CALLS, ids=str)
async def test_a_method_that_was_taken_before(
    asked: Asked, how: str, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    method = captured(caller, asked, how)
    bare = await run(caller, server, asked, method)
    recording = instrument()
    assert await run(caller, server, asked, method) == bare
    span = recording.only()
    found = attributes(span)
    if "gen_ai.operation.name" in asked.attributes:
        exact = {key: value for key, value in asked.attributes.items() if not key.endswith(".name")}
        assert span.name == asked.span
        assert {key: found.get(key) for key in exact} == exact
        assert found["gen_ai.operation.name"] == asked.attributes["gen_ai.operation.name"]
    else:  # what several methods send alike has the name of one
        assert found["openai.resource.type"] == asked.attributes["openai.resource.type"]
        verb, _, resource = asked.span.partition(" ")
        verbs = {"post"} if resource == "customer" else SENT_ALIKE.get(verb, {verb})  # its addresses are anybody's
        assert span.name in {f"{verb} {resource}" for verb in verbs}
        assert "gen_ai.operation.name" not in found
    assert found["openai.response.request_id"].startswith("req-")
    OpenAIInstrumentor().uninstrument()
    assert await run(caller, server, asked, method) == bare
    assert len(recording.spans) == 1


async def test_a_captured_method_of_azure(caller: Caller, server: OpenAIServer, instrument: Instrument) -> None:
    method = getattr(openai.ChatCompletion, caller.method)
    recording = instrument()
    await caller.call(method, deployment_id="dep/1", messages=HELLO, api_type="azure", api_version="2023-05-15")
    assert recording.only().name == "chat dep/1"
    assert recording.attributes()["gen_ai.provider.name"] == "azure.ai.openai"


PATHS: list[tuple[str, str, Json, str]] = [
    ("post", "/chat/completions", CHAT, "chat gpt-3.5-turbo"),
    ("POST", "/engines/davinci%2Fft/completions", {"prompt": "p"}, "text_completion davinci/ft"),
    ("post", "/openai/deployments/d-1/embeddings?api-version=x", {"input": "i"}, "embeddings d-1"),
    ("get", "/models", {}, "list models"),
    ("get", "/models/ft:gpt:org::1", {}, "retrieve models"),
    ("delete", "/files/x-1", {}, "delete files"),
    ("post", "/fine_tuning/jobs/x-1/cancel", {}, "cancel fine_tuning.jobs"),
    ("get", "/openai/deployments/d-1/refresh?api-version=x", {}, "get deployments"),
    ("post", "/mine/own?x=1", {}, "post mine"),
]


@pytest.mark.parametrize(("method", "path", "params", "name"), PATHS)
async def test_a_request_of_an_object_and_of_the_requestor(
    method: str, path: str, params: Json, name: str, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    server.answer_always(Reply(body={"choices": []}))
    thing, requestor = openai.Model(id="x"), APIRequestor()
    on_object = thing.arequest if caller.is_async else thing.request
    directly = requestor.arequest if caller.is_async else requestor.request
    bare = await caller.call(on_object, method, path, params)
    recording = instrument()
    on_object = thing.arequest if caller.is_async else thing.request
    directly = requestor.arequest if caller.is_async else requestor.request
    assert await caller.call(on_object, method, path, params) == bare
    response, is_stream, key = await caller.call(directly, method, path, params=params)
    assert (response.data, is_stream, key) == (bare, False, "sk-test")
    assert [span.name for span in recording.spans] == [name, name]
    for found in map(attributes, recording.spans):
        assert (found["http.response.status_code"], found["server.address"]) == (200, "127.0.0.1")


async def test_a_stream_of_the_requestor(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    server.answer_next(STREAM)
    requestor = APIRequestor()
    directly = requestor.arequest if caller.is_async else requestor.request
    stream, is_stream, _ = await caller.call(
        directly, "post", "/chat/completions", {**CHAT, "stream": True}, stream=True
    )
    assert is_stream
    assert isinstance(stream, AsyncGenerator if caller.is_async else Generator)
    assert recording.spans == []
    assert len(await caller.consume(stream)) == 2
    found = recording.attributes()
    assert contents(found["gen_ai.output.messages"]) == ["ab"]
    assert (found["openai.stream.chunk_count"], found["openai.stream.end"]) == (2, "exhausted")


async def test_a_raw_request(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    server.answer_next(Reply(body={"secret": "canary"}))
    requestor = APIRequestor()
    if caller.is_async:
        caller._enter_session()
        result = await requestor.arequest_raw("get", "/files/x/content", caller._async_session, params={"a": 1})
        assert await result.json() == {"secret": "canary"}
    else:
        assert requestor.request_raw("get", "/files/x/content", params={"a": 1}).json() == {"secret": "canary"}
    assert recording.only().name == "download files"
    assert recording.attributes()["http.response.status_code"] == 200


async def test_a_raw_response_that_is_an_error_is_one(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    """Nothing is raised for it here: that is left to whoever asked."""
    server.answer_next(error(404, "no such file"))
    requestor = APIRequestor()
    caller._enter_session()
    asked = ("get", "/files/x", caller._async_session) if caller.is_async else ("get", "/files/x")
    response = await caller.call(requestor.arequest_raw if caller.is_async else requestor.request_raw, *asked)
    assert (response.status if caller.is_async else response.status_code) == 404
    span = recording.only()
    found = attributes(span)
    assert (span.status.status_code, found["error.type"], found["http.response.status_code"]) == (
        StatusCode.ERROR,
        "404",
        404,
    )
    assert span.status.description == "HTTP 404"
    assert span.events == ()


@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF], ids=["sampled", "unsampled"])
async def test_a_raw_response_that_is_an_error_is_measured_as_one(
    sampler: Sampler, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    server.answer_next(error(429, "slow down"))
    watched = watch(instrument, sampler)
    requestor = APIRequestor()
    caller._enter_session()
    asked = ("post", "/chat/completions", *([caller._async_session] if caller.is_async else []))
    await caller.call(requestor.arequest_raw if caller.is_async else requestor.request_raw, *asked, params=CHAT)
    point = watched.metrics()["gen_ai.client.operation.duration"].only()
    assert (point.attributes or {})["error.type"] == "429"


async def test_a_form_is_read_as_its_method_would_be(
    caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    method = openai.Image.acreate_edit if caller.is_async else openai.Image.create_edit
    recording = instrument()
    server.answer_next(Reply(body=DRAWN))
    await caller.call(method, IMAGE.open(), prompt="a hat", n=2)
    found = recording.attributes()
    assert contents(found["gen_ai.input.messages"]) == ["a hat"]
    assert (found["openai.request.image.name"], found["gen_ai.request.choice.count"]) == ("cat.png", 2)


@pytest.mark.parametrize("place", ["headers", "supplied_headers"])
async def test_a_key_in_the_headers_of_a_request_is_no_text_of_the_span(
    place: str, caller: Caller, recording: Recording
) -> None:
    """`requests` quotes a header that it refuses; a captured method's headers are the requestor's."""
    key = "canary-key-1\n"
    requestor = APIRequestor()
    if place == "headers":
        method = requestor.arequest if caller.is_async else requestor.request
        args: tuple[Any, ...] = ("get", "/models", None, {"api-key": key})
    else:
        method = requestor.arequest_raw if caller.is_async else requestor.request_raw
        caller._enter_session()
        args = ("get", "/models", caller._async_session) if caller.is_async else ("get", "/models")
        method = partial(method, supplied_headers={"api-key": key})
    found = await outcome(caller.call(method, *args))
    assert found.error is not None
    span = recording.only()
    assert span.status.status_code is StatusCode.ERROR
    assert key.strip() not in str(
        (span.attributes, span.status.description, [event.attributes for event in span.events])
    )


@pytest.mark.parametrize("answer", [Reply(500, body="boom"), error(429, "slow down")])
async def test_a_captured_method_fails_as_ever(
    answer: Reply, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    method = openai.Moderation.acreate if caller.is_async else openai.Moderation.create
    server.answer_always(Reply(answer.status, answer.body, headers={"x-request-id": "same"}))
    bare = await outcome(caller.call(method, "i"))
    recording = instrument()
    assert await outcome(caller.call(method, "i")) == bare
    span = recording.only()
    assert span.name == "moderation"
    assert (span.status.status_code, attributes(span)["http.response.status_code"]) == (StatusCode.ERROR, answer.status)
