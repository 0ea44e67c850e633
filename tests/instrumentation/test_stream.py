"""What streams give to the caller and to the span."""

from __future__ import annotations

import gc
import threading
import weakref
from types import AsyncGeneratorType, GeneratorType

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import (
    ANSWERED,
    CHAT,
    END,
    Caller,
    Json,
    Recording,
    attributes,
    chunk,
    contents,
    piece,
)
from tests.support.openai_server import OpenAIServer, Reply

CALL = {"name": "weather", "arguments": ""}
AZURE_FIRST: Json = {
    "id": "",
    "object": "",
    "created": 0,
    "model": "",
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}],
    "choices": [],
    "usage": None,
}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
TOKENS = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")


def whole(content: str) -> list[Json]:
    return [chunk(piece("", role="assistant")), chunk(piece(content)), chunk(piece(finish="stop"))]


async def read(caller: Caller, server: OpenAIServer, recording: Recording, events: list[Json]) -> Json:
    """The attributes of a stream of these events, of which the caller is to miss none."""
    server.answer_next(Reply(events=events))
    assert await caller.answer(stream=True) == events
    return recording.attributes()


async def test_a_stream_is_one_whole_span(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    found = await read(caller, server, recording, [*whole("hi"), chunk(usage=USAGE, system_fingerprint="late")])
    assert 0 < found.pop("gen_ai.response.time_to_first_chunk") < 60
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "server.address": "127.0.0.1",
        "server.port": int(server.url.split(":")[2].split("/")[0]),
        "openai.api.type": "chat_completions",
        "gen_ai.request.model": "gpt-3.5-turbo",
        "gen_ai.request.stream": True,
        "gen_ai.response.id": "chatcmpl-s",
        "gen_ai.response.model": "gpt-3.5-turbo-0613",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hello there"}]}],
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": "hi"}], "finish_reason": "stop"}
        ],
        "openai.stream.end": "exhausted",
        "openai.stream.chunk_count": 4,
        **ANSWERED,
    }
    assert (recording.only().status.status_code, recording.only().events) == (StatusCode.UNSET, ())


