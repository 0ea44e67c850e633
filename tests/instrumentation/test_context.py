"""What a program says about its calls, on every span inside and on none outside."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach, set_value
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    DEFAULT_ON,
    Decision,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, format_trace_id

from otel_openai_v0 import OpenAIInstrumentor, call_context, current_trace_id
from otel_openai_v0._calls.context import context_attributes
from otel_openai_v0._telemetry.settings import BAGGAGE_KEYS_VARIABLE, EMIT_EVENT_VARIABLE
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, Caller, Json, Recording
from tests.instrumentation.other import suppress_instrumentation
from tests.instrumentation.watching import watch
from tests.support.openai_server import OpenAIServer

NAMES = (
    "user.id",
    "session.id",
    "gen_ai.conversation.id",
    "gen_ai.prompt.name",
    "gen_ai.prompt.version",
    "openai.call.tags",
)
ALL: Json = {
    "user": "u",
    "session": "s",
    "conversation": "c",
    "prompt_name": "p",
    "prompt_version": "7",
    "tags": ["a", "b"],
}
SAID = dict(zip(NAMES, ("u", "s", "c", "p", "7", ("a", "b")), strict=True))


def said(span: ReadableSpan) -> Json:
    return {name: value for name, value in (span.attributes or {}).items() if name in NAMES}


async def test_all_is_on_the_span_and_nothing_is_sent(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    await caller.answer()
    with call_context(**ALL):
        await caller.answer()
    await caller.answer()
    assert [said(span) for span in recording.spans] == [{}, SAID, {}]
    bare, inside, after = server.requests
    assert bare.body == inside.body == after.body
    assert bare.headers.keys() == inside.headers.keys()


async def test_any_other_attribute_can_be_said(caller: Caller, recording: Recording) -> None:
    with (
        call_context(attributes={"team": "search", "key": "sk-canary0123456789abcdef", "tries": 3}),
        call_context(user="u"),
    ):
        await caller.answer()
    found = recording.attributes()
    assert [found[name] for name in ("team", "key", "tries", "user.id")] == ["search", "[scrubbed]", 3, "u"]


@pytest.mark.warns  # by the SDK: a mapping is no attribute of a span
@pytest.mark.parametrize("mode", ["span_and_event", "no_content"])
async def test_keys_are_taken_out_of_names_and_of_all_values(
    mode: str, caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EMIT_EVENT_VARIABLE, "true")
    key = "sk-canary0123456789abcdef"
    nested: list[Any] = [{key: [key]}]
    nested.append(nested)
    given: Json = {"list": [key, "x"], "tuple": (7, 8), key: 1, "bytes": key.encode(), "mapping": {"of": nested}}
    watched = watch(instrument, capture_content=mode)
    with call_context(attributes=given):
        await caller.answer()
    found = watched.attributes()
    assert [found[name] for name in ("list", "tuple", "[scrubbed]", "bytes")] == [
        ("[scrubbed]", "x"),
        (7, 8),
        1,
        "[scrubbed]",
    ]
    assert "canary" not in "".join(span.to_json() for span in watched.spans)
    assert "canary" not in "".join(record.to_json() for record in watched.events())


async def test_all_kinds_of_calls_have_it_and_events_too(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument, capture_content="event_only")
    with call_context(**ALL):
        await caller.consume(await caller.create("Completion", model="m", prompt="p", stream=True))
        await caller.create("Embedding", model="m", input="i")
        await caller.call(openai.Model.alist if caller.is_async else openai.Model.list)
    assert [said(span) for span in watched.spans] == [SAID] * 3
    assert [(record.log_record.attributes or {})["session.id"] for record in watched.events()] == ["s", "s"]


LIES: Json = {
    **dict.fromkeys(("gen_ai.operation.name", "gen_ai.provider.name", "server.address", "openai.api.type"), "lie"),
    **dict.fromkeys(("gen_ai.request.model", "gen_ai.response.model"), "lie"),
    **dict.fromkeys(("gen_ai.request.temperature", "gen_ai.usage.input_tokens", "http.response.status_code"), 777),
    **dict.fromkeys(("gen_ai.request.stop_sequences", "gen_ai.input.messages"), "lie"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_what_is_read_of_a_call_wins(stream: bool, caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument, capture_content="span_and_event")
    asked: Json = {"temperature": 0.5, "stop": ["###"], "stream": stream}
    if stream:
        asked["stream_options"] = {"include_usage": True}
    await caller.answer(**asked)
    bare = dict(watched.spans[0].attributes or {})
    with call_context(attributes={**LIES, "team": "search"}):
        await caller.answer(**asked)
    lied_to = dict(watched.spans[1].attributes or {})
    kept = LIES.keys() & bare.keys()
    assert kept == LIES.keys()
    assert {name: lied_to[name] for name in kept} == {name: bare[name] for name in kept}
    assert lied_to["team"] == "search"
    assert "lie" not in [value for name, value in lied_to.items() if name in bare]
    told = dict(watched.events()[1].log_record.attributes or {})
    assert not [name for name, value in told.items() if value in ("lie", 777)]


async def test_the_resource_of_a_management_call_wins(caller: Caller, recording: Recording) -> None:
    with call_context(attributes={"openai.operation.name": "lie", "openai.resource.type": "lie"}):
        await caller.call(openai.Model.alist if caller.is_async else openai.Model.list)
    found = recording.attributes()
    assert (found["openai.operation.name"], found["openai.resource.type"]) == ("list", "models")


async def test_words_of_the_programs_own_are_recorded_in_every_mode(caller: Caller, instrument: Instrument) -> None:
    recording = instrument(capture_content="no_content")
    with call_context(attributes={"gen_ai.input.messages": "[]", "gen_ai.request.stop_sequences": ["mine"]}):
        await caller.answer(stop=["canary"])
    found = recording.attributes()
    assert (found["gen_ai.input.messages"], found["gen_ai.request.stop_sequences"]) == ([], ("mine",))


# As a decorator, and used again.


async def test_a_decorated_function_is_inside(caller: Caller, recording: Recording) -> None:
    decorate = call_context(**ALL)

    @decorate
    def ask() -> Any:
        return openai.ChatCompletion.create(**CHAT)

    @decorate
    async def aask() -> Any:
        return await caller.answer()

    for _ in range(2):
        await aask() if caller.is_async else ask()
    await caller.answer()
    assert [said(span) for span in recording.spans] == [SAID, SAID, {}]
    assert inspect.iscoroutinefunction(aask)
    assert not inspect.iscoroutinefunction(ask)
    assert (ask.__name__, aask.__name__) == ("ask", "aask")


async def test_what_a_decorated_function_returns_to_be_awaited_is_inside(
    async_caller: Caller, recording: Recording
) -> None:
    @call_context(user="u")
    def ask() -> Any:
        return async_caller.answer()

    await ask()
    assert said(recording.only()) == {"user.id": "u"}


async def test_a_decorated_method_takes_arguments_and_raises(recording: Recording) -> None:
    class Service:
        @call_context(user="u")
        async def ask(self, number: int, *, name: str) -> tuple[Any, ...]:
            """Doc."""
            if number:
                raise LookupError(name)
            return self, number, name

    service = Service()
    assert await service.ask(0, name="n") == (service, 0, "n")
    with pytest.raises(LookupError, match="n"):
        await service.ask(1, name="n")
    assert Service.ask.__doc__ == "Doc."
    assert context_attributes(()) == {}


def test_a_generator_cannot_be_decorated() -> None:
    def generator() -> Iterator[int]:
        yield 1

    async def agenerator() -> AsyncIterator[int]:
        yield 1

    for function in (generator, agenerator):
        with pytest.raises(TypeError, match="with call_context"):
            call_context(user="u")(function)


async def test_one_object_is_entered_by_many_tasks_at_once(async_caller: Caller, recording: Recording) -> None:
    shared, go, inside = call_context(session="s"), asyncio.Event(), []

    async def ask(number: int) -> None:
        with call_context(user=str(number)), shared:
            inside.append(number)
            if len(inside) == 3:
                go.set()
            await go.wait()
            with shared:
                await async_caller.answer()
        assert context_attributes(()) == {}

    await asyncio.gather(*(ask(number) for number in range(3)))
    found = sorted(said(span)["user.id"] for span in recording.spans)
    assert found == ["0", "1", "2"]
    assert all(said(span)["session.id"] == "s" for span in recording.spans)


async def test_a_stream_has_the_context_it_was_begun_in(caller: Caller, recording: Recording) -> None:
    with call_context(user="begun"):
        stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    with call_context(user="read", session="read"):
        await caller.consume(stream)
    assert said(recording.only()) == {"user.id": "begun"}


async def test_an_inner_one_adds_and_wins(caller: Caller, recording: Recording) -> None:
    with call_context(user="outer", session="s", tags=["a"]):
        with call_context(user="inner", tags=("b", "c")):
            await caller.answer()
        await caller.answer()
    outer = {"user.id": "outer", "session.id": "s", "openai.call.tags": ("a",)}
    inner = {"user.id": "inner", "session.id": "s", "openai.call.tags": ("b", "c")}
    assert [said(span) for span in recording.spans] == [inner, outer]


async def test_what_is_no_text_is_made_one(caller: Caller, recording: Recording) -> None:
    version: Any = 3
    with call_context(prompt_version=version, tags="alone"):
        await caller.answer()
    assert said(recording.only()) == {"gen_ai.prompt.version": "3", "openai.call.tags": ("alone",)}


async def test_it_ends_with_an_error(caller: Caller, recording: Recording) -> None:
    with pytest.raises(LookupError), call_context(**ALL):
        raise LookupError
    await caller.answer()
    assert said(recording.only()) == {}


async def test_tasks_have_their_own(async_caller: Caller, recording: Recording) -> None:
    async def ask(name: str, ready: asyncio.Event, go: asyncio.Event) -> None:
        with call_context(user=name):
            ready.set()
            await go.wait()
            await async_caller.answer()

    events = [(asyncio.Event(), asyncio.Event()) for _ in range(3)]
    with call_context(session="s"):
        tasks = [asyncio.create_task(ask(str(number), *pair)) for number, pair in enumerate(events)]
    for ready, _ in events:
        await ready.wait()  # all are inside now
    for task, (_, go) in zip(reversed(tasks), reversed(events), strict=True):
        go.set()
        await task
    await async_caller.answer()
    expected = [{"user.id": name, "session.id": "s"} for name in ("2", "1", "0")]
    assert [said(span) for span in recording.spans] == [*expected, {}]


def in_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_threads_have_it_if_they_are_started_with_the_context(recording: Recording) -> None:
    def ask() -> None:
        openai.ChatCompletion.create(**CHAT)

    with call_context(**ALL):
        in_thread(lambda: contextvars.Context().run(ask))
        copied = contextvars.copy_context()
        in_thread(lambda: copied.run(ask))
    in_thread(lambda: copied.run(ask))
    assert [said(span) for span in recording.spans] == [{}, SAID, SAID]


@pytest.mark.parametrize(
    ("mode", "given", "expected"),
    [
        ("span_only", None, "argument"),
        ("no_content", None, None),
        ("event_only", None, None),
        ("span_only", "context", "context"),
        ("no_content", "context", "context"),
    ],
)
async def test_the_user_of_the_call_is_content_and_that_of_the_context_is_not(
    mode: str, given: str | None, expected: str | None, caller: Caller, instrument: Instrument, server: OpenAIServer
) -> None:
    recording = instrument(capture_content=mode)
    with call_context(user=given):
        await caller.answer(user="argument")
    assert recording.attributes().get("user.id") == expected
    assert server.requests[0].json["user"] == "argument"


async def test_the_user_of_the_call_is_in_the_event(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument, capture_content="event_only")
    await caller.answer(user="argument")
    assert watched.event_attributes()["user.id"] == "argument"


async def carrying(caller: Caller) -> None:
    """A call with two entries of baggage."""
    token = attach(baggage.set_baggage("tenant", "t-1", baggage.set_baggage("secret", "canary-baggage")))
    try:
        await caller.answer()
    finally:
        detach(token)


@pytest.mark.parametrize(
    ("argument", "variable", "expected"),
    [
        (None, None, {}),
        (["tenant"], None, {"tenant": "t-1"}),
        (("tenant", "absent"), "secret", {"tenant": "t-1"}),
        ([], "tenant", {}),
        (None, " tenant , absent,, ", {"tenant": "t-1"}),
    ],
)
async def test_only_listed_baggage_is_recorded(
    argument: Any,
    variable: str | None,
    expected: Json,
    caller: Caller,
    server: OpenAIServer,
    instrument: Instrument,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if variable is not None:
        monkeypatch.setenv(BAGGAGE_KEYS_VARIABLE, variable)
    watched = watch(instrument, baggage_keys=argument, capture_content="span_and_event")
    await carrying(caller)
    found = watched.attributes()
    assert {key: value for key, value in found.items() if "." not in key} == expected
    assert "canary-baggage" not in watched.everything()
    (request,) = server.requests
    assert "baggage" not in request.headers
    assert b"t-1" not in request.body


def test_one_text_is_no_list_of_keys(instrument: Instrument) -> None:
    with pytest.raises(ValueError, match="must be a list"):
        instrument(baggage_keys="tenant")


async def test_the_context_wins_over_baggage(caller: Caller, instrument: Instrument) -> None:
    recording = instrument(baggage_keys=["session.id"])
    token = attach(baggage.set_baggage("session.id", "carried"))
    try:
        await caller.answer()
        with call_context(session="said"):
            await caller.answer()
    finally:
        detach(token)
    assert [said(span)["session.id"] for span in recording.spans] == ["carried", "said"]


UNSAMPLED = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(0)))


class Own(Sampler):
    """A program's own, which has to be asked."""

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        return DEFAULT_ON.should_sample(*args, **kwargs)

    def get_description(self) -> str:
        return "own"


