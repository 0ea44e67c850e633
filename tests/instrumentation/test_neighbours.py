"""Other instrumentations: above us, on the same methods, and below us."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
import wrapt
from opentelemetry import trace
from opentelemetry.context import attach, detach, set_value
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.util.genai.handler import TelemetryHandler

from otel_openai_v0 import OpenAIInstrumentor
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, Caller, Recording, outcome
from tests.instrumentation.test_patching import all_attributes
from tests.instrumentation.watching import watch
from tests.support.openai_server import OpenAIServer, error

SCOPE = "otel_openai_v0"


async def call_everything(caller: Caller) -> None:
    await caller.answer()
    await caller.answer(stream=True)
    await caller.create("Embedding", model="m", input="i")
    await caller.call(openai.Model.alist if caller.is_async else openai.Model.list)


async def test_suppressed_calls_leave_nothing(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument, capture_content="span_and_event")
    with suppress_instrumentation():
        await call_everything(caller)
    assert (watched.spans, watched.metrics(), watched.events()) == ([], {}, ())


async def test_calls_below_an_unsampled_parent_have_no_span(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument, ParentBased(ALWAYS_ON), capture_content="span_and_event")
    parent = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(0)))
    with trace.use_span(parent):
        await call_everything(caller)
    assert (watched.spans, watched.events()) == ([], ())
    assert watched.metrics()["gen_ai.client.operation.duration"].points  # measured all the same
    await call_everything(caller)
    assert len(watched.spans) == 4


# Another instrumentor.


def traced(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
    SEEN.append(wrapped.__name__)
    return wrapped(*args, **kwargs)


SEEN: list[str] = []
traced.__module__ = "fake_instrumentor"


@pytest.fixture
def fake(caller: Caller) -> Iterator[list[str]]:
    """What the other instrumentor, which was first, saw."""
    SEEN.clear()
    bare = vars(openai.ChatCompletion)[caller.method]
    wrapt.wrap_function_wrapper(openai, f"ChatCompletion.{caller.method}", traced)
    yield SEEN
    setattr(openai.ChatCompletion, caller.method, bare)


@pytest.mark.warns
async def test_we_leave_openai_to_another_instrumentor(
    fake: list[str], caller: Caller, instrument: Instrument, warnings_logged: Callable[[], list[str]]
) -> None:
    before = all_attributes()
    watched = watch(instrument, capture_content="span_and_event")
    assert all_attributes() == before
    assert all(mine is theirs for mine, theirs in zip(flat(all_attributes()), flat(before), strict=True))
    await call_everything(caller)
    assert fake == [caller.method] * 2
    assert (watched.spans, watched.events(), watched.metrics()) == ([], (), {})
    assert warnings_logged() == ["openai is instrumented by fake_instrumentor already; otel_openai_v0 leaves it alone"]
    OpenAIInstrumentor().uninstrument()
    assert all(mine is theirs for mine, theirs in zip(flat(all_attributes()), flat(before), strict=True))
    await caller.answer()
    assert len(fake) == 3


def flat(namespaces: list[dict[str, Any]]) -> list[Any]:
    return [value for namespace in namespaces for value in namespace.values()]


async def test_a_decorator_of_the_programs_is_no_instrumentor(
    caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare, seen = vars(openai.ChatCompletion)[caller.method].__func__, []

    @functools.wraps(bare)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["model"])
        return bare(*args, **kwargs)

    mine = classmethod(decorated)
    monkeypatch.setattr(openai.ChatCompletion, caller.method, mine)
    recording = instrument()
    answer = await caller.answer()
    assert answer.choices[0].message.content == "You said: hello there"
    assert (len(recording.spans), seen) == (1, ["gpt-3.5-turbo"])
    OpenAIInstrumentor().uninstrument()
    assert vars(openai.ChatCompletion)[caller.method] is mine


def test_ours_left_behind_are_no_instrumentor(instrument: Instrument) -> None:
    """As when somebody wrapped ours, and took the wrapper away only after we had gone."""
    bare = vars(openai.ChatCompletion)["create"]
    instrument()
    ours = vars(openai.ChatCompletion)["create"]
    openai.ChatCompletion.create = None
    OpenAIInstrumentor().uninstrument()
    openai.ChatCompletion.create = ours
    try:
        recording = instrument()
        openai.ChatCompletion.create(**CHAT)
        assert len(recording.spans) == 1
        OpenAIInstrumentor().uninstrument()
    finally:
        openai.ChatCompletion.create = bare


# HTTP clients below.


@pytest.fixture
def http(caller: Caller) -> Iterator[Recording]:
    """Both HTTP clients are instrumented into the recording."""
    recording = Recording()
    one: Any = AioHttpClientInstrumentor() if caller.is_async else RequestsInstrumentor()
    one.instrument(tracer_provider=recording.provider)
    yield recording
    one.uninstrument()


def split(recording: Recording) -> tuple[list[ReadableSpan], list[ReadableSpan]]:
    """Our spans, and those of the HTTP client."""
    ours = [span for span in recording.spans if span.instrumentation_scope and span.instrumentation_scope.name == SCOPE]
    return ours, [span for span in recording.spans if span not in ours]


async def test_spans_of_http_clients_are_children(http: Recording, caller: Caller, instrument: Instrument) -> None:
    instrument(http)
    await call_everything(caller)
    ours, theirs = split(http)
    assert [span.name.split()[0] for span in ours] == ["chat", "chat", "embeddings", "list"]
    parents = [span.parent.span_id for span in theirs if span.parent]
    assert sorted(parents) == sorted(span.context.span_id for span in ours)
    assert len(theirs) == 4
    assert {span.kind for span in theirs} == {trace.SpanKind.CLIENT}


async def test_an_error_has_one_span_of_each(
    http: Recording, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    instrument(http)
    server.answer_next(error(500, "no"))
    assert (await outcome(caller.answer())).error
    ours, theirs = split(http)
    assert [len(ours), len(theirs)] == [1, 1]
    assert theirs[0].parent == ours[0].context


async def test_suppression_reaches_the_http_client(http: Recording, caller: Caller, instrument: Instrument) -> None:
    instrument(http)
    with suppress_instrumentation():
        await call_everything(caller)
    assert http.spans == []


# The GenAI utilities of OpenTelemetry above.


async def test_an_inference_above_is_the_span_of_the_call(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument, capture_content="span_and_event")
    token = attach(set_value("opentelemetry.genai.client.inference.context", object()))
    try:
        await caller.answer()
        await caller.answer(stream=True)
    finally:
        detach(token)
    assert (watched.spans, watched.events(), watched.metrics()) == ([], (), {})
    await caller.answer()
    assert len(watched.spans) == 1


async def test_util_genai_above_has_the_only_span(caller: Caller, instrument: Instrument) -> None:
    recording = instrument()
    handler = TelemetryHandler(tracer_provider=recording.provider)
    with handler.inference("openai", request_model="theirs"):
        await caller.answer(stream=True)
    await caller.answer()
    assert [span.name for span in recording.spans] == ["chat theirs", "chat gpt-3.5-turbo"]


async def test_util_genai_above_has_the_spans_of_its_kind_alone(caller: Caller, instrument: Instrument) -> None:
    recording = instrument()
    handler = TelemetryHandler(tracer_provider=recording.provider)
    with handler.embedding("openai", request_model="theirs"):
        await caller.create("Embedding", model="m", input="i")
    assert [span.name for span in recording.spans] == ["embeddings theirs"]
    with handler.inference("openai", request_model="theirs"):
        await caller.create("Moderation", "i")
        await caller.create("Embedding", model="m", input="i")
        await caller.call(openai.Model.alist if caller.is_async else openai.Model.list)
        await caller.answer()
    assert [span.name for span in recording.spans[1:]] == ["moderation", "embeddings m", "list models", "chat theirs"]
