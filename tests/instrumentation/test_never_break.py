"""Whatever fails on our side, in any call of any method: the caller gets what the bare call gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext

from otel_openai_v0 import OpenAIInstrumentor
from otel_openai_v0._calls import recorder, start, stream
from otel_openai_v0._content.writer import ContentWriter
from otel_openai_v0._openai import headers, invocation
from otel_openai_v0._openai import request as asked_of
from otel_openai_v0._openai.chunks import StreamAccumulator
from otel_openai_v0._openai.invocation import Invocation
from otel_openai_v0._openai.operations import Method, Operation
from otel_openai_v0._patching import wrappers
from otel_openai_v0._telemetry.events import Events
from otel_openai_v0._telemetry.metrics import Metrics
from otel_openai_v0._telemetry.sampling import Sampling
from tests.instrumentation.calls import CALLS, MEDIA, MODEL_CALLS, Asked, run
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, Caller, Recording
from tests.instrumentation.installed import owner_of
from tests.instrumentation.test_surface import classes
from tests.support.openai_server import OpenAIServer, Reply, error

pytestmark = [pytest.mark.warns, pytest.mark.filterwarnings("ignore:Engine.embeddings is deprecated")]

Patch = Callable[[pytest.MonkeyPatch, Callable[..., Any]], None]


def at(owner: Any, name: str) -> tuple[str, Patch]:
    return f"{owner.__name__.rpartition('.')[2]}.{name}", lambda patch, broken: patch.setattr(owner, name, broken)


def reader(name: str) -> tuple[str, Patch]:
    """A reader of every operation, whichever way it is found."""

    def apply(patch: pytest.MonkeyPatch, broken: Callable[..., Any]) -> None:
        found = Method.operation_on
        swapped: dict[str, Any] = {name: broken}
        patch.setattr(Method, "operation_on", lambda self, target: replace(found(self, target), **swapped))

    return f"Operation.{name}", apply


READERS: Final = [field.name for field in fields(Operation) if field.name.startswith("read_")]
STAGES: Final = dict(
    [
        *(at(start, name) for name in ("bind", "of_method", "of_request")),
        *(at(invocation, name) for name in ("read_api_base", "requestor_api_base", "read_model")),
        *(at(Invocation, name) for name in ("span_name", "start_attributes")),
        *(at(recorder, name) for name in ("read_parameters", "context_attributes", "payload", "read_response")),
        *(at(recorder, name) for name in ("read_error", "known_secrets", "scrub", "read_transport")),
        *(at(wrappers, name) for name in ("traced_stream", "traced_async_stream")),
        *(at(headers, name) for name in ("requestor_api_base",)),
        *(at(stream, name) for name in ("payload", "StreamAccumulator", "StreamRecord")),
        *(at(StreamAccumulator, name) for name in ("add", "response")),
        *(at(asked_of, name) for name in ("describe",)),
        *(at(Method, name) for name in ("operation_on",)),
        *(reader(name) for name in READERS),
        *(at(ContentWriter, name) for name in ("write",)),
        *(at(Metrics, name) for name in ("record", "record_chunk", "dimensions")),
        *(at(Events, name) for name in ("emit",)),
        *(at(Sampling, name) for name in ("says_no",)),
    ]
)


@dataclass(slots=True)
class Broken:
    """Raises, and counts that it was asked."""

    hits: int = 0

    def __call__(self, *_: Any, **__: Any) -> Any:
        self.hits += 1
        raise LookupError("of ours")


def broken(*_: Any, **__: Any) -> Any:
    raise LookupError("of ours")


def everything(instrument: Instrument) -> Recording:
    """With all that we can do switched on."""
    meters = MeterProvider(metric_readers=[InMemoryMetricReader()])
    recording = Recording()
    return instrument(recording, meter_provider=meters, capture_content="span_and_event")


FAILURES: Final = tuple(
    Asked(call.owner, call.verb, call.arguments, (error(400, "no", headers={"x-request-id": "same"}),), "", {}, call.id)
    for call in (*MODEL_CALLS[:1], *MEDIA[:1], CALLS[0])
)
MATRIX: Final = (*CALLS, *FAILURES)


@pytest.mark.parametrize("asked", MATRIX, ids=[f"{call}-{n}" for n, call in enumerate(MATRIX)])
async def test_a_stage_that_fails_costs_the_caller_nothing(
    asked: Asked, caller: Caller, server: OpenAIServer, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured = asked.method(caller.is_async)
    bare = await run(caller, server, asked)
    everything(instrument)
    for stage, apply in STAGES.items():
        with monkeypatch.context() as patch:
            apply(patch, broken)
            assert await run(caller, server, asked) == bare, stage
            assert await run(caller, server, asked, captured) == bare, f"{stage}, captured"
            assert trace.get_current_span() is INVALID_SPAN, stage


async def test_every_stage_is_one_that_a_call_comes_through(
    caller: Caller, server: OpenAIServer, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the matrix above would prove nothing."""
    everything(instrument)
    hits: Counter[str] = Counter()
    for stage, apply in STAGES.items():
        with monkeypatch.context() as patch:
            mine = Broken()
            apply(patch, mine)
            for asked in (*MODEL_CALLS[:2], *MEDIA[1:2], FAILURES[0]):
                await run(caller, server, asked)
            server.answer_next(Reply(body={}))
            raw = openai.Model(id="x")
            await caller.call(raw.arequest if caller.is_async else raw.request, "get", "/models")
            hits[stage] = mine.hits
    other = "wrappers.traced_stream" if caller.is_async else "wrappers.traced_async_stream"
    assert [stage for stage, count in hits.items() if not count] == [other]


