"""However a response is cut into chunks and its choices are mixed, the span of the stream is that of the whole."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_openai_v0._base.versions import HAS_EVENTS
from otel_openai_v0._calls.start import Calls
from otel_openai_v0._content.writer import ContentWriter
from otel_openai_v0._openai.operations import METHODS, Method
from otel_openai_v0._patching.wrappers import returned
from otel_openai_v0._telemetry.events import Events
from otel_openai_v0._telemetry.faults import Faults
from otel_openai_v0._telemetry.metrics import Metrics
from otel_openai_v0._telemetry.sampling import Sampling
from otel_openai_v0._telemetry.settings import CaptureContent, Settings
from otel_openai_v0._telemetry.shared import Telemetry
from tests.instrumentation.driving import Json, attributes
from tests.instrumentation.test_accumulate import CHOICES, HEAD, USAGE, deltas, message, mixed
from tests.instrumentation.watching import Watched

ONLY_OF_STREAMS = ("gen_ai.response.time_to_first_chunk", "openai.stream.end", "openai.stream.chunk_count")
CREATE = {(method.owner, method.name): method for method in METHODS}
OPENAI: Any = SimpleNamespace(api_type="open_ai", api_base="http://host/v1", api_key=None)
PIECES = st.lists(st.text(max_size=5), max_size=5)
TEXTS = st.fixed_dictionaries({"pieces": PIECES, "finish": st.none() | st.just("stop")})


def telemetry(watched: Watched, capture: CaptureContent) -> Telemetry:
    scope = ("test", "1", "")
    tracer = watched.provider.get_tracer("test")
    return Telemetry(
        tracer=tracer,
        sampling=Sampling(tracer, {}),
        metrics=Metrics(watched.meter_provider, *scope),
        events=Events(watched.logger_provider, *scope),
        settings=Settings(capture, emit_event=True),
        content=ContentWriter(),
        faults=Faults(),
        environ={},
    )


def seen(method: Method, result: Any, how: str) -> tuple[Json, Json]:
    """Attributes of the span and of the event of a call that returns `result`, through the whole life of it."""
    watched = Watched()
    made = Calls(OPENAI, telemetry(watched, CaptureContent.SPAN_AND_EVENT))
    call = made.start(method, (), ModuleType("target"), (), {"model": "m", "messages": [], "prompt": "p"})
    with call:
        pass
    got = returned(call, result)
    if how == "sync":
        list(got)
    elif how == "async":
        asyncio.run(consume(got))
    assert made.telemetry.faults.counts == {}
    event = watched.event_attributes() if HAS_EVENTS else {}
    found = [attributes(watched.only()), json.loads(json.dumps(event, default=dict))]
    return found[0], {key: value for key, value in found[1].items() if key not in ONLY_OF_STREAMS}


async def consume(stream: Any) -> None:
    async for _ in stream:
        pass


def sync_stream(chunks: list[Json]) -> Iterator[Json]:
    yield from chunks


async def async_stream(chunks: list[Json]) -> AsyncIterator[Json]:
    for chunk in chunks:
        yield chunk


def grouped(parts: list[Json], order: random.Random, usage: Any) -> list[Json]:
    """Chunks of one part or of several, and one with usage somewhere behind the first."""
    chunks = []
    while parts:
        size = order.randint(1, min(3, len(parts)))
        chunks.append({**HEAD, "choices": parts[:size]})
        parts = parts[size:]
    last = {**HEAD, "choices": [], "usage": usage}
    chunks.insert(order.randint(0, len(chunks)), last)
    return chunks


def check(owner: str, parts: list[list[Json]], whole: list[Json], usage: Any, order: random.Random) -> None:
    response = {**HEAD, "choices": order.sample(whole, len(whole)), "usage": usage}
    chunks = grouped(mixed(parts, order), order, usage)
    expected = seen(CREATE[owner, "create"], response, "plain")
    streams = {"sync": sync_stream(chunks), "async": async_stream(chunks)}
    for how, stream in streams.items():
        span, event = seen(CREATE[owner, "create"], stream, how)
        assert (span.pop("openai.stream.end"), span.pop("openai.stream.chunk_count")) == ("exhausted", len(chunks))
        span.pop("gen_ai.response.time_to_first_chunk", None)
        assert (span, event) == expected


@given(st.lists(CHOICES, min_size=1, max_size=4), USAGE, st.randoms(use_true_random=False))
def test_chats_and_function_calls(choices: list[Json], usage: Any, order: random.Random) -> None:
    parts = [deltas(index, choice) for index, choice in enumerate(choices)]
    whole = [message(index, choice) for index, choice in enumerate(choices)]
    check("ChatCompletion", parts, whole, usage, order)


@given(st.lists(TEXTS, min_size=1, max_size=4), USAGE, st.randoms(use_true_random=False))
def test_completions(choices: list[Json], usage: Any, order: random.Random) -> None:
    def piece(index: int, text: str, finish: Any = None) -> Json:
        return {"index": index, "text": text, "finish_reason": finish}

    parts = [
        [*(piece(index, text) for text in choice["pieces"]), piece(index, "", choice["finish"])]
        for index, choice in enumerate(choices)
    ]
    whole = [piece(index, "".join(choice["pieces"]), choice["finish"]) for index, choice in enumerate(choices)]
    check("Completion", parts, whole, usage, order)


@given(st.text(min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_arguments_are_parsed_as_those_of_the_whole(text: str, order: random.Random) -> None:
    """However the JSON of a function's arguments is cut, it is an object in the end."""
    arguments = json.dumps({"a": text, "b": [1, {"c": None}]})
    cuts = sorted(order.sample(range(len(arguments)), min(6, len(arguments))))
    pieces = [arguments[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
    choice = {"content": None, "call": pieces, "finish": "function_call"}
    check("ChatCompletion", [deltas(0, choice)], [message(0, choice)], None, order)


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_stream_that_ends_too_early_differs(how: str) -> None:
    """The tests above can fail."""
    parts = deltas(0, {"content": ["a", "b"], "call": None, "finish": "stop"})
    chunks = [{**HEAD, "choices": [part]} for part in parts]
    streams = {"sync": sync_stream, "async": async_stream}
    ends = [seen(CREATE["ChatCompletion", "create"], streams[how](chunks[:end]), how) for end in range(len(chunks) + 1)]
    outputs = [end[0].get("gen_ai.output.messages") for end in ends]
    assert len({json.dumps(output) for output in outputs}) == 5
