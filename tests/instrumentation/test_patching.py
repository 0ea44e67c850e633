"""Methods are wrapped where they stand, look the same, and come back as they were."""

from __future__ import annotations

import copy
import inspect
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import openai
import pytest

from otel_openai_v0 import OpenAIInstrumentor
from tests.instrumentation.calls import CALLS, Asked, run
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, HELLO, ROWS, Caller, Recording, chunk, outcome, piece
from tests.support.openai_server import OpenAIServer, Reply

METHODS = [(owner, method) for owner in ROWS for method in ("create", "acreate")]


def attribute(owner: str, method: str) -> Any:
    return vars(getattr(openai, owner))[method]


def all_attributes() -> list[dict[str, Any]]:
    return [dict(vars(getattr(openai, owner))) for owner in ROWS]


def test_uninstrument_puts_back_the_same_objects(instrument: Instrument) -> None:
    before = all_attributes()
    for _ in range(2):
        instrument()
        assert all(attribute(*row) is not before[ROWS.index(row[0])][row[1]] for row in METHODS)
        OpenAIInstrumentor().uninstrument()
        after = all_attributes()
        assert [namespace.keys() for namespace in after] == [namespace.keys() for namespace in before]
        assert all(attribute(owner, name) is before[ROWS.index(owner)][name] for owner, name in METHODS)


async def test_instrumenting_again_records_each_call_once(caller: Caller, instrument: Instrument) -> None:
    first = instrument()
    OpenAIInstrumentor().uninstrument()
    second = instrument()
    await caller.answer()
    assert (len(first.spans), len(second.spans)) == (0, 1)


@pytest.mark.warns
async def test_instrumenting_twice_without_undoing_changes_nothing(caller: Caller, instrument: Instrument) -> None:
    first, second = instrument(), instrument()
    await caller.answer()
    assert (len(first.spans), len(second.spans)) == (1, 0)


@pytest.mark.parametrize("owner", ROWS)
async def test_a_method_kept_from_then_records_nothing_after(
    owner: str, caller: Caller, instrument: Instrument
) -> None:
    recording = instrument()
    kept = getattr(getattr(openai, owner), caller.method)
    asked = {"model": "m", "messages": HELLO, "prompt": "p", "input": "i", "instruction": "x"}
    await caller.call(kept, **asked)
    OpenAIInstrumentor().uninstrument()
    await caller.call(kept, **asked)
    assert len(recording.spans) == 1


async def test_a_stream_begun_before_the_undoing_is_recorded(caller: Caller, instrument: Instrument) -> None:
    recording = instrument()
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    OpenAIInstrumentor().uninstrument()
    await caller.consume(stream)
    assert recording.attributes()["openai.stream.end"] == "exhausted"


