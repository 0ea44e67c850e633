"""Content of any size stays valid JSON within its limits, and says how much was cut."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import SpanLimits

from otel_openai_v0._content.json import dumps
from otel_openai_v0._content.limits import ContentLimits, written
from otel_openai_v0._content.writer import ContentWriter
from otel_openai_v0._openai.messages import chat_input
from otel_openai_v0._telemetry.settings import (
    CONTENT_LIMIT_VARIABLE,
    MESSAGE_LIMIT_VARIABLE,
    Choices,
    read_variables,
    settings_of,
)
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import Caller, Json, Recording, contents
from tests.instrumentation.watching import Watched, watch
from tests.support.openai_server import OpenAIServer, Reply

NOTE = 200  # what a limit below this is taken for
LIMITS = st.builds(ContentLimits, message=st.integers(1, 60), total=st.integers(1, 900))


def user(content: Any) -> Json:
    return {"role": "user", "content": content}


async def test_a_long_text_is_cut_and_says_so(
    caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MESSAGE_LIMIT_VARIABLE, "100")
    watched = watch(instrument, capture_content="span_and_event")
    await caller.answer(messages=[user("short"), user("é" * 150)])
    cut_to = "é" * 100 + "... [50 characters cut]"
    assert contents(watched.attributes()["gen_ai.input.messages"]) == ["short", cut_to]
    assert contents(watched.event_attributes()["gen_ai.input.messages"]) == ["short", cut_to]
    (answer,) = contents(watched.attributes()["gen_ai.output.messages"])
    assert answer == ("You said: " + "é" * 90 + "... [60 characters cut]")


async def test_long_attributes_are_cut(caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MESSAGE_LIMIT_VARIABLE, "100")
    recording = instrument()
    await caller.answer(user="u" * 150, stop=["short", "s" * 150])
    found = recording.attributes()
    assert found["user.id"] == "u" * 100 + "... [50 characters cut]"
    assert found["gen_ai.request.stop_sequences"] == ("short", "s" * 100 + "... [50 characters cut]")


async def test_the_newest_messages_are_kept(
    caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONTENT_LIMIT_VARIABLE, "1000")
    recording = instrument()
    await caller.answer(messages=[user(f"{number} " + "x" * 100) for number in range(50)])
    found = contents(recording.attributes()["gen_ai.input.messages"])
    assert len(str((recording.only().attributes or {})["gen_ai.input.messages"])) <= 1000
    whole = [f"{number} " + "x" * 100 for number in range(50)]
    kept = [text for text in found if text in whole]
    assert kept == whole[-len(kept) :]
    assert len(kept) >= 4
    left_out = 50 - (len(found) - 1)
    assert found[0].startswith(f"... [{left_out} left out]")


async def test_a_long_chat_keeps_all_under_the_sdks_limits(caller: Caller, recording: Recording) -> None:
    """Few attributes, not some per message: the SDK keeps 128 of them."""
    messages = [user(f"{number} " + "word " * 200) for number in range(300)]
    await caller.answer(messages=messages)
    found = recording.attributes()
    assert contents(found["gen_ai.input.messages"]) == [message["content"] for message in messages]
    assert (found["gen_ai.request.model"], found["gen_ai.response.model"]) == ("gpt-3.5-turbo",) * 2
    assert found["gen_ai.usage.input_tokens"] == 300 * 201
    assert contents(found["gen_ai.output.messages"]) == ["You said: " + messages[-1]["content"]]
    assert recording.only().dropped_attributes == 0


@pytest.mark.parametrize("variable", ["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"])
async def test_a_limit_of_the_sdks_leaves_the_json_whole(
    variable: str, caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "700")
    watched = watch(instrument, capture_content="span_and_event")
    await caller.answer(messages=[user(f"{number} " + "x" * 400) for number in range(9)])
    found = watched.attributes()  # parses them
    assert contents(found["gen_ai.input.messages"])[-1] == "8 " + "x" * 400
    assert contents(watched.event_attributes()["gen_ai.input.messages"])[-1] == "8 " + "x" * 400
    assert found["gen_ai.usage.input_tokens"] == 18


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ContentLimits(50_000, 500_000)),
        ({MESSAGE_LIMIT_VARIABLE: " 7 ", CONTENT_LIMIT_VARIABLE: "9"}, ContentLimits(7, 9)),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "1000"}, ContentLimits(50_000, 1_000)),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "1000", CONTENT_LIMIT_VARIABLE: "300"}, ContentLimits(50_000, 300)),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "none"}, ContentLimits(50_000, 500_000)),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": ""}, ContentLimits(50_000, 500_000)),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "199"}, ContentLimits(50_000, 0)),
    ],
)
def test_limits_are_read(environ: dict[str, str], expected: ContentLimits) -> None:
    assert settings_of(read_variables(environ), Choices()).limits == expected


@pytest.mark.parametrize("longest", [100, 199, 200, 700, 5_000])
async def test_a_limit_of_the_provider_leaves_valid_json_or_nothing(
    longest: int, caller: Caller, instrument: Instrument
) -> None:
    """Of its own `span_limits`, which no variable says."""
    recording = instrument(Recording(span_limits=SpanLimits(max_span_attribute_length=longest)))
    await caller.answer(messages=[user(f"{number} " + "x" * 400) for number in range(9)])
    found = recording.only().attributes or {}
    text = str(found.get("gen_ai.input.messages", "[]"))
    assert len(text) <= longest
    assert bool(json.loads(text)) is (longest >= 200)


async def test_a_limit_of_spans_is_none_of_events(caller: Caller, instrument: Instrument) -> None:
    watched = Watched(span_limits=SpanLimits(max_span_attribute_length=128))
    instrument(watched, **watched.providers(), capture_content="event_only")
    await caller.answer()
    assert contents(watched.event_attributes()["gen_ai.input.messages"]) == ["hello there"]


@pytest.mark.warns
@pytest.mark.parametrize("bad", ["0", "-1", "many", "1.5"])
def test_a_limit_without_a_meaning_is_the_default(bad: str, caplog: pytest.LogCaptureFixture) -> None:
    assert read_variables({MESSAGE_LIMIT_VARIABLE: bad}).limits == ContentLimits()
    assert f"{MESSAGE_LIMIT_VARIABLE}={bad!r} is no positive number of characters; using 50000" in caplog.text


async def test_an_image_by_data_url_is_a_descriptor(
    caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    server.answer_next(Reply(body={"choices": []}))  # the default is an echo
    watched = watch(instrument, capture_content="span_and_event")
    png = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big") + bytes(9_000)
    data = base64.b64encode(png).decode()
    await caller.answer(messages=[user([{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}])])
    described = {"size": len(png), "sha256": hashlib.sha256(png).hexdigest(), "dimensions": "640x480"}
    blob = {"type": "blob_descriptor", "modality": "image", "mime_type": "image/png", **described}
    assert watched.attributes()["gen_ai.input.messages"] == [{"role": "user", "parts": [blob]}]
    assert data[:20] not in watched.everything()


def test_a_key_is_scrubbed_before_it_can_be_cut() -> None:
    token = "Bearer abcdef0123456789abcdef"
    for longest in range(30, 80):
        text = ContentWriter(limits=ContentLimits(longest, 1_000)).write(
            "input", chat_input([user(f"{'x' * 40} {token}")])
        )
        assert "abcdef" not in str(text)


@pytest.mark.parametrize("odd", ["\ud800", "plain"], ids=["surrogate", "plain"])
def test_text_that_must_be_escaped_is_within_the_limit(odd: str) -> None:
    """A lone surrogate makes twelve characters of each of the others."""
    items = chat_input([*[user("🙂" * 200)] * 50, user(odd)])
    text = str(ContentWriter(limits=ContentLimits(300, 9_000)).write("input", items))
    assert 2_000 < len(text) <= 9_000
    assert dumps(contents(json.loads(text))[-1]) == dumps(odd)


def test_structures_in_place_of_texts_are_cut_as_texts() -> None:
    parts = [{"type": "tool_call", "name": "f", "arguments": {"numbers": list(range(100))}}]
    (message,) = json.loads(written([{"role": "assistant", "parts": parts}], ContentLimits(20, 1_000)))
    assert message["parts"][0]["arguments"] == '{"numbers":[0,1,2,3,... [283 characters cut]'


TEXT = st.text(st.characters(codec=None), max_size=90)  # lone surrogates too
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
KEYS = st.sampled_from(["type", "role", "parts", "content", "arguments", "response", "id", "more"])
ANYTHING = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXT, inner, max_size=3), max_leaves=8
)
PART = st.fixed_dictionaries({"type": TEXT, "content": ANYTHING}) | st.fixed_dictionaries({"arguments": ANYTHING})
MESSAGE = st.fixed_dictionaries({"role": TEXT, "parts": st.lists(PART, max_size=3)})
ITEMS = st.lists(MESSAGE | PART | st.dictionaries(KEYS, ANYTHING, max_size=3), min_size=1, max_size=6)


@given(ITEMS, LIMITS)
def test_whatever_is_written_is_json_within_the_limit(items: list[Any], limits: ContentLimits) -> None:
    text = ContentWriter(limits=limits).write("input", items)
    assert text is not None
    assert len(text) <= max(limits.total, NOTE)
    parsed = json.loads(text, parse_constant=pytest.fail)
    assert isinstance(parsed, list)
    assert 0 < len(parsed) <= len(items)
    text.encode()


@given(ITEMS)
def test_what_is_within_the_limits_is_whole(items: list[Any]) -> None:
    assert ContentWriter().write("input", items) == dumps(items)


@given(ITEMS, LIMITS)
def test_the_newest_for_which_there_is_room_are_whole(items: list[Any], limits: ContentLimits) -> None:
    items = json.loads(dumps(items))
    kept, unpressed = (json.loads(written(items, each)) for each in (limits, ContentLimits(limits.message, 10**9)))
    assert len(unpressed) == len(items)
    roomy = [count for count in range(1, len(items) + 1) if len(dumps(unpressed[-count:])) < limits.total - NOTE]
    count = max(roomy, default=0)
    assert kept[len(kept) - count :] == unpressed[len(items) - count :]


WORDS = st.text(st.sampled_from('ab \n"é🙂\x01'), min_size=1, max_size=40)


@given(st.lists(WORDS, min_size=1, max_size=5), st.integers(1, 9), st.integers(2_000, 9_000), st.booleans())
def test_room_is_not_wasted(words: list[str], count: int, total: int, named: bool) -> None:
    """Where there is more to say than room for it; what is escaped takes more."""
    more = {"name": "n"} if named else {}
    said = [{"role": "user", "content": words[number % len(words)] * total, **more} for number in range(count)]
    for limits in (ContentLimits(10**9, total), ContentLimits(total // 3, total)):
        text = written(chat_input(said), limits)
        assert len(text) <= total
        assert len(text) >= 0.9 * min(total, count * limits.message)


@given(st.integers(1, 6), st.integers(2_000, 9_000))
def test_room_is_shared_by_the_texts_of_a_message(count: int, total: int) -> None:
    parts = [{"type": "text", "text": "x" * 10 ** (number % 4 + 2)} for number in range(count)]
    parts.append({"type": "text", "text": "y\n" * total})
    text = written(chat_input([user(parts)]), ContentLimits(total=total))
    assert 0.9 * total <= len(text) <= total


@given(ANYTHING)
def test_a_chat_of_anything_is_written(content: Any) -> None:
    limits = ContentLimits(50, 300)
    text = ContentWriter(limits=limits).write("input", chat_input([{"role": "user", "content": content}]))
    assert text is not None
    assert len(text) <= 300
    assert json.loads(text)[-1]["role"] == "user"
