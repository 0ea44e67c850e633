"""What is said about content, by whom and when: it holds for every call that starts from then on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import TracerProvider as AnyTracerProvider

from otel_openai_v0 import OpenAIInstrumentor
from otel_openai_v0._instrumentation import Guest
from otel_openai_v0._telemetry.settings import Choices, read_choices
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import Caller, Recording
from tests.instrumentation.watching import watch

CANARY = "canary-prompt"


def hidden(kind: str, items: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    return None


def shown(kind: str, items: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    return items


async def is_recorded(caller: Caller, recording: Recording) -> bool:
    before = len(recording.spans)
    await caller.answer(messages=[{"role": "user", "content": CANARY}])
    (span,) = recording.spans[before:]
    return CANARY in span.to_json()


@pytest.mark.parametrize("later", [{"redact": hidden}, {"capture_content": "no_content"}, {"capture_content": False}])
async def test_a_later_word_holds_from_then_on(later: dict[str, Any], caller: Caller, instrument: Instrument) -> None:
    recording = instrument()
    assert await is_recorded(caller, recording)
    OpenAIInstrumentor().instrument(**later)
    assert not await is_recorded(caller, recording)


async def test_what_is_not_said_again_stays(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument, capture_content="event_only", redact=hidden)
    OpenAIInstrumentor().instrument(baggage_keys=["tenant"])
    assert not await is_recorded(caller, watched)
    OpenAIInstrumentor().instrument(redact=shown)
    assert not await is_recorded(caller, watched)
    assert [CANARY in event.to_json() for event in watched.events()] == [False, True]


async def test_a_later_word_in_code_wins_over_the_environment(
    caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "off")
    recording = instrument()
    assert not await is_recorded(caller, recording)
    OpenAIInstrumentor().instrument(capture_content="span_only")
    assert await is_recorded(caller, recording)


async def test_a_call_that_has_started_keeps_its_rules(caller: Caller, instrument: Instrument) -> None:
    recording = instrument(capture_content="no_content")
    stream = await caller.create(
        "ChatCompletion", model="m", messages=[{"role": "user", "content": CANARY}], stream=True
    )
    OpenAIInstrumentor().instrument(capture_content="span_only")
    await caller.consume(stream)
    assert CANARY not in recording.only().to_json()
    assert await is_recorded(caller, recording)


async def test_what_was_said_ends_with_uninstrument(caller: Caller, instrument: Instrument) -> None:
    instrument(redact=hidden)
    OpenAIInstrumentor().uninstrument()
    assert await is_recorded(caller, instrument())


def test_each_change_of_the_mode_is_announced(instrument: Instrument, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "otel_openai_v0")
    instrument()
    OpenAIInstrumentor().instrument(redact=hidden)
    OpenAIInstrumentor().instrument(capture_content="no_content")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("otel_openai_v0")]
    assert [line.rpartition(" ")[2] for line in lines] == ["span_only", "no_content"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"capture": "no_content"}, TypeError),
        ({"redactor": hidden}, TypeError),
        ({"redact": "no_content"}, TypeError),
        ({"capture_content": "none of these"}, ValueError),
        ({"baggage_keys": "tenant"}, ValueError),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["at first", "again"])
async def test_an_argument_that_means_nothing_is_an_error_and_changes_nothing(
    first: bool, arguments: dict[str, Any], error: type[Exception], caller: Caller, instrument: Instrument
) -> None:
    recording = None if first else instrument(capture_content="no_content")
    with pytest.raises(error):
        OpenAIInstrumentor().instrument(**arguments)
    assert OpenAIInstrumentor().is_instrumented_by_opentelemetry is not first
    if recording is not None:
        assert not await is_recorded(caller, recording)


@pytest.mark.warns
@pytest.mark.parametrize(
    ("again", "line"),
    [
        ({"tracer_provider": TracerProvider()}, "tracer_provider stays as it is: uninstrument() first"),
        ({"tracer_provider": TracerProvider(), "redact": hidden}, "tracer_provider stays as it is"),
        ({}, "instrument() changes nothing"),
    ],
)
async def test_what_a_second_call_cannot_change_is_said(
    again: dict[str, Any],
    line: str,
    caller: Caller,
    instrument: Instrument,
    warnings_logged: Callable[[], list[str]],
) -> None:
    recording = instrument()
    OpenAIInstrumentor().instrument(**again)
    (warning,) = warnings_logged()
    assert line in warning
    assert await is_recorded(caller, recording) is ("redact" not in again)


async def test_the_same_provider_again_is_no_news(caller: Caller, instrument: Instrument) -> None:
    recording = instrument()
    OpenAIInstrumentor().instrument(tracer_provider=recording.provider, redact=hidden)
    assert not await is_recorded(caller, recording)


@pytest.mark.warns
async def test_an_unreadable_variable_is_said_once_however_often_the_rules_change(
    instrument: Instrument, monkeypatch: pytest.MonkeyPatch, warnings_logged: Callable[[], list[str]]
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "sure")
    instrument(capture_content="span_only")
    assert warnings_logged() == []
    guest = Guest(Choices(), lambda provider: provider)
    OpenAIInstrumentor().have_guest(guest)
    OpenAIInstrumentor().part_from_guest()
    OpenAIInstrumentor().uninstrument()
    instrument()
    OpenAIInstrumentor().instrument(redact=hidden)
    assert len(warnings_logged()) == 1


# A guest: who uses the instrumentation beside the program.


def to(provider: AnyTracerProvider) -> Callable[[AnyTracerProvider], AnyTracerProvider]:
    return lambda _: provider


@pytest.mark.parametrize(
    ("program", "guest", "expected"),
    [
        ({}, {}, True),
        ({"redact": hidden}, {}, False),
        ({"capture_content": "no_content"}, {}, False),
        ({}, {"redact": hidden}, False),
        ({}, {"capture_content": "no_content"}, False),
        ({"capture_content": "no_content"}, {"redact": shown}, False),
        ({"redact": hidden}, {"capture_content": "span_only"}, False),
        ({"capture_content": "no_content"}, {"capture_content": "span_only"}, None),
        ({"redact": hidden}, {"redact": shown}, None),
    ],
)
@pytest.mark.parametrize("order", ["program first", "guest first"])
async def test_what_either_says_holds_and_the_last_word_wins(
    order: str,
    program: dict[str, Any],
    guest: dict[str, Any],
    expected: bool | None,
    caller: Caller,
    instrument: Instrument,
) -> None:
    visited = Guest(read_choices(**guest), lambda provider: provider)
    if order == "guest first":
        OpenAIInstrumentor().have_guest(visited)
        recording = instrument(**program)
    else:
        recording = instrument(**program)
        OpenAIInstrumentor().have_guest(visited)
    if expected is None:  # both say it
        expected = order == "program first"
    assert await is_recorded(caller, recording) is expected
    OpenAIInstrumentor().part_from_guest()
    assert await is_recorded(caller, recording) is (not program)


async def test_the_spans_go_where_the_guest_says_until_it_leaves(caller: Caller, instrument: Instrument) -> None:
    recording, elsewhere = instrument(), Recording()
    OpenAIInstrumentor().have_guest(Guest(Choices(), to(elsewhere.provider)))
    assert await is_recorded(caller, elsewhere)
    OpenAIInstrumentor().part_from_guest()
    assert await is_recorded(caller, recording)
    assert (len(recording.spans), len(elsewhere.spans)) == (1, 1)


async def test_a_guest_is_asked_again_when_the_program_names_a_provider(caller: Caller, instrument: Instrument) -> None:
    asked: list[AnyTracerProvider] = []

    def route(provider: AnyTracerProvider) -> AnyTracerProvider:
        asked.append(provider)
        return provider

    OpenAIInstrumentor().have_guest(Guest(Choices(), route))
    recording = instrument()
    assert asked == [trace.get_tracer_provider(), recording.provider]
    assert await is_recorded(caller, recording)


async def test_the_guest_alone_leaves_nothing_behind(caller: Caller) -> None:
    recording = Recording()
    OpenAIInstrumentor().have_guest(Guest(Choices(), to(recording.provider)))
    assert await is_recorded(caller, recording)
    OpenAIInstrumentor().part_from_guest()
    await caller.answer()
    assert len(recording.spans) == 1
    assert not OpenAIInstrumentor().is_instrumented_by_opentelemetry


async def test_uninstrument_ends_it_for_the_guest_as_well(caller: Caller, instrument: Instrument) -> None:
    recording = instrument(redact=hidden)
    OpenAIInstrumentor().have_guest(Guest(Choices(), lambda provider: provider))
    OpenAIInstrumentor().uninstrument()
    await caller.answer()
    OpenAIInstrumentor().part_from_guest()
    assert recording.spans == []