class RecordOnly(Sampler):
    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        return SamplingResult(Decision.RECORD_ONLY)

    def get_description(self) -> str:
        return "record only"


async def test_a_span_that_is_recorded_and_not_sampled_has_no_trace(caller: Caller, instrument: Instrument) -> None:
    instrument(Recording(RecordOnly()))
    await caller.answer()
    assert current_trace_id() is None


@pytest.mark.parametrize("sampler", [DEFAULT_ON, Own()], ids=["known", "asked"])
async def test_the_latest_call_is_of_no_trace_where_it_was_not_sampled(
    sampler: Sampler, caller: Caller, instrument: Instrument
) -> None:
    """Else a program would rate somebody else's answer."""
    recording = instrument(Recording(sampler))
    await caller.answer()
    assert current_trace_id() == format_trace_id(recording.only().context.trace_id)
    with trace.use_span(UNSAMPLED):
        assert current_trace_id() is None
        await caller.answer()
        assert current_trace_id() is None
    assert current_trace_id() is None


async def test_below_a_span_that_another_provider_left_out_the_call_has_its_trace(
    caller: Caller, instrument: Instrument
) -> None:
    recording = instrument(Recording(ALWAYS_ON))
    with trace.use_span(UNSAMPLED):
        await caller.answer()
        assert current_trace_id() == format_trace_id(recording.only().context.trace_id) == format_trace_id(1)