async def test_choices_are_joined_by_index_in_whichever_order(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    indexes = (2, 0, 1, 1, 0, 2)
    events = [
        *(chunk(piece(f"{index}", index, role="assistant")) for index in indexes[:3]),
        *(chunk(piece(f"-{index}", index)) for index in indexes),
        chunk(piece(index=2, finish="length"), piece(index=0, finish="stop")),
        chunk(piece(index=1, finish="content_filter")),
    ]
    found = await read(caller, server, recording, events)
    assert contents(found["gen_ai.output.messages"]) == [f"{index}-{index}-{index}" for index in range(3)]
    assert found["gen_ai.response.finish_reasons"] == ("stop", "content_filter", "length")


async def test_function_calls_are_joined_per_choice(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    events = [
        chunk(piece(index=1, role="assistant", content=None, function_call=CALL)),
        chunk(piece(index=0, role="assistant", content=None, function_call=CALL)),
        *(chunk(piece(index=0, function_call={"arguments": part})) for part in ('{"at"', ": ", '"K"}')),
        chunk(piece(index=1, function_call={"arguments": '{"cut'})),
        chunk(piece(index=0, finish="function_call")),
        chunk(piece(index=1, finish="length")),
    ]
    found = await read(caller, server, recording, events)
    call = {"type": "tool_call", "id": None, "name": "weather"}
    assert [message["parts"] for message in found["gen_ai.output.messages"]] == [
        [{**call, "arguments": {"at": "K"}}],
        [{**call, "arguments": '{"cut'}],
    ]
    assert found["gen_ai.response.finish_reasons"] == ("function_call", "length")


async def test_tool_calls_are_joined_by_their_own_index(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    def tool(index: int, arguments: str, **more: object) -> Json:
        return {"index": index, "function": {"arguments": arguments, **more}, **({"id": f"c{index}"} if more else {})}

    events = [
        chunk(piece(role="assistant", tool_calls=[tool(1, "", name="g"), tool(0, "", name="f")])),
        chunk(piece(tool_calls=[tool(0, "[1")])),
        chunk(piece(tool_calls=[tool(1, "2"), tool(0, "]")])),
        chunk(piece(finish="tool_calls")),
    ]
    found = await read(caller, server, recording, events)
    assert found["gen_ai.output.messages"][0]["parts"] == [
        {"type": "tool_call", "id": "c0", "name": "f", "arguments": [1]},
        {"type": "tool_call", "id": "c1", "name": "g", "arguments": 2},
    ]


async def test_the_odd_first_chunk_of_azure(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    found = await read(caller, server, recording, [AZURE_FIRST, *whole("hi")])
    assert found["gen_ai.response.id"] == "chatcmpl-s"
    assert found["gen_ai.response.model"] == "gpt-3.5-turbo-0613"
    assert contents(found["gen_ai.output.messages"]) == ["hi"]


@pytest.mark.parametrize("where", [0, 1, 2, 3])
async def test_usage_is_found_in_any_chunk(
    where: int, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    events = [*whole("hi"), chunk()]
    events = [{**event, "usage": USAGE if index == where else None} for index, event in enumerate(events)]
    found = await read(caller, server, recording, events)
    assert tuple(found.get(name) for name in TOKENS) == (3, 2)


async def test_usage_is_what_the_server_counted(caller: Caller, recording: Recording) -> None:
    await caller.answer(stream=True, stream_options={"include_usage": True})
    assert tuple(recording.attributes().get(name) for name in TOKENS) == (2, 4)


async def test_without_usage_there_is_none(caller: Caller, recording: Recording) -> None:
    await caller.answer(stream=True)
    assert {key for key in recording.attributes() if "usage" in key} == set()


async def test_text_completions(caller: Caller, recording: Recording) -> None:
    stream = await caller.create("Completion", model="m", prompt=["a", "b c"], n=2, stream=True)
    await caller.consume(stream)
    found = recording.attributes()
    answers = ["You said: a", "You said: a [1]", "You said: b c", "You said: b c [1]"]
    assert contents(found["gen_ai.output.messages"]) == answers
    assert found["gen_ai.response.finish_reasons"] == ("stop",) * 4
    assert found["gen_ai.response.id"] == "cmpl-1"
    assert found["gen_ai.response.time_to_first_chunk"] > 0


async def test_an_empty_stream_has_no_answer(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    found = await read(caller, server, recording, [])
    assert (found["openai.stream.end"], found["openai.stream.chunk_count"]) == ("exhausted", 0)
    assert not {"gen_ai.output.messages", "gen_ai.response.time_to_first_chunk"} & set(found)


async def test_the_stream_keeps_its_type(caller: Caller, instrument: Instrument) -> None:
    bare = await caller.create("ChatCompletion", **CHAT, stream=True)
    instrument()
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    assert type(stream) is type(bare) is (AsyncGeneratorType if caller.is_async else GeneratorType)
    assert [type(part) for part in await caller.consume(stream)] == [type(part) for part in await caller.consume(bare)]


@pytest.mark.timeout(20)  # less than the gate waits by itself
async def test_a_chunk_is_handed_on_before_the_next_is_sent(
    caller: Caller, server: OpenAIServer, recording: Recording, gate: threading.Event
) -> None:
    server.answer_next(Reply(events=whole("hi"), gate=gate))
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    assert (await caller.next(stream)) == whole("hi")[0]
    assert recording.spans == []
    gate.set()
    assert await caller.consume(stream) == whole("hi")[1:]
    assert recording.attributes()["openai.stream.chunk_count"] == 3


async def test_the_current_span_is_the_callers_between_chunks(caller: Caller, recording: Recording) -> None:
    with recording.tracer.start_as_current_span("user") as mine:
        stream = await caller.create("ChatCompletion", **CHAT, stream=True)
        assert trace.get_current_span() is mine
        while await caller.next(stream) is not END:
            assert trace.get_current_span() is mine
        assert trace.get_current_span() is mine
    parent = recording.only().parent
    assert parent is not None
    assert parent.span_id == mine.get_span_context().span_id


async def test_a_chunk_is_read_before_the_caller_has_it(caller: Caller, recording: Recording) -> None:
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    while (part := await caller.next(stream)) is not END:
        part["choices"][0]["delta"]["content"] = "changed"
    assert contents(recording.attributes()["gen_ai.output.messages"]) == ["You said: hello there"]


async def test_a_long_stream_keeps_none_of_its_chunks(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    words = [f"word {n} " for n in range(1_000)]
    server.answer_next(Reply(events=[chunk(piece(word)) for word in words]))
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    seen = [weakref.ref(await caller.next(stream)) for _ in words]
    gc.collect()
    assert [number for number, kept in enumerate(seen) if kept() is not None] in ([], [999])  # the last is in a frame
    assert await caller.next(stream) is END
    assert contents(recording.attributes()["gen_ai.output.messages"]) == ["".join(words)]


async def test_streams_may_be_read_in_turns(caller: Caller, recording: Recording) -> None:
    streams = [
        await caller.create("ChatCompletion", model="m", messages=[{"role": "user", "content": name}], stream=True)
        for name in "ab"
    ]
    over = 0
    while over < 2:
        over = sum([await caller.next(stream) is END for stream in streams])
    answers = [contents(attributes(span)["gen_ai.output.messages"]) for span in recording.spans]
    assert answers == [["You said: a"], ["You said: b"]]
