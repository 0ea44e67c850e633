"""What only HTTP knows: request id, limits, status, attempts, and where a call really went."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from requests.structures import CaseInsensitiveDict

from otel_openai_v0 import call_context
from otel_openai_v0._openai.headers import read_transport
from tests.instrumentation.driving import CHAT, HELLO, Caller, Json, Recording, chunk, outcome, piece
from tests.support.openai_server import OpenAIServer, Reply, error

HEADERS = {
    "X-Request-ID": "req-7",
    "OpenAI-Organization": "org-7",
    "OpenAI-Processing-Ms": "41",
    "x-ratelimit-limit-requests": "200",
    "x-ratelimit-limit-tokens": "40000",
    "x-ratelimit-remaining-requests": "199",
    "x-ratelimit-remaining-tokens": "39000",
    "x-ratelimit-reset-requests": "7.2s",
    "set-cookie": "canary",
}
EXPECTED: Json = {
    "openai.response.request_id": "req-7",
    "openai.organization": "org-7",
    "openai.response.processing_ms": 41,
    "openai.ratelimit.limit.requests": 200,
    "openai.ratelimit.limit.tokens": 40000,
    "openai.ratelimit.remaining.requests": 199,
    "openai.ratelimit.remaining.tokens": 39000,
    "server.address": "127.0.0.1",
}
ANSWERS = [
    Reply(body={"choices": []}, headers=HEADERS),
    Reply(events=[chunk(piece("a"))], headers=HEADERS),
    error(429, "slow down", headers=HEADERS),
    Reply(502, body="<html>", content_type="text/html", headers=HEADERS),
    Reply(events=[chunk(piece("a")), {"error": {"message": "x"}}], headers=HEADERS),
]
TRY_AGAIN = error(409, "warming up")


@pytest.mark.parametrize("reply", ANSWERS, ids=["value", "stream", "limited", "gateway", "broken-stream"])
async def test_headers_are_read_whatever_comes_of_the_call(
    reply: Reply, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(reply)
    await outcome(caller.answer(stream=reply.events is not None))
    found = recording.attributes()
    expected = {**EXPECTED, "http.response.status_code": reply.status}
    assert {key: found.get(key) for key in expected} == expected
    assert f":{found['server.port']}/" in server.url
    assert "openai.request.attempts" not in found
    assert "canary" not in str(found)


async def test_a_stream_that_is_closed_has_them_too(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    server.answer_next(Reply(events=[chunk(piece("a")), chunk(piece("b"))], headers=HEADERS))
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    await caller.next(stream)
    await caller.close(stream)
    assert recording.attributes().items() >= EXPECTED.items()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("refusals", "events"), [(0, 0), (1, 1), (10, 10), (22, 10)])
async def test_attempts_while_the_server_says_409(
    refusals: int, events: int, stream: bool, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(*[TRY_AGAIN] * refusals)
    await caller.answer(stream=stream)
    span, found = recording.only(), recording.attributes()
    assert len(server.requests) == refusals + 1
    assert found.get("openai.request.attempts") == (refusals + 1 if refusals else None)
    numbers = [(event.name, dict(event.attributes or {})) for event in span.events]
    assert numbers == [("openai.retry", {"openai.request.attempts": number + 2}) for number in range(events)]
    assert (found["http.response.status_code"], found["openai.response.request_id"]) == (200, f"req-{refusals + 1}")


async def test_attempts_that_end_in_an_error(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    server.answer_next(TRY_AGAIN, TRY_AGAIN, error(400, "no"))
    with pytest.raises(openai.error.InvalidRequestError):
        await caller.answer()
    found = recording.attributes()
    assert (found["openai.request.attempts"], found["http.response.status_code"]) == (3, 400)
    assert [event.name for event in recording.only().events] == ["openai.retry", "openai.retry", "exception"]


async def test_an_attempt_that_is_not_answered_has_nothing_of_the_one_before(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(Reply(409, error(409, "again").body, headers=HEADERS), Reply(drop=True))
    with pytest.raises(openai.error.APIConnectionError):
        await caller.answer()
    found = recording.attributes()
    assert found["openai.request.attempts"] == 2
    assert not [name for name in found if name.startswith(("http.response", "openai.response", "openai.ratelimit"))]
    assert [event.name for event in recording.only().events] == ["openai.retry", "exception"]


async def test_what_the_program_says_is_not_taken_for_an_answers(
    caller: Caller, refusing: str, recording: Recording
) -> None:
    with call_context(attributes={"openai.organization": "acme"}), pytest.raises(openai.error.APIConnectionError):
        await caller.answer(api_base=refusing)
    assert recording.attributes()["openai.organization"] == "acme"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(429, body="slow down", content_type="text/plain", headers={"retry-after": "7"}),
        Reply(503, body={"detail": "no"}, headers={"Retry-After": "7"}),
        Reply(429, error(429, "no").body, headers={"retry-after": "7"}),
    ],
    ids=["text", "no error", "error"],
)
async def test_when_to_come_back_is_read_whatever_openai_makes_of_the_answer(
    reply: Reply, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(reply)
    assert (await outcome(caller.answer())).error
    assert recording.attributes()["openai.response.retry_after"] == "7"


async def test_a_request_that_was_not_answered_has_no_status(
    caller: Caller, refusing: str, recording: Recording
) -> None:
    with pytest.raises(openai.error.APIConnectionError):
        await caller.answer(api_base=refusing)
    found = recording.attributes()
    assert f":{found['server.port']}/" in refusing
    assert found.keys().isdisjoint({"http.response.status_code", "openai.response.request_id"})


async def test_the_version_and_the_type_are_the_requestors(
    caller: Caller, server: OpenAIServer, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "api_version", "2023-05-15")
    monkeypatch.setattr(openai, "api_type", "azure_ad")
    await caller.create("ChatCompletion", engine="e", messages=HELLO)
    found = recording.attributes()
    assert (found["openai.api.version"], found["gen_ai.provider.name"]) == ("2023-05-15", "azure.ai.openai")


async def test_the_base_of_an_object_wins_over_what_the_call_could_tell(
    caller: Caller, server: OpenAIServer, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An Engine that was made with a base of its own keeps it; the arguments of `generate` do not have it."""
    monkeypatch.setattr(openai, "api_base", "http://elsewhere.invalid/v1")
    engine = openai.Engine(id="e-1", api_base=server.url)
    server.answer_next(Reply(body={"id": "c-1", "choices": []}))
    await caller.call(engine.agenerate if caller.is_async else engine.generate, prompt="p")
    assert recording.attributes()["server.address"] == "127.0.0.1"


class Requestor:
    api_base = ""
    api_version = None


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({}, 200, {"http.response.status_code": 200}),
        ({"OPENAI-PROCESSING-MS": "soon", "x-ratelimit-limit-tokens": "²"}, None, {}),
        ({"OPENAI-PROCESSING-MS": "3"}, 503, {"openai.response.processing_ms": 3, "http.response.status_code": 503}),
    ],
)
def test_headers_of_no_use(headers: dict[str, str], status: Any, expected: Json) -> None:
    response = type("Response", (), {"headers": CaseInsensitiveDict(headers), "status_code": status})()
    assert read_transport(Requestor(), response) == expected
