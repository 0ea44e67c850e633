"""When nothing is to be recorded, nothing is read and nothing is wrapped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    Decision,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)

from otel_openai_v0._calls import recorder
from otel_openai_v0._openai.operations import Method
from otel_openai_v0._patching import wrappers
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, Caller, Recording, outcome
from tests.instrumentation.other import suppress_instrumentation
from tests.support.openai_server import OpenAIServer, error


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_suppressed_calls_have_no_span(stream: bool, caller: Caller, recording: Recording) -> None:
    with suppress_instrumentation():
        assert await caller.answer(stream=stream)
    assert recording.spans == []
    await caller.answer(stream=stream)
    assert len(recording.spans) == 1


READERS = {
    recorder: (
        "read_parameters",
        "read_response",
        "read_error",
        "known_secrets",
        "read_transport",
        "context_attributes",
    ),
    wrappers: ("traced_stream", "traced_async_stream"),
}


ROW_READERS = ("read_content", "read_output", "read_request", "read_extra")


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The readers that were used although nothing records."""
    used: list[str] = []
    for module, names in READERS.items():
        for name in names:
            monkeypatch.setattr(module, name, lambda *_, name=name, **__: used.append(name))
    operation = Method.operation_on
    noting: dict[str, Any] = {name: lambda *_, name=name: used.append(name) for name in ROW_READERS}
    monkeypatch.setattr(Method, "operation_on", lambda *row: replace(operation(*row), **noting))
    return used


unsampled = pytest.mark.parametrize("sampler", [ALWAYS_OFF, TraceIdRatioBased(0.0)], ids=["off", "ratio"])


@unsampled
async def test_unsampled_calls_are_not_read(
    sampler: Sampler, caller: Caller, server: OpenAIServer, instrument: Instrument, unread: list[str]
) -> None:
    recording = instrument(Recording(sampler))
    assert (await caller.answer()).choices[0].message.content == "You said: hello there"
    assert len(await caller.answer(stream=True)) == 6
    server.answer_next(error(401, "no"))
    assert (await outcome(caller.answer())).error
    assert (unread, recording.spans) == ([], [])


@unsampled
async def test_an_unsampled_stream_is_openais_own(sampler: Sampler, caller: Caller, instrument: Instrument) -> None:
    instrument(Recording(sampler))
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    code = stream.ag_code if caller.is_async else stream.gi_code
    assert "/openai/" in code.co_filename
    await caller.consume(stream)


async def test_the_context_of_an_unsampled_call_is_current(caller: Caller, instrument: Instrument) -> None:
    """So that the spans of HTTP clients are left out with it."""
    instrument(Recording(ParentBasedTraceIdRatio(0.0)))
    seen: list[bool] = []
    caller.on_request = lambda: seen.append(trace.get_current_span().get_span_context().is_valid)
    await caller.answer()
    assert seen == [True]
    assert not trace.get_current_span().get_span_context().is_valid


class Asked(Sampler):
    """Keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        self.seen = dict(kwargs.get("attributes") or args[4])
        return SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        return "asked"


async def test_a_sampler_sees_what_is_called(caller: Caller, instrument: Instrument) -> None:
    sampler = Asked()
    instrument(Recording(sampler))
    await caller.answer()
    port = sampler.seen.pop("server.port")
    assert isinstance(port, int)
    assert sampler.seen == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-3.5-turbo",
        "server.address": "127.0.0.1",
    }
