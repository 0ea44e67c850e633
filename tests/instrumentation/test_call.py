"""A call with telemetry is the call without: the same value or the same error, and one span."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, StatusCode

from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, ROWS, SAME_ID, Caller, Json, Recording, outcome
from tests.support.openai_server import OpenAIServer, Reply, error

ASKED: dict[str, Json] = {
    "ChatCompletion": CHAT,
    "Completion": {"model": "m", "prompt": "p"},
    "Edit": {"model": "m", "input": "i", "instruction": "x"},
    "Embedding": {"model": "m", "input": "i"},
}
STATUSES = {
    400: "InvalidRequestError",
    401: "AuthenticationError",
    403: "PermissionError",
    404: "InvalidRequestError",
    409: "TryAgain",
    415: "InvalidRequestError",
    422: "APIError",
    429: "RateLimitError",
    500: "APIError",
    503: "ServiceUnavailableError",
}
FAILURES: dict[str, tuple[Reply, str | tuple[str, ...]]] = {
    **{str(code): (error(code, "no", headers=SAME_ID), name) for code, name in STATUSES.items()},
    "no JSON": (Reply(500, "<html>", "text/html", headers=SAME_ID), "APIError"),
    "no error": (Reply(400, {"oops": 1}, headers=SAME_ID), "APIError"),
    "text error": (Reply(400, {"error": "text"}, headers=SAME_ID), "AttributeError"),
    "truncated": (
        Reply(body={"a": 1}, cut_after=4),
        ("APIConnectionError", "ChunkedEncodingError", "ClientPayloadError"),
    ),
    "dropped": (Reply(drop=True), "APIConnectionError"),
}


@pytest.mark.parametrize("owner", ROWS)
async def test_a_value_is_passed_on(owner: str, caller: Caller, server: OpenAIServer, instrument: Instrument) -> None:
    body = {"object": "x", "choices": [], "data": [], "more": {"nested": [1, None]}}
    server.answer_always(Reply(body=body, headers=SAME_ID))
    bare = await caller.create(owner, **ASKED[owner])
    recording = instrument()
    value = await caller.create(owner, **ASKED[owner])
    assert (value, type(value), vars(value).keys()) == (bare, type(bare), vars(bare).keys())
    assert [request.body for request in server.requests[:1]] == [request.body for request in server.requests[1:]]
    assert recording.only().status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("odd", [Reply(204), Reply(body="plain", content_type="text/plain"), Reply(body=[])])
async def test_a_value_that_is_no_mapping_is_passed_on(
    odd: Reply, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    server.answer_always(odd)
    bare = await outcome(caller.answer())
    recording = instrument()
    assert await outcome(caller.answer()) == bare
    assert len(recording.spans) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # openai.util.log_warn, after a truncated body
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("failure", FAILURES)
async def test_an_error_is_passed_on_and_recorded_once(
    failure: str, stream: bool, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    reply, names = FAILURES[failure]
    server.answer_always(reply)
    asked: Json = {"stream": stream, "timeout": 0} if failure == "409" else {"stream": stream}
    await compared(caller, instrument, names, **asked)


async def compared(caller: Caller, instrument: Instrument, names: str | tuple[str, ...], **asked: Any) -> Recording:
    bare = await outcome(caller.answer(**asked))
    assert bare.error is not None
    recording = instrument()
    assert await outcome(caller.answer(**asked)) == bare
    span = recording.only()
    found = span.attributes or {}
    assert found["error.type"] in ((names,) if isinstance(names, str) else names)
    assert found["error.type"] == bare.error[0].__qualname__
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]
    kind = bare.error[0]
    qualified = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    assert (span.events[0].attributes or {})["exception.type"] == qualified
    assert trace.get_current_span() is INVALID_SPAN
    return recording


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_refused_connection_is_passed_on(
    stream: bool, caller: Caller, instrument: Instrument, refusing: str
) -> None:
    await compared(caller, instrument, "APIConnectionError", api_base=refusing, stream=stream)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_timeout_is_passed_on(
    stream: bool, caller: Caller, server: OpenAIServer, instrument: Instrument, gate: threading.Event
) -> None:
    server.answer_always(Reply(body={}, gate=gate))
    await compared(caller, instrument, "Timeout", request_timeout=0.05, stream=stream)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"model": None}, "InvalidRequestError"),
        ({"api_type": "azure"}, "InvalidRequestError"),
        ({"api_type": "nonsense", "engine": "e"}, "InvalidAPIType"),
        ({"user": object()}, "TypeError"),
        ({"headers": "x"}, "TypeError"),
    ],
)
async def test_a_call_that_openai_refuses_sends_nothing(
    asked: Json, name: str, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    await compared(caller, instrument, name, **asked)
    assert server.requests == []


async def test_a_missing_key_sends_nothing(
    caller: Caller, server: OpenAIServer, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "api_key", None)
    await compared(caller, instrument, "AuthenticationError")
    assert server.requests == []


@pytest.mark.parametrize("kind", [Exception, BaseException, GeneratorExit])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_the_error_that_arrives_is_the_one_that_was_raised(
    kind: type[BaseException], stream: bool, caller: Caller, recording: Recording
) -> None:
    class Boom(kind):  # type: ignore[valid-type, misc]  # the base is the parameter
        pass

    boom = Boom("x")

    def fail() -> None:
        raise boom

    caller.on_request = fail
    with pytest.raises(Boom) as caught:
        await caller.answer(stream=stream)
    assert caught.value is boom
    assert (boom.args, boom.__cause__, boom.__context__) == (("x",), None, None)
    assert not getattr(boom, "__notes__", [])
    assert str(recording.attributes()["error.type"]).endswith("Boom")


async def test_what_an_error_says_is_recorded(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    headers = {"retry-after": "3", "x-request-id": "req-7"}
    server.answer_next(error(429, "slow down", "requests", "rate_limit_exceeded", headers))
    assert (await outcome(caller.answer())).error
    span, found = recording.only(), recording.attributes()
    assert span.status.description == "slow down"
    named = {
        "error.type": "RateLimitError",
        "http.response.status_code": 429,
        "openai.error.code": "rate_limit_exceeded",
        "openai.response.request_id": "req-7",
        "openai.response.retry_after": "3",
    }
    assert {key: found.get(key) for key in named} == named
    event = dict(span.events[0].attributes or {})
    stack = str(event.pop("exception.stacktrace"))
    assert event == {"exception.type": "openai.error.RateLimitError", "exception.message": "slow down"}
    assert "handle_error_response" in stack
    assert stack.endswith("\nopenai.error.RateLimitError: slow down\n")


async def test_the_span_is_current_while_the_request_is_sent(caller: Caller, recording: Recording) -> None:
    seen: list[trace.Span] = []
    caller.on_request = lambda: seen.append(trace.get_current_span())
    await caller.answer()
    await caller.answer(stream=True)
    contexts = [span.context for span in recording.spans]
    assert [span.get_span_context() for span in seen] == contexts
    assert trace.get_current_span() is INVALID_SPAN


async def test_each_attempt_of_a_retry_is_in_one_span(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(error(409, "again"), error(409, "again"))
    await caller.answer()
    assert len(server.requests) == 3
    assert recording.only().status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_cancelled_call_is_an_error(
    stream: bool, async_caller: Caller, server: OpenAIServer, recording: Recording, gate: threading.Event
) -> None:
    server.answer_next(Reply(body={}, gate=gate))
    task = asyncio.create_task(async_caller.answer(stream=stream))
    assert await asyncio.to_thread(server.wait_for_requests, 1)
    task.cancel("enough")
    said = "enough" if sys.version_info >= (3, 11) else None  # 3.10 raises a new one for whoever awaits the task
    with pytest.raises(asyncio.CancelledError, match=said):
        await task
    assert task.cancelled()
    assert recording.attributes()["error.type"] == "CancelledError"
    assert recording.only().status.status_code is StatusCode.ERROR
    assert len(recording.only().events) == 1


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same context", "another context"])
async def test_a_coroutine_that_is_thrown_away_ends_its_span(
    elsewhere: bool, async_caller: Caller, recording: Recording
) -> None:
    with recording.tracer.start_as_current_span("user") as mine:
        coroutine = async_caller.answer()
        context = contextvars.copy_context()
        context.run(coroutine.send, None) if elsewhere else coroutine.send(None)
        coroutine.close()
        assert trace.get_current_span() is mine
    assert recording.attributes()["error.type"] == "GeneratorExit"


async def test_a_coroutine_that_is_never_awaited_has_no_span(recording: Recording) -> None:
    coroutine = openai.ChatCompletion.acreate(**CHAT)
    coroutine.close()
    assert recording.spans == []
