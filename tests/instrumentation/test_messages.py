"""Prompts, messages, functions and answers as JSON messages."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import openai
import pytest

from otel_openai_v0._content.message import message_of
from otel_openai_v0._openai import messages
from otel_openai_v0._telemetry.settings import CONTENT_LIMIT_VARIABLE, MESSAGE_LIMIT_VARIABLE
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import Caller, Json, Recording, contents, text
from tests.support.openai_server import OpenAIServer, Reply


def tokens(*numbers: int) -> Json:
    return {"role": "user", "parts": [{"type": "tokens", "count": len(numbers), "content": list(numbers)}]}


def user(content: str) -> Json:
    return {"role": "user", **text(content)}


@pytest.mark.parametrize(("owner", "argument"), [("Completion", "prompt"), ("Embedding", "input")])
@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a", [user("a")]),
        (["a", "b"], [user("a"), user("b")]),
        ([1, 2, 3], [tokens(1, 2, 3)]),
        ([[1, 2], [3]], [tokens(1, 2), tokens(3)]),
        ("", [user("")]),
    ],
)
async def test_prompts_of_every_form(
    owner: str, argument: str, prompt: Any, expected: list[Json], caller: Caller, recording: Recording
) -> None:
    await caller.create(owner, model="m", **{argument: prompt})
    assert recording.attributes()["gen_ai.input.messages"] == expected


async def test_each_prompt_has_its_answer(caller: Caller, recording: Recording) -> None:
    await caller.create("Completion", model="m", prompt=["a", "b"])
    assert contents(recording.attributes()["gen_ai.output.messages"]) == ["You said: a", "You said: b"]


CALL = {"name": "f", "arguments": '{"x": 1}'}
URL = "data:image/png;base64," + "A" * 400
DESCRIBED = {"size": 300, "sha256": hashlib.sha256(bytes(300)).hexdigest()}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "user", "content": ""}, {"role": "user", "parts": []}),
        (
            {"role": "assistant", "content": "so", "function_call": {"name": "f", "arguments": "{x"}},
            {
                "role": "assistant",
                "parts": [
                    {"type": "text", "content": "so"},
                    {"type": "tool_call", "id": None, "name": "f", "arguments": "{x"},
                ],
            },
        ),
        (
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": CALL}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": {"x": 1}}]},
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u", "detail": "low"}}]},
            {"role": "user", "parts": [{"type": "uri", "modality": "image", "uri": "u", "detail": "low"}]},
        ),
        (
            {"role": "tool", "tool_call_id": "c1", "content": "42"},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "42"}]},
        ),
        (
            {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": "u"}]},
            {
                "role": "user",
                "parts": [{"type": "text", "content": "see"}, {"type": "uri", "modality": "image", "uri": "u"}],
            },
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": URL}}]},
            {
                "role": "user",
                "parts": [{"type": "blob_descriptor", "modality": "image", "mime_type": "image/png", **DESCRIBED}],
            },
        ),
        (
            {
                "role": "user",
                "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "type": "blob_descriptor",
                        "modality": "audio",
                        "mime_type": "audio/mp3",
                        "size": 3,
                        "sha256": "709e80c88487a2411e1ee4dfb9f22a861492d20c4765150c0c794abd70f8147c",
                    }
                ],
            },
        ),
    ],
)
async def test_messages_of_every_form(message: Json, expected: Json, caller: Caller, recording: Recording) -> None:
    await caller.create("ChatCompletion", model="m", messages=[message])
    assert recording.attributes()["gen_ai.input.messages"] == [expected]


@pytest.mark.parametrize(
    ("arguments", "recorded"),
    [
        ('{"x": 1,\n "y": [true, null, "a  b"]}', {"x": 1, "y": [True, None, "a  b"]}),
        ('{"x": "ü"}', {"x": "ü"}),
        *[
            (text, text)
            for text in (
                '{"x": 1e5}',
                '{"x": 1.10}',
                '{"x": 12345678901234567890.123}',
                '{"x": 1, "x": 2}',
                '{"x": "\\u00fc"}',
                '{"x": "a\\/b"}',
                '{"x": "a\\u0020b"}',
                '"abc"',
                '{"x": NaN}',
            )
        ],
    ],
)
async def test_arguments_are_an_object_only_where_no_character_is_lost(
    arguments: str, recorded: Any, caller: Caller, recording: Recording
) -> None:
    message = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": arguments}}
    await caller.answer(messages=[message])
    (part,) = recording.attributes()["gen_ai.input.messages"][0]["parts"]
    assert part["arguments"] == recorded


PDF = "data:application/pdf;base64," + "A" * 400
A_PDF = {"type": "blob_descriptor", "modality": "document", "mime_type": "application/pdf", **DESCRIBED}
AN_IMAGE = {"type": "blob_descriptor", "modality": "image", "mime_type": "image/png", **DESCRIBED}


@pytest.mark.parametrize(
    ("message", "part"),
    [
        (
            {"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}}]},
            {**A_PDF, "name": "a.pdf"},
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf", "file_data": "A" * 400}}]},
            {"type": "blob_descriptor", "modality": "document", "name": "a.pdf", **DESCRIBED},
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]},
            {"type": "file", "modality": "document", "file_id": "file-1"},
        ),
        (
            {"role": "user", "content": [{"type": "input_image", "image_url": URL}]},
            {"type": "input_image", "image_url": AN_IMAGE},
        ),
        (
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "image_url", "image_url": {"url": URL}}]},
            {
                "type": "tool_call_response",
                "id": "c1",
                "response": [{"type": "image_url", "image_url": {"url": AN_IMAGE}}],
            },
        ),
        (
            {"role": "function", "name": "f", "content": URL},
            {"type": "tool_call_response", "id": None, "response": AN_IMAGE},
        ),
        (
            {"role": "user", "content": [{"type": "x", "deep": [[[{"a": (PDF, "data:,b")}]]]}]},
            {"type": "x", "deep": [[[{"a": [A_PDF, "data:,b"]}]]]},
        ),
    ],
)
async def test_no_part_has_the_bytes_of_a_file(message: Json, part: Json, caller: Caller, recording: Recording) -> None:
    await caller.create("ChatCompletion", model="m", messages=[message])
    (found,) = recording.attributes()["gen_ai.input.messages"]
    assert found["parts"] == [part]


async def test_messages_may_be_answers_of_openai_in_a_tuple(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    answer = (await caller.answer()).choices[0].message
    await caller.create("ChatCompletion", model="m", messages=(answer,))
    found = [dict(span.attributes or {}) for span in recording.spans]
    assert '"You said: hello there"' in str(found[1]["gen_ai.input.messages"])
    assert server.requests[1].json["messages"] == [{"role": "assistant", "content": "You said: hello there"}]


async def test_an_iterator_of_messages_is_left_to_openai(caller: Caller, recording: Recording) -> None:
    """openai cannot send one; if it is read here first, it is not the caller's any more, and this one has no end."""
    endless = itertools.count()
    with pytest.raises(TypeError, match="not JSON serializable"):
        await caller.create("ChatCompletion", model="m", messages=endless, functions=endless, tools=endless)
    assert recording.attributes()["error.type"] == "TypeError"
    assert next(endless) == 0


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
async def test_the_reason_of_the_end_is_kept(
    reason: str, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    said = {"role": "assistant", "content": "x"}
    server.answer_next(Reply(body={"choices": [{"index": 0, "message": said, "finish_reason": reason}]}))
    await caller.answer()
    found = recording.attributes()
    assert found["gen_ai.response.finish_reasons"] == (reason,)
    assert found["gen_ai.output.messages"] == [{"role": "assistant", **text("x"), "finish_reason": reason}]


@pytest.mark.parametrize("reason", [7, {"type": "stop"}, ["stop"]])
async def test_an_odd_reason_costs_nothing_else(
    reason: Any, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    said = {"role": "assistant", "content": "x"}
    server.answer_next(Reply(body={"id": "c", "choices": [{"index": 0, "message": said, "finish_reason": reason}]}))
    await caller.answer()
    found = recording.attributes()
    assert contents(found["gen_ai.output.messages"]) == ["x"]
    assert (found["gen_ai.response.id"], len(found["gen_ai.response.finish_reasons"])) == ("c", 1)


def test_tools_are_defined_as_functions_are() -> None:
    function = {"name": "f", "parameters": {}}
    expected = [{"type": "function", **function}]
    assert messages.tool_definitions([function], None) == expected
    assert messages.tool_definitions(None, [{"type": "function", "function": function}]) == expected


@pytest.mark.parametrize("odd", ["text", 5, {"role": "user"}, b"bytes"])
def test_what_is_no_list_of_messages_is_shown_as_text(odd: object) -> None:
    assert [message_of(item) for item in messages.chat_input(odd)] == [user(str(odd))]


async def test_long_text_and_any_script_arrive_whole(
    caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "é漢🙂\u0000\n" * 20_000
    for limit in (MESSAGE_LIMIT_VARIABLE, CONTENT_LIMIT_VARIABLE):
        monkeypatch.setenv(limit, str(10 * len(content)))
    recording = instrument()
    await caller.create("ChatCompletion", model="m", messages=[{"role": "user", "content": content}])
    assert contents(recording.attributes()["gen_ai.input.messages"]) == [content]


SO: Json = {"role": "assistant", **text("so"), "finish_reason": "stop"}
SAID: Json = {"role": "assistant", "content": "so"}
FUNCTION: Json = {"name": "f", "arguments": "{}"}
CALLED: Json = {"type": "tool_call", "id": None, "name": "f", "arguments": {}}


@pytest.mark.parametrize("owner", ["ChatCompletion", "Completion", "Edit"])
@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"text": "so"}, SO),
        ({"message": SAID}, SO),
        ({"message": SAID, "text": ""}, SO),
        ({"message": {"role": "assistant", "content": ""}, "text": "so"}, SO),
        ({"message": {"role": "assistant", "function_call": FUNCTION}}, {**SO, "parts": [CALLED]}),
    ],
)
async def test_an_answer_in_either_form_is_read(
    owner: str, choice: Json, expected: Json, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(Reply(body={"choices": [{"index": 0, **choice, "finish_reason": "stop"}]}))
    await caller.create(owner, model="m", prompt="p", messages=[], input="i", instruction="x")
    assert recording.attributes()["gen_ai.output.messages"] == [expected]


@pytest.mark.parametrize("body", [{"data": [{"text": "so"}]}, {"data": [{"message": SAID}]}])
async def test_an_engine_answers_in_either_form(
    body: Json, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    engine = openai.Engine(id="e-1")
    server.answer_next(Reply(body=body))
    await caller.call(engine.agenerate if caller.is_async else engine.generate, prompt="p")
    assert contents(recording.attributes()["gen_ai.output.messages"]) == ["so"]


@pytest.mark.parametrize("owner", ["ChatCompletion", "Completion"])
async def test_a_stream_in_both_forms_loses_nothing(
    owner: str, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    """As a server was seen to send it: texts, and a last chunk with an empty delta."""
    words = [f"{number} " for number in range(432)]
    pieces: list[Json] = [{"index": 0, "text": word, "finish_reason": None} for word in words]
    pieces.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    server.answer_next(Reply(events=[{"id": "cmpl-1", "model": "m", "choices": [piece]} for piece in pieces]))
    stream = await caller.create(owner, model="m", prompt="p", messages=[], stream=True)
    assert len(await caller.consume(stream)) == 433
    found = recording.attributes()
    assert found["gen_ai.output.messages"] == [{**SO, **text("".join(words))}]
    assert found["gen_ai.response.time_to_first_chunk"] > 0


async def test_tool_calls_without_a_number_are_several(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    tools = [{"type": "function", "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    server.answer_next(Reply(events=[{"choices": [{"index": 0, "delta": {"tool_calls": tools}}]}]))
    await caller.consume(await caller.create("ChatCompletion", model="m", messages=[], stream=True))
    (message,) = recording.attributes()["gen_ai.output.messages"]
    assert message["parts"] == [{**CALLED, "name": "a"}, {**CALLED, "name": "b"}]
