"""Nothing of a call outlives it, whoever keeps the context that it was made in."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from typing import Any, Final

import pytest
from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import StatusCode

from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, Caller, Recording, outcome
from tests.support.openai_server import OpenAIServer, error

CANARY: Final = "canary " * 7_000
CALLS: Final = 20


def texts_held() -> int:
    """How many long texts of a call are in the memory, found from every object that is there."""
    gc.collect()
    waiting: list[Any] = gc.get_objects()
    seen, found = {id(waiting)}, 0
    while waiting:
        held = waiting.pop()
        if id(held) in seen:
            continue
        seen.add(id(held))
        if type(held) is str:  # `isinstance` asks the object, and other tests have some that raise
            found += len(held) > len(CANARY) // 2 and CANARY[:700] in held and held is not CANARY
        else:
            waiting.extend(gc.get_referents(held))
    return found


async def ask(caller: Caller, number: int, stream: bool) -> None:
    """Its exception is not kept, as its frames hold what was asked."""
    messages = [{"role": "user", "content": f"{number} {CANARY}"}]
    await outcome(caller.answer(messages=messages, stream=stream))


class Forgetting(SpanProcessor):
    """Counts spans."""

    def __init__(self) -> None:
        self.ended = 0

    def on_start(self, span: Span, parent_context: otel.Context | None = None) -> None:
        pass

    def on_end(self, span: ReadableSpan) -> None:  # noqa: ARG002
        self.ended += 1


@pytest.mark.parametrize("fails", [False, True], ids=["answered", "failed"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_pooled_connections_hold_nothing_of_ended_calls(
    stream: bool, fails: bool, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    """As many connections as calls: each has the context of the call that opened it."""
    counter, provider = Forgetting(), TracerProvider()
    provider.add_span_processor(counter)
    instrument(tracer_provider=provider)
    if fails:
        server.answer_always(error(400, "no"))
    await asyncio.gather(*(ask(caller, number, stream) for number in range(CALLS)))
    assert counter.ended == CALLS
    assert texts_held() == 0


async def test_a_stream_that_was_read_and_is_kept_holds_nothing(
    caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    instrument(tracer_provider=TracerProvider())
    kept = await caller.create(
        "ChatCompletion", model="m", messages=[{"role": "user", "content": f"1 {CANARY}"}], stream=True
    )
    await caller.consume(kept)
    assert texts_held() == 0
    del kept


async def test_a_context_that_is_kept_has_the_parent_of_later_spans(caller: Caller, recording: Recording) -> None:
    kept: list[contextvars.Context] = []
    caller.on_request = lambda: kept.append(contextvars.copy_context())
    await caller.answer()
    span = recording.only()
    later = kept[0].run(recording.tracer.start_span, "later")
    assert isinstance(later, ReadableSpan)
    assert later.parent == span.context
    ended = kept[0].run(trace.get_current_span)
    assert not ended.is_recording()
    assert not isinstance(ended, ReadableSpan)


async def test_the_current_span_is_that_of_the_call(caller: Caller, recording: Recording) -> None:
    """For HTTP clients and for the program's own processors, which read it and add to it."""
    seen: list[Any] = []

    def look() -> None:
        span: Any = trace.get_current_span()
        seen.extend((isinstance(span, Span), isinstance(span, ReadableSpan), span.is_recording()))
        seen.extend((span.name, span.attributes["gen_ai.request.model"], span.kind))
        span.set_attribute("mine", 1)
        span.set_attributes({"more": 2})
        span.add_event("seen", {"a": 1})
        if hasattr(Span, "add_link"):  # since OpenTelemetry 1.23
            span.add_link(span.get_span_context())
        span.record_exception(ValueError("no"))
        span.update_name("renamed")
        span.set_status(StatusCode.OK)

    caller.on_request = look
    await caller.answer()
    assert seen == [True, True, True, "chat gpt-3.5-turbo", CHAT["model"], trace.SpanKind.CLIENT]
    span = recording.only()
    assert {**(span.attributes or {})}.items() >= {"mine": 1, "more": 2}.items()
    assert [event.name for event in span.events] == ["seen", "exception"]
    assert (span.name, span.status.status_code) == ("renamed", StatusCode.OK)
    assert [link.context for link in span.links] == [span.context] * hasattr(Span, "add_link")


@pytest.mark.warns
async def test_whoever_ends_the_current_span_ends_the_span(caller: Caller, recording: Recording) -> None:
    caller.on_request = lambda: trace.get_current_span().end()
    assert (await caller.answer())["choices"]
    assert len(recording.spans) == 1
