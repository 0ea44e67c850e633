"""A fault of ours, at any stage, costs telemetry and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext

from otel_openai_v0 import _instrumentation
from otel_openai_v0._calls import recorder, start
from otel_openai_v0._calls.call import Call
from otel_openai_v0._openai import invocation
from otel_openai_v0._openai.chunks import StreamAccumulator
from otel_openai_v0._openai.operations import Method
from otel_openai_v0._patching import wrappers
from otel_openai_v0._telemetry.events import Events
from otel_openai_v0._telemetry.faults import Faults
from otel_openai_v0._telemetry.metrics import Metrics
from otel_openai_v0._telemetry.settings import EMIT_EVENT_VARIABLE
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import Caller, Recording, attributes, chunk, outcome, piece
from tests.support.openai_server import OpenAIServer, Reply, error

pytestmark = pytest.mark.warns

PROMPT = "canary-prompt"
ASKED = {"messages": [{"role": "user", "content": PROMPT}]}
REPLY = Reply(body={"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": PROMPT}}]})
STREAM = Reply(events=[chunk(piece(PROMPT, role="assistant")), chunk(piece(finish="stop"))])
FAILURE = error(400, PROMPT, headers={"x-request-id": "req"})

Break = Callable[[pytest.MonkeyPatch], None]


def broken(*_: Any, **__: Any) -> Any:
    raise LookupError(PROMPT)


def in_module(module: Any, *names: str) -> Break:
    def apply(patch: pytest.MonkeyPatch) -> None:
        for name in names:
            patch.setattr(module, name, broken)

    return apply


def in_rows(**readers: Any) -> Break:
    def apply(patch: pytest.MonkeyPatch) -> None:
        whole = Method.operation_on
        patch.setattr(Method, "operation_on", lambda method, target: replace(whole(method, target), **readers))

    return apply


STAGES: list[tuple[str, Reply, Break]] = [
    ("starting a span", REPLY, in_module(invocation, "read_model")),
    ("starting a span", REPLY, in_module(invocation, "read_api_base")),
    ("starting a span", STREAM, in_module(start, "bind")),
    ("reading the request", REPLY, in_module(recorder, "read_parameters")),
    ("reading the request", REPLY, in_rows(read_request=broken)),
    ("reading the context", REPLY, in_module(recorder, "context_attributes")),
    ("reading the prompt", REPLY, in_rows(read_content=broken)),
    ("reading the response's headers", REPLY, in_module(recorder, "read_transport")),
    ("reading the response's headers", STREAM, in_module(recorder, "read_transport")),
    ("reading the response", REPLY, in_module(recorder, "read_response")),
    ("reading the response", STREAM, in_module(recorder, "read_response")),
    ("reading the response", REPLY, in_rows(read_extra=broken)),
    ("reading the completion", REPLY, in_rows(read_output=broken)),
    ("reading the completion", STREAM, in_rows(read_output=broken)),
    ("reading an error", FAILURE, in_module(recorder, "read_error")),
    ("reading an error", FAILURE, in_module(recorder, "known_secrets")),
    ("wrapping a stream", STREAM, in_module(wrappers, "traced_stream", "traced_async_stream")),
    ("reading a chunk", STREAM, in_module(StreamAccumulator, "add")),
    ("joining a stream", STREAM, in_module(StreamAccumulator, "response")),
    ("recording metrics", REPLY, in_module(Metrics, "record")),
    ("recording metrics", STREAM, in_module(Metrics, "record")),
    ("recording metrics", FAILURE, in_module(Metrics, "record")),
    ("joining a stream", STREAM, in_module(Call, "chunk_dimensions")),
    ("emitting an event", REPLY, in_module(Events, "emit")),
    ("emitting an event", FAILURE, in_module(Events, "emit")),
]


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Those of the next `instrument()`."""
    made = Faults()
    monkeypatch.setattr(_instrumentation, "Faults", lambda: made)
    return made


async def twice(caller: Caller, server: OpenAIServer, reply: Reply) -> list[Any]:
    server.answer_always(reply)
    return [await outcome(caller.answer(**ASKED, stream=reply.events is not None)) for _ in range(2)]