async def test_after_a_call_that_was_suppressed_there_is_no_trace(caller: Caller, recording: Recording) -> None:
    await caller.answer()
    with suppress_instrumentation():
        await caller.answer()
        assert current_trace_id() is None
    assert current_trace_id() is None
    await caller.answer(stream=True)
    assert current_trace_id() == format_trace_id(recording.spans[-1].context.trace_id)


async def test_inside_a_span_of_the_program_its_trace_counts(caller: Caller, recording: Recording) -> None:
    """Also where the latest call has none: the trace that is rated is that of the request."""
    with recording.tracer.start_as_current_span("mine") as mine:
        expected = format_trace_id(mine.get_span_context().trace_id)
        assert current_trace_id() == expected
        with suppress_instrumentation():
            await caller.answer()
        assert current_trace_id() == expected
        OpenAIInstrumentor().uninstrument()
        assert current_trace_id() == expected
    assert current_trace_id() is None


async def test_after_the_undoing_there_is_no_trace(caller: Caller, instrument: Instrument) -> None:
    """Nothing of ours sees the calls that come then; another `instrument()` knows of its own alone."""
    instrument()
    await caller.answer()
    assert current_trace_id() is not None
    OpenAIInstrumentor().uninstrument()
    assert current_trace_id() is None
    await caller.answer()
    instrument()
    assert current_trace_id() is None
    await caller.answer()
    assert current_trace_id() is not None


