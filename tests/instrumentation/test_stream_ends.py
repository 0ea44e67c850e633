"""Every way in which a stream can end: the caller gets what the bare library gives, and one span ends."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import (
    CHAT,
    END,
    SAME_ID,
    Caller,
    Json,
    Outcome,
    Recording,
    chunk,
    outcome,
    piece,
    settled,
)
from tests.instrumentation.driving import contents as contents_of
from tests.support.openai_server import OpenAIServer, Reply
from tests.support.waiting import until

EVENTS: list[Any] = [chunk(piece(content, role="assistant")) for content in ("one ", "two ", "three")]
FAILED: Json = {"error": {"message": "boom", "type": "server_error", "param": None, "code": "c"}}

Way = Callable[[Caller, Any], Awaitable[Any]]


class Mine(Exception):  # noqa: N818  # what a caller may throw
    pass


async def exhaust(caller: Caller, stream: Any) -> Any:
    return await caller.consume(stream), await caller.next(stream), await caller.next(stream)


async def close_after_one(caller: Caller, stream: Any) -> Any:
    first = await caller.next(stream)
    await caller.close(stream)
    await caller.close(stream)
    return first, await caller.next(stream)


async def close_at_the_end(caller: Caller, stream: Any) -> Any:
    found = await caller.consume(stream)
    await caller.close(stream)
    return found


async def drop_after_one(caller: Caller, stream: Any) -> Any:
    return await caller.next(stream)


async def never_read(caller: Caller, stream: Any) -> Any:
    return type(stream)


async def close_unread(caller: Caller, stream: Any) -> Any:
    await caller.close(stream)
    return await caller.next(stream)


async def throw_unread(caller: Caller, stream: Any) -> Any:
    return await caller.throw(stream, Mine("unread"))


async def throw_after_one(caller: Caller, stream: Any) -> Any:
    await caller.next(stream)
    mine = Mine("thrown")
    with pytest.raises(Mine) as caught:
        await caller.throw(stream, mine)
    assert caught.value is mine
    return await caller.next(stream)


async def throw_stop(caller: Caller, stream: Any) -> Any:
    await caller.next(stream)
    return await caller.throw(stream, StopAsyncIteration("x") if caller.is_async else StopIteration("x"))


async def leave_after_one(caller: Caller, stream: Any) -> Any:
    await caller.next(stream)
    with pytest.raises(SystemExit) as caught:
        await caller.throw(stream, SystemExit(3))
    return caught.value.code


async def exit_after_one(caller: Caller, stream: Any) -> Any:
    await caller.next(stream)
    return await caller.throw(stream, GeneratorExit())


async def fail_in_the_loop(caller: Caller, stream: Any) -> Any:
    await caller.next(stream)
    raise Mine("in the loop")


async def run(way: Way, caller: Caller) -> Outcome:
    """The stream is gone when this returns, as after the function of a user."""
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    found = await outcome(way(caller, stream))
    del stream
    gc.collect()
    await settled()
    return found


async def both(way: Way, caller: Caller, server: OpenAIServer, instrument: Instrument, reply: Reply) -> Recording:
    """Run bare and instrumented, compare, and give what was recorded."""
    server.answer_always(reply)
    bare = await run(way, caller)
    recording = instrument()
    assert await run(way, caller) == bare
    until(lambda: bool(recording.spans), 10)  # what a garbage collection ends is told by another thread
    return recording


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # openai's: the bare run warns as well
@pytest.mark.parametrize(
    ("way", "end", "error", "chunks"),
    [
        (exhaust, "exhausted", None, 3),
        (close_at_the_end, "exhausted", None, 3),
        (close_after_one, "closed", None, 1),
        (drop_after_one, "abandoned", None, 1),
        (never_read, "abandoned", None, 0),
        (close_unread, "abandoned", None, 0),
        (throw_unread, "abandoned", None, 0),
        (exit_after_one, "closed", None, 1),
        (fail_in_the_loop, "abandoned", None, 1),
        (throw_after_one, "error", "Mine", 1),
        (throw_stop, "error", "Stop", 1),
        (leave_after_one, "error", "SystemExit", 1),
    ],
)
async def test_one_span_ends_and_the_caller_sees_no_difference(
    way: Way,
    end: str,
    error: str | None,
    chunks: int,
    caller: Caller,
    server: OpenAIServer,
    instrument: Instrument,
) -> None:
    recording = await both(way, caller, server, instrument, Reply(events=EVENTS, headers=SAME_ID))
    found = recording.attributes()
    assert (found["openai.stream.end"], found["openai.stream.chunk_count"]) == (end, chunks)
    answers = ["one two three"[: (4, 13)[chunks > 1]]] if chunks else []
    assert contents_of(found.get("gen_ai.output.messages", [])) == answers
    assert str(found.get("error.type", "")).startswith(error or "") == (error is not None or "error.type" not in found)
    assert "openai.error.code" not in found  # a SystemExit has a `code` as well
    status = StatusCode.ERROR if error else StatusCode.UNSET
    assert recording.only().status.status_code is status
    assert [event.name for event in recording.only().events] == ["exception"] * (error is not None)


BROKEN: dict[str, tuple[Reply, str | tuple[str, ...]]] = {
    "event": (Reply(events=[EVENTS[0], FAILED], headers=SAME_ID), "APIError"),
    "rate limit event": (Reply(200, events=[EVENTS[0], {"error": {"message": "m", "code": 429}}]), "APIError"),
    "text event": (Reply(events=[EVENTS[0], {"error": "text"}]), "AttributeError"),
    "null": (Reply(events=[EVENTS[0], "data: null"]), "TypeError"),
    "bad JSON": (Reply(events=[EVENTS[0], "data: {"], headers=SAME_ID), "APIError"),
    "cut": (Reply(events=EVENTS, cut_after=1), ("ChunkedEncodingError", "ClientPayloadError")),
}


@pytest.mark.parametrize("fault", BROKEN)
async def test_an_error_in_the_middle_is_passed_on_and_recorded_once(
    fault: str, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    reply, names = BROKEN[fault]
    recording = await both(exhaust, caller, server, instrument, reply)
    span, found = recording.only(), recording.attributes()
    assert (span.status.status_code, found["openai.stream.end"]) == (StatusCode.ERROR, "error")
    assert found["error.type"] in names
    assert contents_of(found["gen_ai.output.messages"]) == ["one "]
    assert [event.name for event in span.events] == ["exception"]


async def test_what_came_before_an_error_is_counted(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    server.answer_next(Reply(events=[EVENTS[0], FAILED]))
    assert (await outcome(caller.answer(stream=True))).error
    found = recording.attributes()
    assert (found["openai.stream.chunk_count"], found["openai.error.code"]) == (1, "c")


@pytest.mark.parametrize("odd", [5, ["a"], {"a": 1}], ids=["number", "list", "mapping"])
@pytest.mark.warns
async def test_one_span_ends_whatever_a_chunk_says(
    odd: Any, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    events = [EVENTS[0], chunk({"index": 0, "delta": {"content": odd}, "finish_reason": None})]
    recording = await both(exhaust, caller, server, instrument, Reply(events=events))
    assert recording.attributes()["openai.stream.chunk_count"] == 2


async def test_a_closed_stream_ends_its_span_while_the_caller_keeps_it(caller: Caller, recording: Recording) -> None:
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    await caller.next(stream)
    await caller.close(stream)
    assert len(recording.spans) == 1
    del stream
    gc.collect()
    assert len(recording.spans) == 1


async def test_a_cancelled_read_is_an_error(
    server: OpenAIServer, instrument: Instrument, gate: threading.Event, async_caller: Caller
) -> None:
    async def cancelled() -> tuple[bool, Any]:
        stream = await async_caller.create("ChatCompletion", **CHAT, stream=True)
        await async_caller.next(stream)
        task = asyncio.create_task(async_caller.next(stream))
        await asyncio.sleep(0)  # the task runs up to its read
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled(), await async_caller.next(stream)

    server.answer_always(Reply(events=EVENTS, gate=gate))
    bare = await cancelled()
    recording = instrument()
    assert await cancelled() == bare == (True, END)
    found = recording.attributes()
    assert (found["error.type"], found["openai.stream.chunk_count"]) == ("CancelledError", 1)
    assert recording.only().status.status_code is StatusCode.ERROR
    assert len(recording.only().events) == 1


async def test_a_stream_may_be_read_in_another_thread(server: OpenAIServer, instrument: Instrument) -> None:
    caller, recording = Caller(is_async=False), instrument()
    server.answer_next(Reply(events=EVENTS))
    with recording.tracer.start_as_current_span("user"):
        stream = await caller.create("ChatCompletion", **CHAT, stream=True)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(list, stream).result(30) == EVENTS
    assert contents_of(recording.attributes()["gen_ai.output.messages"]) == ["one two three"]
    await caller.shut()


async def test_a_stream_may_be_closed_in_another_task(
    server: OpenAIServer, recording: Recording, async_caller: Caller
) -> None:
    server.answer_next(Reply(events=EVENTS))
    stream = await async_caller.create("ChatCompletion", **CHAT, stream=True)
    assert await asyncio.create_task(async_caller.next(stream)) == EVENTS[0]
    await asyncio.create_task(async_caller.close(stream))
    assert recording.attributes()["openai.stream.end"] == "closed"