@contextmanager
def check_one_line(stage: str, faults: Faults, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Faults of two calls in one stage: all are counted, one is a warning, and none says what was asked."""
    caplog.set_level(logging.DEBUG, "otel_openai_v0")
    yield
    records = [record for record in caplog.records if record.name.startswith(("otel", "opentelemetry"))]
    lines = [record.getMessage() for record in records if "telemetry was lost" in record.getMessage()]
    levels = [record.levelname for record in records if record.getMessage() in lines]
    assert faults.counts[stage] >= 2
    assert levels == ["WARNING", *["DEBUG"] * (faults.counts[stage] - 1)]
    assert lines[0].startswith(f"telemetry was lost while {stage}: LookupError at ")
    assert PROMPT not in str([(vars(record), record.getMessage()) for record in records])
    assert trace.get_current_span() is INVALID_SPAN


@pytest.mark.parametrize(
    ("stage", "reply", "break_it"), STAGES, ids=[f"{stage} {number}" for number, (stage, _, _) in enumerate(STAGES)]
)
async def test_a_broken_reader_costs_the_caller_nothing(
    stage: str,
    reply: Reply,
    break_it: Break,
    caller: Caller,
    server: OpenAIServer,
    instrument: Instrument,
    faults: Faults,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = await twice(caller, server, reply)
    break_it(monkeypatch)
    monkeypatch.setenv(EMIT_EVENT_VARIABLE, "true")
    recording = instrument(meter_provider=MeterProvider())
    with check_one_line(stage, faults, caplog):
        assert await twice(caller, server, reply) == bare
    assert len(recording.spans) == (0 if stage == "starting a span" else 2)


class BreakingProcessor(SpanProcessor):
    """A user's processor that fails; the SDK lets that through to whoever starts or ends a span."""

    def __init__(self, method: str) -> None:
        setattr(self, method, broken)


class BreakingSpan(NonRecordingSpan):
    """A span of another implementation, broken in one method."""

    def __init__(self, method: str) -> None:
        super().__init__(SpanContext(1, 2, is_remote=False))
        self.ended = 0
        setattr(self, method, broken)

    def is_recording(self) -> bool:
        return True

    def end(self, end_time: int | None = None) -> None:  # noqa: ARG002  # the name is of the API
        self.ended += 1


class OneSpan(trace.TracerProvider, trace.Tracer):
    """Gives the same span for every call."""

    def __init__(self, span: trace.Span) -> None:
        self.span = span

    def get_tracer(self, *_: Any, **__: Any) -> trace.Tracer:
        return self

    def start_span(self, *_: Any, **__: Any) -> trace.Span:
        return self.span

    start_as_current_span = broken


@pytest.mark.parametrize("reply", [REPLY, STREAM, FAILURE], ids=["value", "stream", "error"])
@pytest.mark.parametrize(("method", "stage"), [("on_start", "starting a span"), ("on_end", "ending a span")])
async def test_a_broken_processor_costs_the_caller_nothing(
    method: str,
    stage: str,
    reply: Reply,
    caller: Caller,
    server: OpenAIServer,
    instrument: Instrument,
    faults: Faults,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bare = await twice(caller, server, reply)
    recording = Recording()
    recording.provider.add_span_processor(BreakingProcessor(method))
    instrument(recording)
    with check_one_line(stage, faults, caplog):
        assert await twice(caller, server, reply) == bare


@pytest.mark.parametrize("reply", [REPLY, STREAM, FAILURE], ids=["value", "stream", "error"])
@pytest.mark.parametrize("method", ["set_attributes", "set_status", "add_event", "is_recording", "end"])
async def test_a_broken_span_costs_the_caller_nothing_and_ends(
    method: str, reply: Reply, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    bare = await twice(caller, server, reply)
    span = BreakingSpan(method)
    instrument(tracer_provider=OneSpan(span))
    assert await twice(caller, server, reply) == bare
    assert span.ended == (0 if method == "end" else 2)
    assert trace.get_current_span() is INVALID_SPAN


async def test_what_was_read_before_a_fault_stays(
    caller: Caller, server: OpenAIServer, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_module(recorder, "read_parameters")(monkeypatch)
    in_rows(read_output=broken)(monkeypatch)
    recording = instrument()
    await twice(caller, server, REPLY)
    for found in map(attributes, recording.spans):
        assert found["gen_ai.response.id"] == "x"
        assert found["gen_ai.input.messages"][0]["parts"] == [{"type": "text", "content": PROMPT}]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_fault_is_not_swallowed(kind: type[BaseException]) -> None:
    faults = Faults()
    with pytest.raises(kind), faults.quietly("a test"):
        raise kind
    assert faults.counts == {}
