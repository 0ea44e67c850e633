"""The event with a call's content."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otel_openai_v0 import CaptureContent
from otel_openai_v0._telemetry.settings import EMIT_EVENT_VARIABLE
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, HELLO, Caller, attributes, chunk, outcome, piece, text
from tests.instrumentation.watching import watch
from tests.support.openai_server import OpenAIServer, Reply, error

NAME = "gen_ai.client.inference.operation.details"
CONTENT = {"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions"}
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object"}}
ASKED = {"functions": [FUNCTION], "function_call": "none", "temperature": 0.5}


async def test_an_event_has_all_that_the_span_has_and_structured_content(
    caller: Caller, instrument: Instrument
) -> None:
    watched = watch(instrument, capture_content="span_and_event")
    with watched.tracer.start_as_current_span("user"):
        await caller.answer(**ASKED)
    span, record = watched.only(), watched.event().log_record
    assert record.event_name == NAME
    assert (record.trace_id, record.span_id) == (span.context.trace_id, span.context.span_id)
    found = plain(watched.event_attributes())
    assert found == plain(attributes(span))
    assert found["gen_ai.input.messages"] == [{"role": "user", **text("hello there")}]
    assert found["gen_ai.tool.definitions"] == [{"type": "function", **FUNCTION}]
    assert set(found) >= CONTENT - {"gen_ai.system_instructions"}


def plain(value: Any) -> Any:
    """Lists for tuples: the SDK turns the ones into the others."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


async def test_an_edits_instruction_is_structured_too(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument, capture_content="event_only")
    await caller.create("Edit", model="m", input="i", instruction="x")
    assert plain(watched.event_attributes()["gen_ai.system_instructions"]) == text("x")["parts"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_with_events_only_the_span_has_no_content(stream: bool, caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument, capture_content="event_only")
    await caller.answer(stream=stream)
    assert not CONTENT & set(watched.attributes())
    found = watched.event_attributes()
    assert plain(found["gen_ai.output.messages"]) == [
        {"role": "assistant", **text("You said: hello there"), "finish_reason": "stop"}
    ]
    without = {key: value for key, value in found.items() if key not in CONTENT}
    assert without == dict(watched.only().attributes or {})


async def test_an_error_has_an_event(caller: Caller, server: OpenAIServer, instrument: Instrument) -> None:
    watched = watch(instrument, capture_content="event_only")
    server.answer_next(error(429, "no", code="too_many"))
    assert (await outcome(caller.answer())).error
    found = watched.event_attributes()
    assert (found["error.type"], found["openai.error.code"]) == ("RateLimitError", "too_many")
    assert found["http.response.status_code"] == 429
    assert plain(found["gen_ai.input.messages"]) == [{"role": "user", **text("hello there")}]
    assert "gen_ai.output.messages" not in found


async def test_a_broken_stream_has_an_event_of_what_came(
    caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    watched = watch(instrument, capture_content="event_only")
    server.answer_next(Reply(events=[chunk(piece("half")), {"error": {"message": "no", "type": "x"}}]))
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    assert (await outcome(caller.consume(stream))).error
    found = watched.event_attributes()
    assert plain(found["gen_ai.output.messages"]) == [{"role": "assistant", **text("half")}]
    assert (found["openai.stream.end"], found["error.type"]) == ("error", "APIError")


MODES = [(mode, None, mode.on_event) for mode in CaptureContent]


@pytest.mark.parametrize(
    ("mode", "variable", "expected"),
    [*MODES, *[(mode, "true", True) for mode in CaptureContent], *[(mode, "false", False) for mode in CaptureContent]],
)
async def test_who_asks_for_events_gets_them(
    mode: CaptureContent,
    variable: str | None,
    expected: bool,
    caller: Caller,
    instrument: Instrument,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if variable is not None:
        monkeypatch.setenv(EMIT_EVENT_VARIABLE, variable)
    watched = watch(instrument, capture_content=mode)
    await caller.answer()
    await caller.answer(stream=True)
    assert len(watched.events()) == (2 if expected else 0)
    for record in watched.events():
        found = set(record.log_record.attributes or {})
        assert bool(CONTENT & found) is mode.on_event
        assert "gen_ai.response.id" in found


async def test_unsampled_calls_have_none(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument, ALWAYS_OFF, capture_content="event_only")
    await caller.answer()
    await caller.answer(stream=True)
    assert watched.events() == ()


async def test_management_calls_have_none(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument, capture_content="event_only")
    await caller.call(openai.Model.alist if caller.is_async else openai.Model.list)
    assert (len(watched.spans), watched.events()) == (1, ())


async def test_one_event_per_call_of_a_stream_however_it_ends(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument, capture_content="event_only")
    stream = await caller.create("ChatCompletion", model="m", messages=HELLO, stream=True)
    await caller.next(stream)
    await caller.close(stream)
    await caller.close(stream)
    assert watched.event_attributes()["openai.stream.end"] == "closed"
