"""Whether prompts and completions are recorded."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from otel_openai_v0 import CaptureContent, OpenAIInstrumentor
from otel_openai_v0._telemetry.settings import Choices, read_variables, settings_of
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import ROWS, Caller, Json

VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
ON_SPAN = {
    None: True,
    "": True,
    "no_content": False,
    "SPAN_ONLY": True,
    " span_only ": True,
    "event_only": False,
    "span_and_event": True,
    "Span_And_Event": True,
    "true": True,
    "True": True,
    "1": True,
    "on": True,
    "false": False,
    "off": False,
    "0": False,
    "no": False,
    "none": False,
    "disabled": False,
    "NO-CONTENT": False,
    "No Content": False,
}
ARGUMENTS: dict[object, bool] = {
    CaptureContent.NO_CONTENT: False,
    CaptureContent.SPAN_ONLY: True,
    CaptureContent.EVENT_ONLY: False,
    CaptureContent.SPAN_AND_EVENT: True,
    "no_content": False,
    "SPAN_ONLY": True,
    "span-only": True,
    "off": False,
    True: True,
    False: False,
}
PROMPT = "canary-prompt"
ASKED: Json = {
    "model": "m",
    "messages": [{"role": "user", "content": PROMPT}],
    "functions": [{"name": PROMPT, "parameters": {}}],
    "function_call": "none",
    "prompt": PROMPT,
    "input": PROMPT,
    "instruction": PROMPT,
}


async def is_recorded(caller: Caller, instrument: Instrument, **kwargs: object) -> bool:
    """Whether any of the rows, plain or streamed, records what was asked or answered; all must agree."""
    recording = instrument(**kwargs)
    for owner in ROWS:
        await caller.create(owner, **ASKED)
    for owner in ROWS[:2]:
        await caller.consume(await caller.create(owner, **ASKED, stream=True))
    assert len(recording.spans) == 6
    (found,) = {PROMPT in span.to_json() for span in recording.spans}
    return found


@pytest.mark.parametrize("value", ON_SPAN)
async def test_the_environment_decides(
    value: str | None, caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)
    assert await is_recorded(caller, instrument) is ON_SPAN[value]


@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("value", ["no_content", "span_only", "garbage"])
async def test_an_argument_wins_over_the_environment(
    argument: object, value: str, caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, value)
    assert await is_recorded(caller, instrument, capture_content=argument) is ARGUMENTS[argument]


@pytest.mark.warns
async def test_a_value_without_a_meaning_records_nothing_and_is_said_once(
    caller: Caller,
    instrument: Instrument,
    monkeypatch: pytest.MonkeyPatch,
    warnings_logged: Callable[[], list[str]],
) -> None:
    monkeypatch.setenv(VARIABLE, "garbage")
    assert not await is_recorded(caller, instrument)
    (line,) = warnings_logged()
    assert line.startswith(f"{VARIABLE}='garbage' is none of ")
    assert line.endswith("using no_content")


@pytest.mark.parametrize("bad", ["garbage", "", 5, object(), ["no_content"]])
async def test_an_argument_without_a_meaning_is_refused(bad: object, caller: Caller, instrument: Instrument) -> None:
    with pytest.raises(ValueError, match="capture_content="):
        instrument(capture_content=bad)
    assert not OpenAIInstrumentor().is_instrumented_by_opentelemetry
    recording = instrument()
    await caller.answer()
    assert len(recording.spans) == 1


def test_the_effective_setting_is_logged_once(instrument: Instrument, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "otel_openai_v0")
    instrument(capture_content=False)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("otel_openai_v0")] == [
        "instrumenting openai; content of prompts and completions: no_content"
    ]


@pytest.mark.parametrize("mode", CaptureContent)
def test_modes_say_where_content_goes(mode: CaptureContent) -> None:
    capture = settings_of(read_variables({VARIABLE: mode.value}), Choices()).capture
    assert capture is mode
    assert (capture.on_span, capture.on_event) == ("span" in mode.value, "event" in mode.value)