class BreakingSpan(NonRecordingSpan):
    """Of another implementation, broken in one method."""

    def __init__(self, method: str) -> None:
        super().__init__(SpanContext(1, 2, is_remote=False))
        setattr(self, method, broken)

    def is_recording(self) -> bool:
        return True


class Provider(trace.TracerProvider, trace.Tracer):
    """Gives spans that are broken in `method`, or none when that is `start_span`."""

    def __init__(self, method: str) -> None:
        self.method = method
        if method == "start_span":
            self.start_span = broken  # type: ignore[method-assign]

    def get_tracer(self, *_: Any, **__: Any) -> trace.Tracer:
        return self

    def start_span(self, *_: Any, **__: Any) -> trace.Span:
        return BreakingSpan(self.method)

    start_as_current_span = broken


SPANS: Final = ("start_span", "is_recording", "set_attributes", "add_event", "set_status", "end", "get_span_context")


@pytest.mark.parametrize("asked", MATRIX, ids=[f"{call}-{n}" for n, call in enumerate(MATRIX)])
async def test_a_broken_tracer_costs_the_caller_nothing(
    asked: Asked, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    bare = await run(caller, server, asked)
    for method in SPANS:
        instrument(tracer_provider=Provider(method))
        assert await run(caller, server, asked) == bare, method
        OpenAIInstrumentor().uninstrument()


async def test_the_caller_gets_the_very_objects(
    caller: Caller, server: OpenAIServer, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `openai` made, not something equal to it."""
    made: list[Any] = []
    convert = openai.util.convert_to_openai_object

    def noting(*args: Any, **kwargs: Any) -> Any:
        made.append(convert(*args, **kwargs))
        return made[-1]

    instrument()
    monkeypatch.setattr(openai.util, "convert_to_openai_object", noting)
    assert await caller.create("ChatCompletion", **CHAT) is made[-1]
    made.clear()
    chunks = await caller.answer(stream=True)
    streamed = [item for item in made if isinstance(item, dict) and "chunk" in str(item.get("object"))]
    assert [id(chunk) for chunk in chunks] == [id(item) for item in streamed]


@pytest.mark.parametrize("stand_in", [None, "text", (), ("only",)])
def test_a_requestor_that_somebody_replaced_below_us(
    stand_in: Any, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test double may return what openai never would; openai's complaint must not become ours."""
    monkeypatch.setattr(openai.api_requestor.APIRequestor, "request", lambda *_, **__: stand_in)
    recording = instrument()
    requestor = openai.api_requestor.APIRequestor()
    assert requestor.request("get", "/models") is stand_in
    assert len(recording.spans) == 1


def attributes_of_openai() -> Iterator[tuple[type, dict[str, Any]]]:
    for owner in classes():
        yield owner, dict(vars(owner))


class Mine(openai.ChatCompletion):  # type: ignore[misc]  # openai's classes are Any here
    """Made before anything is instrumented."""


async def test_nothing_of_ours_stays(caller: Caller, server: OpenAIServer, instrument: Instrument) -> None:
    before = dict(attributes_of_openai())
    mine = dict(vars(Mine))
    for _ in range(2):
        recording = instrument()
        captured = [call.method(caller.is_async) for call in CALLS if call.asynchronous]
        pairs = (
            (owner, before[owner][name], value) for owner, now in attributes_of_openai() for name, value in now.items()
        )
        owners = {owner for owner, original, now in pairs if now is not original}
        assert {owner_of("ChatCompletion"), owner_of("File"), openai.api_requestor.APIRequestor} <= owners
        await caller.create(Mine, **CHAT)
        OpenAIInstrumentor().uninstrument()
        for owner, now in attributes_of_openai():
            assert now.keys() == before[owner].keys(), owner
            assert all(now[name] is value for name, value in before[owner].items()), owner
        assert dict(vars(Mine)) == mine
        for call, method in zip([call for call in CALLS if call.asynchronous], captured, strict=True):
            assert (await run(caller, server, call, method)).error is None, str(call)
        await caller.create(Mine, **CHAT)
        assert len(recording.spans) == 1