async def test_a_method_that_was_kept_is_the_latest_call(caller: Caller, instrument: Instrument) -> None:
    """Its own `instrument()` was undone; the request below it has a span of the next."""
    instrument()
    kept = getattr(openai.ChatCompletion, caller.method)
    OpenAIInstrumentor().uninstrument()
    recording = instrument()
    await caller.answer()
    await caller.call(kept, **CHAT)
    assert len(recording.spans) == 2
    assert current_trace_id() == format_trace_id(recording.spans[-1].context.trace_id)


@pytest.mark.warns
async def test_a_call_that_we_could_not_start_is_the_latest(
    caller: Caller, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caller.answer()
    monkeypatch.setattr("otel_openai_v0._calls.start.of_method", None)
    await caller.answer()
    assert current_trace_id() is None


async def test_a_call_that_another_instrumentation_has_a_span_for_is_the_latest(
    caller: Caller, recording: Recording
) -> None:
    await caller.answer()
    token = attach(set_value("opentelemetry.genai.client.inference.context", object()))
    try:
        await caller.answer()
    finally:
        detach(token)
    assert current_trace_id() is None


async def test_what_a_redactor_asks_is_not_the_latest_call(caller: Caller, instrument: Instrument) -> None:
    def redact(_: str, items: list[Json]) -> list[Json]:
        with suppress_instrumentation():
            openai.Moderation.create("m")
        return items

    recording = instrument(redact=redact)
    await caller.answer()
    assert current_trace_id() == format_trace_id(recording.only().context.trace_id)


def test_a_thread_serves_one_request_after_another(recording: Recording) -> None:
    """The second is answered from a cache."""

    def serve(cached: bool) -> str | None:
        with call_context(session="s"):
            if not cached:
                openai.ChatCompletion.create(**CHAT)
            inside = current_trace_id()
        assert current_trace_id() == inside
        return inside

    with ThreadPoolExecutor(1) as worker:
        assert worker.submit(serve, False).result() == format_trace_id(recording.only().context.trace_id)
        assert worker.submit(serve, True).result() is None
