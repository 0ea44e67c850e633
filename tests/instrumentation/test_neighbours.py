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
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from otel_openai_v0 import OpenAIInstrumentor
from otel_openai_v0._patching.places import other_instrumentation
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, Caller, Recording, outcome
from tests.instrumentation.other import OtherInstrumentor, suppress_instrumentation
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


@pytest.fixture
def other() -> Iterator[list[str]]:
    """What the other instrumentor, which was first, saw."""
    seen: list[str] = []
    instrumentor = OtherInstrumentor()
    instrumentor.instrument(seen=seen)
    yield seen
    instrumentor.uninstrument()


@pytest.mark.warns
async def test_we_leave_openai_to_another_instrumentor(
    other: list[str], caller: Caller, instrument: Instrument, warnings_logged: Callable[[], list[str]]
) -> None:
    before = all_attributes()
    watched = watch(instrument, capture_content="span_and_event")
    assert all_attributes() == before
    assert all(mine is theirs for mine, theirs in zip(flat(all_attributes()), flat(before), strict=True))
    await call_everything(caller)
    assert other == [caller.method] * 2
    assert (watched.spans, watched.events(), watched.metrics()) == ([], (), {})
    name = OtherInstrumentor.__module__
    assert warnings_logged() == [f"openai is instrumented by {name} already; otel_openai_v0 leaves it alone"]
    OpenAIInstrumentor().uninstrument()
    assert all(mine is theirs for mine, theirs in zip(flat(all_attributes()), flat(before), strict=True))
    await caller.answer()
    assert len(other) == 3


def flat(namespaces: list[dict[str, Any]]) -> list[Any]:
    return [value for namespace in namespaces for value in namespace.values()]


@wrapt.decorator
def with_wrapt(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
    SEEN.append(kwargs["model"])
    return wrapped(*args, **kwargs)


def with_functools(function: Any) -> Any:
    @functools.wraps(function)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        SEEN.append(kwargs["model"])
        return function(*args, **kwargs)

    return decorated


def below_classmethod(decorator: Any) -> Any:
    return lambda original: classmethod(decorator(original.__func__))


SEEN: list[str] = []
DECORATORS = {
    "wrapt": with_wrapt,
    "wrapt below classmethod": below_classmethod(with_wrapt),
    "functools": below_classmethod(with_functools),
}


@pytest.fixture(params=DECORATORS)
def decorate(request: pytest.FixtureRequest, caller: Caller) -> Iterator[Callable[[], Any]]:
    """Puts a decorator of the program's around one method of chats."""
    SEEN.clear()
    bare = vars(openai.ChatCompletion)[caller.method]

    def put() -> Any:
        made = DECORATORS[request.param](vars(openai.ChatCompletion)[caller.method])
        setattr(openai.ChatCompletion, caller.method, made)
        return made

    yield put
    setattr(openai.ChatCompletion, caller.method, bare)


@pytest.mark.parametrize("order", ["before", "after"])
async def test_a_decorator_of_the_programs_is_no_instrumentor(
    order: str, decorate: Callable[[], Any], caller: Caller, instrument: Instrument
) -> None:
    """All calls have one span, in either order; so the decorated one, streamed or not."""
    if order == "before":
        decorate()
    recording = instrument()
    if order == "after":
        decorate()
    mine = vars(openai.ChatCompletion)[caller.method]
    await call_everything(caller)
    names = ["chat gpt-3.5-turbo", "chat gpt-3.5-turbo", "embeddings m", "list models"]
    assert [span.name for span in recording.spans] == names
    assert SEEN == ["gpt-3.5-turbo"] * 2
    assert [bool((span.attributes or {}).get("gen_ai.output.messages")) for span in recording.spans[:2]] == [True] * 2
    OpenAIInstrumentor().uninstrument()
    assert vars(openai.ChatCompletion)[caller.method] is mine
    assert len(await caller.answer(stream=True)) == 6
    assert (len(recording.spans), len(SEEN)) == (4, 3)


async def test_a_decorator_that_asks_twice_has_two_spans_in_either_order(
    caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    @wrapt.decorator
    def twice(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        wrapped(*args, **kwargs)
        return wrapped(*args, **kwargs)

    @wrapt.decorator
    async def atwice(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
        await wrapped(*args, **kwargs)
        return await wrapped(*args, **kwargs)

    decorator: Any = atwice if caller.is_async else twice
    with monkeypatch.context() as patch:
        patch.setattr(openai.ChatCompletion, caller.method, decorator(vars(openai.ChatCompletion)[caller.method]))
        before = instrument()
        await caller.answer()
        OpenAIInstrumentor().uninstrument()
    after = instrument()
    with monkeypatch.context() as patch:
        patch.setattr(openai.ChatCompletion, caller.method, decorator(vars(openai.ChatCompletion)[caller.method]))
        await caller.answer()
    assert [span.name for span in before.spans] == [span.name for span in after.spans] == ["chat gpt-3.5-turbo"] * 2


@pytest.mark.parametrize(
    ("module", "is_instrumentation"),
    [
        ("opentelemetry.instrumentation.openai.utils", True),
        ("langfuse.openai", True),
        ("ddtrace.contrib.internal.trace_utils", True),
        ("newrelic.hooks.mlmodel_openai", True),
        ("agentops.llm_tracker", True),
        ("langfuse._client.observe", False),
        ("opentelemetry.util._decorator", False),  # of `@tracer.start_as_current_span(...)`
        ("opentelemetry.instrumentation_of_mine", False),
        ("app.cache", False),
    ],
)
@pytest.mark.parametrize("with_", ["wrapt", "functools"])
def test_an_instrumentation_is_told_by_its_module(
    with_: str, module: str, is_instrumentation: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = vars(openai.Completion)["create"]
    there = {"__name__": module, "wrapt": wrapt, "functools": functools, "bare": bare, "function": bare.__func__}
    made = {
        "wrapt": "wrapt.FunctionWrapper(bare, lambda wrapped, _, args, kwargs: wrapped(*args, **kwargs))",
        "functools": "classmethod(functools.wraps(function)(lambda *args, **kwargs: function(*args, **kwargs)))",
    }
    monkeypatch.setattr(openai.Completion, "create", eval(made[with_], there))
    assert other_instrumentation(openai) == (module if is_instrumentation else None)


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


def telemetry_handler(recording: Recording) -> Any:
    genai = pytest.importorskip("opentelemetry.util.genai.handler", reason="it came with OpenTelemetry 1.37")
    return genai.TelemetryHandler(tracer_provider=recording.provider)


async def test_util_genai_above_has_the_only_span(caller: Caller, instrument: Instrument) -> None:
    recording = instrument()
    handler = telemetry_handler(recording)
    with handler.inference("openai", request_model="theirs"):
        await caller.answer(stream=True)
    await caller.answer()
    assert [span.name for span in recording.spans] == ["chat theirs", "chat gpt-3.5-turbo"]


async def test_util_genai_above_has_the_spans_of_its_kind_alone(caller: Caller, instrument: Instrument) -> None:
    recording = instrument()
    handler = telemetry_handler(recording)
    with handler.embedding("openai", request_model="theirs"):
        await caller.create("Embedding", model="m", input="i")
    assert [span.name for span in recording.spans] == ["embeddings theirs"]
    with handler.inference("openai", request_model="theirs"):
        await caller.create("Moderation", "i")
        await caller.create("Embedding", model="m", input="i")
        await caller.call(openai.Model.alist if caller.is_async else openai.Model.list)
        await caller.answer()
    assert [span.name for span in recording.spans[1:]] == ["moderation", "embeddings m", "list models", "chat theirs"]
