"""Ctrl-C while we record, or a redactor that exits: the caller gets it, and it costs no other call."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, StatusCode

from otel_openai_v0 import current_trace_id
from otel_openai_v0._calls import call as calls
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import Caller, Recording
from tests.support.openai_server import OpenAIServer, error


class Once:
    """Raises `interruption` when it is first asked for `kind`."""

    def __init__(self, kind: str, interruption: BaseException) -> None:
        self.kind: str | None = kind
        self.interruption = interruption

    def __call__(self, kind: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if kind == self.kind:
            self.kind = None
            raise self.interruption
        return items


async def assert_the_next_call_is_recorded(caller: Caller, recording: Recording) -> None:
    assert trace.get_current_span() is INVALID_SPAN
    before = current_trace_id()
    await caller.answer()
    failed, answered = recording.spans
    assert (failed.status.status_code, answered.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert current_trace_id() != before
    assert answered.parent is None


@pytest.mark.parametrize("interruption", [KeyboardInterrupt("now"), SystemExit(3), pytest.fail.Exception("no")])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("kind", ["input", "output", "error"])
async def test_an_interruption_while_we_record(
    kind: str,
    stream: bool,
    interruption: BaseException,
    caller: Caller,
    server: OpenAIServer,
    instrument: Instrument,
) -> None:
    recording = instrument(redact=Once(kind, interruption))
    if kind == "error":
        server.answer_next(error(400, "bad"))
    with pytest.raises(type(interruption)) as caught:
        await caller.answer(stream=stream)
    assert caught.value is interruption
    assert recording.attributes()["error.type"] == type(interruption).__qualname__
    await assert_the_next_call_is_recorded(caller, recording)


async def test_an_interruption_while_a_span_becomes_current(
    caller: Caller, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(calls, "attach", interrupt)
        with pytest.raises(KeyboardInterrupt):
            await caller.answer()
    await assert_the_next_call_is_recorded(caller, recording)