async def test_a_wrapper_of_somebody_else_stays(
    caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = instrument()
    ours = attribute("ChatCompletion", caller.method)

    theirs = classmethod(lambda cls, *args, **kwargs: ours.__get__(None, cls)(*args, **kwargs))
    monkeypatch.setattr(openai.ChatCompletion, caller.method, theirs)
    OpenAIInstrumentor().uninstrument()
    assert attribute("ChatCompletion", caller.method) is theirs
    await caller.answer()
    assert recording.spans == []


@pytest.mark.parametrize(("owner", "method"), METHODS)
def test_a_wrapped_method_looks_the_same(owner: str, method: str, instrument: Instrument) -> None:
    bare = getattr(getattr(openai, owner), method)
    instrument()
    wrapped = getattr(getattr(openai, owner), method)
    assert wrapped is not bare
    assert inspect.iscoroutinefunction(wrapped) == (method == "acreate")
    assert inspect.signature(wrapped) == inspect.signature(bare)
    assert inspect.ismethod(wrapped)
    assert (wrapped.__name__, wrapped.__qualname__, wrapped.__doc__) == (method, bare.__qualname__, bare.__doc__)
    assert wrapped.__self__ is getattr(openai, owner)


@pytest.mark.parametrize("asked", [asked for asked in CALLS if asked.asynchronous], ids=str)
async def test_a_coroutine_has_the_name_that_it_has_without_us(
    asked: Asked, async_caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    """As tasks and warnings show it."""
    names: list[tuple[str, str]] = []

    def make(**kwargs: Any) -> Any:
        coroutine = asked.method(is_async=True)(**kwargs)
        names.append((coroutine.__name__, coroutine.__qualname__))
        return coroutine

    await run(async_caller, server, asked, make)
    instrument()
    await run(async_caller, server, asked, make)
    bare, ours = names
    assert ours == bare


class Mine(openai.ChatCompletion):  # type: ignore[misc]  # openai's classes are Any here
    """A user's own class with a place of its own."""

    @classmethod
    def class_url(cls, *args: Any, **kwargs: Any) -> str:
        return f"/{cls.__name__.lower()}{super().class_url(*args, **kwargs)}"


class Super(Mine):
    """One that calls on to its base."""

    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> Any:
        return super().create(*args, **kwargs)

    @classmethod
    async def acreate(cls, *args: Any, **kwargs: Any) -> Any:
        return await super().acreate(*args, **kwargs)


@pytest.mark.parametrize("kind", [Mine, Super])
async def test_a_subclass_stays_itself(
    kind: type, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    server.answer_always(Reply(body={"choices": []}))
    bare = await caller.create(kind, **CHAT)
    recording = instrument()
    assert await caller.create(kind, **CHAT) == bare
    OpenAIInstrumentor().uninstrument()
    assert await caller.create(kind, **CHAT) == bare
    assert {request.path for request in server.requests} == {f"/v1/{kind.__name__.lower()}/chat/completions"}
    assert len(recording.spans) == 1


async def test_a_class_taken_before_is_instrumented(caller: Caller, instrument: Instrument) -> None:
    from openai import ChatCompletion

    recording = instrument()
    await caller.create(ChatCompletion, **CHAT)
    assert len(recording.spans) == 1


async def test_two_calls_in_one_another_are_two_spans(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(Reply(events=[chunk(piece("a")), chunk(piece("b"))]))
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    await caller.next(stream)
    assert (await outcome(caller.answer())).error is None
    await caller.consume(stream)
    assert [span.parent for span in recording.spans] == [None, None]


async def test_below_a_function_that_is_not_openais_each_request_has_a_span(
    caller: Caller, instrument: Instrument, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may ask more than once, and what it returns need not be openai's: as `instructor.patch()` does."""
    name = "acreate" if caller.is_async else "create"
    original = getattr(openai.ChatCompletion, name)

    def twice(**kwargs: Any) -> str:
        return "".join(original(**kwargs)["choices"][0]["message"]["content"] for _ in range(2))

    async def atwice(**kwargs: Any) -> str:
        return "".join([(await original(**kwargs))["choices"][0]["message"]["content"] for _ in range(2)])

    monkeypatch.setattr(openai.ChatCompletion, name, atwice if caller.is_async else twice)
    replaced = vars(openai.ChatCompletion)[name]
    recording = instrument()
    assert vars(openai.ChatCompletion)[name] is replaced
    assert await caller.create("ChatCompletion", **CHAT) == "You said: hello there" * 2
    assert [span.name for span in recording.spans] == [f"chat {CHAT['model']}"] * 2
    assert all((span.attributes or {})["gen_ai.usage.output_tokens"] == 4 for span in recording.spans)


async def test_a_call_that_the_program_prepared_is_not_openais_own(
    caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = partial(getattr(openai.ChatCompletion, caller.method), model="gpt-4")
    monkeypatch.setattr(openai.ChatCompletion, caller.method, prepared)
    recording = instrument()
    await caller.create("ChatCompletion", messages=HELLO)
    assert recording.only().name == "chat gpt-4"


@pytest.mark.parametrize("method", ["create", "acreate"])
@pytest.mark.parametrize(
    "sent",
    [lambda it: pickle.loads(pickle.dumps(it)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_a_method_can_be_sent_and_copied(sent: Any, method: str, recording: Recording) -> None:
    """As the bare one: to a pool of processes, or with the settings that it is a part of."""
    assert sent(getattr(openai.ChatCompletion, method)) == getattr(openai.ChatCompletion, method)
    assert sent(partial(openai.Model.list, limit=2)).func == openai.Model.list
    assert sent(openai.Engine.generate) == openai.Engine.generate  # of no object
    engine = openai.Engine(id="e-1")
    found = sent(engine.generate)
    assert (found.__self__, found.__name__) == (engine, "generate")


@pytest.mark.parametrize("name", ["generate", "agenerate"])
def test_a_copied_method_belongs_to_the_copy_of_its_object(name: str, instrument: Instrument) -> None:
    engine = openai.Engine(id="e-1")
    bare = copy.deepcopy(getattr(engine, name))
    instrument()
    found = copy.deepcopy(getattr(engine, name))
    assert found.__self__ == bare.__self__ == engine
    assert engine is not found.__self__
    assert bare.__self__ is not engine


async def test_a_process_of_a_pool_calls_as_ever(server: OpenAIServer, recording: Recording) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        asked = pool.submit(openai.ChatCompletion.create, **CHAT, api_base=server.url, api_key="sk-test")
        assert asked.result(60)["choices"][0]["message"]["content"] == "You said: hello there"
