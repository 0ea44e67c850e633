"""What of prompts and answers is recorded: by mode, through `redact`, and without keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otel_openai_v0 import CaptureContent
from otel_openai_v0._content.json import dumps
from otel_openai_v0._content.limits import ContentLimits, written
from otel_openai_v0._content.message import TextMessage, message_of
from otel_openai_v0._content.secrets import SCRUBBED, scrub_keys
from otel_openai_v0._telemetry.settings import CAPTURE_CONTENT_VARIABLE
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, Caller, Json, Recording, chunk, contents, outcome, piece
from tests.instrumentation.watching import Watched, watch
from tests.support.openai_server import OpenAIServer, Reply, error

WORD = "canary-word"
ASKED: Json = {
    "messages": [{"role": "system", "content": f"be {WORD}"}, {"role": "user", "content": WORD}],
    "functions": [{"name": "f", "description": WORD, "parameters": {"type": "object"}}],
    "function_call": "none",
}
# Whether spans and events hold content.
WHERE: dict[object, tuple[bool, bool]] = {
    None: (True, False),
    "no_content": (False, False),
    "span_only": (True, False),
    "event_only": (False, True),
    "span_and_event": (True, True),
    "true": (True, False),
    "false": (False, False),
}


async def ask(caller: Caller) -> None:
    """All rows, plain and streamed; each prompt comes back in the answer."""
    await caller.answer(**ASKED)
    await caller.answer(**ASKED, stream=True)
    await caller.create("Completion", model="m", prompt=WORD)
    await caller.consume(await caller.create("Completion", model="m", prompt=WORD, stream=True))
    await caller.create("Edit", model="m", input=WORD, instruction=WORD)
    await caller.create("Embedding", model="m", input=WORD)


def where(watched: Watched) -> tuple[bool, bool]:
    assert len(watched.spans) == 6
    (spans,) = {WORD in span.to_json() for span in watched.spans}
    events = {WORD in record.to_json() for record in watched.events()}
    return spans, events == {True}


@pytest.mark.parametrize("value", WHERE)
async def test_the_variable_decides(
    value: str | None, caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv(CAPTURE_CONTENT_VARIABLE, value)
    watched = watch(instrument)
    await ask(caller)
    assert where(watched) == WHERE[value]


ARGUMENTS = [*((CaptureContent(str(text)), text) for text in list(WHERE)[1:5]), (True, "true"), (False, "false")]


@pytest.mark.parametrize(("argument", "meaning"), [*ARGUMENTS, *((text, text) for text in list(WHERE)[1:])])
@pytest.mark.parametrize("value", ["no_content", "span_and_event"])
async def test_the_argument_wins(
    argument: Any,
    meaning: str,
    value: str,
    caller: Caller,
    instrument: Instrument,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CAPTURE_CONTENT_VARIABLE, value)
    watched = watch(instrument, capture_content=argument)
    await ask(caller)
    assert where(watched) == WHERE[meaning]


class Redactor:
    """Keeps what it was given, and changes it to its heart's content."""

    def __init__(self) -> None:
        self.given: list[tuple[str, str]] = []

    def __call__(self, kind: str, items: list[Json]) -> list[Json]:
        self.given.append((kind, json.dumps(items)))
        for item in items:
            item["seen"] = True
            item.pop("parts", None)
            item.pop("description", None)
            item.get("parameters", {}).clear()
        return items

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.given]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_redact_is_asked_about_all_content(
    stream: bool, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    redact = Redactor()
    watched = watch(instrument, redact=redact, capture_content="span_and_event")
    asked = json.loads(json.dumps(ASKED))
    await caller.answer(**asked, stream=stream)
    assert sorted(redact.kinds()) == ["attributes", "input", "output", "tools"]
    assert all(WORD in items for kind, items in redact.given if kind != "attributes")
    assert dict(redact.given)["attributes"] == json.dumps([{"openai.request.function_call": "none"}])
    assert WORD not in watched.everything()
    assert watched.attributes()["gen_ai.input.messages"] == [
        {"role": "system", "seen": True},
        {"role": "user", "seen": True},
    ]
    assert watched.attributes()["gen_ai.tool.definitions"] == [
        {"type": "function", "name": "f", "parameters": {}, "seen": True}
    ]
    assert watched.event_attributes()["gen_ai.output.messages"][0]["seen"] is True
    assert asked == ASKED  # neither the caller's objects
    assert server.requests[0].json["messages"] == ASKED["messages"]  # nor the request


async def test_redact_is_asked_about_instructions(caller: Caller, instrument: Instrument) -> None:
    redact = Redactor()
    recording = instrument(redact=redact)
    await caller.create("Edit", model="m", input=WORD, instruction=WORD)
    assert sorted(redact.kinds()) == ["input", "instructions", "output"]
    assert recording.attributes()["gen_ai.system_instructions"] == [{"type": "text", "content": WORD, "seen": True}]


async def test_redact_cannot_reach_the_answer(caller: Caller, instrument: Instrument) -> None:
    instrument(redact=Redactor())
    answer = await caller.answer(**ASKED)
    assert answer.choices[0].message.content == f"You said: {WORD}"


def refuse(kind: str, items: list[Json]) -> Any:
    raise ValueError(f"no {items}")


GARBAGE: tuple[Any, ...] = (5, 0, "", WORD, {"text": WORD}, [WORD], [[WORD]], {WORD}, WORD.encode(), Ellipsis)
SAYS_NOTHING: tuple[Any, ...] = (None, [], ())


@pytest.mark.parametrize("nothing", SAYS_NOTHING, ids=repr)
async def test_redact_may_say_nothing(nothing: Any, caller: Caller, instrument: Instrument) -> None:
    recording = instrument(redact=lambda *_: nothing)
    await caller.answer(**ASKED)
    found = recording.attributes()
    assert not {name for name in found if name.endswith(("messages", "definitions"))}
    assert found["gen_ai.usage.input_tokens"] > 0


@pytest.mark.warns
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    "redact", [refuse, *((lambda *_, each=each: each) for each in GARBAGE)], ids=["raises", *map(repr, GARBAGE)]
)
async def test_a_failing_redact_withholds_the_content_and_nothing_else(
    redact: Any,
    stream: bool,
    caller: Caller,
    server: OpenAIServer,
    instrument: Instrument,
    caplog: pytest.LogCaptureFixture,
    warnings_logged: Callable[[], list[str]],
) -> None:
    answered = {"id": "x", "choices": [{"index": 0, "message": {"content": WORD}, "finish_reason": "stop"}]}
    events = [chunk(piece(WORD)), chunk(piece(finish="stop"))]
    server.answer_always(Reply(events=events) if stream else Reply(body=answered))
    bare = await outcome(caller.answer(**ASKED, stream=stream))
    watched = watch(instrument, redact=redact, capture_content="span_and_event")
    for _ in range(2):
        assert await outcome(caller.answer(**ASKED, stream=stream)) == bare
    assert WORD not in watched.everything() + caplog.text
    assert all((span.attributes or {})["gen_ai.response.finish_reasons"] == ("stop",) for span in watched.spans)
    lines = warnings_logged()
    assert [line.split(":")[0] for line in lines] == [
        "telemetry was lost while reading the request's words",
        "telemetry was lost while reading the prompt",
        "telemetry was lost while reading the completion",
    ]
    assert not any("openai.request.function_call" in (span.attributes or {}) for span in watched.spans)


@pytest.mark.warns
async def test_an_error_that_redact_fails_on_says_what_it_is_and_no_more(
    caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    server.answer_next(error(400, f"no: {WORD}"))
    recording = instrument(redact=refuse)
    assert (await outcome(caller.answer())).error
    (event,) = recording.only().events
    assert dict(event.attributes or {}) == {"exception.type": "openai.error.InvalidRequestError"}
    assert recording.attributes()["error.type"] == "InvalidRequestError"


@pytest.mark.parametrize(
    ("said", "recorded"),
    [(["other"], ("other",)), ("one", "one"), (7, "7"), (None, None), ([1, None], ("1", "None"))],
)
async def test_redact_may_change_an_attribute(said: Any, recorded: Any, caller: Caller, instrument: Instrument) -> None:
    def redact(kind: str, items: list[Json]) -> list[Json]:
        return [{"gen_ai.request.stop_sequences": said, "mine": "x"}] if kind == "attributes" else items

    recording = instrument(redact=redact)
    await caller.answer(stop=["a"])
    found = recording.only().attributes or {}
    assert (found.get("gen_ai.request.stop_sequences"), found.get("mine")) == (recorded, None)


async def test_redact_is_not_asked_where_nothing_is_recorded(caller: Caller, instrument: Instrument) -> None:
    redact = Redactor()
    watch(instrument, redact=redact, capture_content=False)
    await ask(caller)
    assert redact.given == []


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_redact_that_asks_openai_is_not_asked_about_that(
    stream: bool, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    """A moderation, say, of what may be recorded: it would be asked about its own question for ever."""
    asked: list[str] = []

    def redact(kind: str, items: list[Json]) -> list[Json]:
        asked.append(kind)
        assert not openai.Moderation.create("is this harmless?")["results"][0]["flagged"]
        return items

    recording = instrument(redact=redact)
    await caller.answer(stream=stream)
    assert [span.name for span in recording.spans] == ["chat gpt-3.5-turbo"]
    assert asked == ["input", "output"]
    assert [request.path for request in server.requests].count("/v1/moderations") == 2


async def test_redact_is_not_asked_about_unsampled_calls(caller: Caller, instrument: Instrument) -> None:
    redact = Redactor()
    watch(instrument, ALWAYS_OFF, redact=redact)
    await ask(caller)
    assert redact.given == []


KEY = "sk-abcDEF0123456789abcDEF"
TEXTS = {
    f"my key is {KEY}.": f"my key is {SCRUBBED}.",
    f"line\n{KEY}\n": f"line\n{SCRUBBED}\n",
    f"tab\t{KEY}": f"tab\t{SCRUBBED}",
    f'{{"key": "{KEY}"}}': f'{{"key": "{SCRUBBED}"}}',
    f"\u0001{KEY}\ufffd": f"\u0001{SCRUBBED}\ufffd",
    "Authorization: Bearer abcdef0123456789abcdef": f"Authorization: Bearer {SCRUBBED}",
    "a task-oriented risk-assessment": "a task-oriented risk-assessment",
    "the bearer of this extraordinarily-long-word": "the bearer of this extraordinarily-long-word",
    f"https://host/?q=key%3D{KEY}": f"https://host/?q=key%3D{SCRUBBED}",
    repr(f"\n{KEY}\x00{KEY}"): repr(f"\n{SCRUBBED}\x00{SCRUBBED}"),
}


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_keys_are_taken_out_of_json(text: str, ascii_only: bool) -> None:
    """Whatever escape stands before the key."""
    assert json.loads(scrub_keys(json.dumps([text], ensure_ascii=ascii_only))) == [TEXTS[text]]


async def test_keys_are_scrubbed_from_content_everywhere(
    caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    watched = watch(instrument, capture_content="span_and_event")
    call = {"name": "f", "arguments": json.dumps({"key": f"\n{KEY}"})}
    server.answer_always(
        Reply(body={"choices": [{"index": 0, "message": {"role": "assistant", "function_call": call}}]})
    )
    function = {"name": "f", "description": f"uses\n{KEY}", "parameters": {"default": KEY}}
    await caller.answer(messages=[{"role": "user", "content": f"a\n{KEY}"}], functions=[function])
    assert KEY not in watched.everything()
    found = watched.attributes()
    assert contents(found["gen_ai.input.messages"]) == [f"a\n{SCRUBBED}"]
    assert found["gen_ai.output.messages"][0]["parts"][0]["arguments"] == {"key": f"\n{SCRUBBED}"}


async def test_keys_in_pieces_of_a_stream_are_scrubbed(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(Reply(events=[chunk(piece(part)) for part in ("it is ", KEY[:4], KEY[4:9], KEY[9:], " ok")]))
    await caller.consume(await caller.create("ChatCompletion", **CHAT, stream=True))
    assert contents(recording.attributes()["gen_ai.output.messages"]) == [f"it is {SCRUBBED} ok"]


@given(st.lists(st.tuples(st.text(max_size=3), st.text(), st.sampled_from([None, "stop", "length"])), min_size=1))
def test_the_short_way_for_messages_of_one_text_writes_the_same(said: list[tuple[str, str, str | None]]) -> None:
    messages = [TextMessage(role, text, end) for role, text, end in said]
    items = [message_of(message) for message in messages]
    assert json.loads(written(messages, ContentLimits())) == items
    assert written(messages, ContentLimits()) == written(items, ContentLimits())


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "parts": []},
        {"role": "user", "name": "n", "parts": [{"type": "text", "content": "a"}]},
        {"role": "user", "parts": [{"type": "text", "content": None}]},
        {"role": "user", "parts": [{"type": "text", "content": "a", "more": 1}]},
        {"role": "user", "parts": [{"type": "uri", "uri": "a"}]},
        {"type": "function", "name": "f"},
    ],
)
def test_other_messages_are_written_in_full(item: dict[str, Any]) -> None:
    assert written([item], ContentLimits()) == dumps([item])
