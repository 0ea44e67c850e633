"""Calls that a garbage collection ends, wherever it interrupts the program."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import context as otel
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel_openai_v0 import OpenAIInstrumentor
from otel_openai_v0._calls.deferred import unwatch_collections, watch_collections
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, Caller, Recording, attributes
from tests.instrumentation.other import OtherInstrumentor
from tests.support.openai_server import OpenAIServer
from tests.support.program import run_program
from tests.support.waiting import until

pytestmark = [  # openai's: so it is without us
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning"),
]


class Cycle:
    """Only a garbage collection finds it."""

    def __init__(self, held: Any) -> None:
        self.held, self.itself = held, self


class Locked(SpanProcessor):
    """Collects garbage while it holds its lock, as any allocation may."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ended: list[ReadableSpan] = []

    def on_start(self, span: Span, parent_context: otel.Context | None = None) -> None:
        pass

    def on_end(self, span: ReadableSpan) -> None:
        assert self.lock.acquire(timeout=20), "waits for the thread that it interrupted"
        try:
            gc.collect()
            self.ended.append(span)
        finally:
            self.lock.release()


async def half_read(caller: Caller) -> None:
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    await caller.next(stream)
    Cycle(stream)


async def test_a_collection_that_finds_a_stream_waits_for_no_lock(caller: Caller, instrument: Instrument) -> None:
    recording, locked = Recording(), Locked()
    recording.provider.add_span_processor(locked)
    instrument(recording)
    gc.disable()
    try:
        await half_read(caller)
        await caller.answer()
    finally:
        gc.enable()
    until(lambda: len(locked.ended) == 2, 30)
    ends = [attributes(span).get("openai.stream.end") for span in locked.ended]
    assert ends == [None, "abandoned"]


async def test_a_collection_elsewhere_puts_nothing_off(caller: Caller, recording: Recording) -> None:
    """Only the thread that it interrupts may hold a lock; a response is read before its caller can change it."""
    collecting, answered = threading.Event(), threading.Event()

    class Slow:
        def __del__(self) -> None:
            collecting.set()
            answered.wait(20)

    def collect() -> None:
        Cycle(Slow())
        gc.collect()

    elsewhere = threading.Thread(target=collect)
    elsewhere.start()
    try:
        assert collecting.wait(20)
        (await caller.answer())["choices"][0]["message"]["content"] = "changed"
        assert "You said" in str(recording.attributes()["gen_ai.output.messages"])
    finally:
        answered.set()
        elsewhere.join()


class Slowly(SpanProcessor):
    """Counts the threads that end spans at once."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.inside: set[int] = set()
        self.ended = 0

    def on_start(self, span: Span, parent_context: otel.Context | None = None) -> None:
        pass

    def on_end(self, span: ReadableSpan) -> None:
        if not self.opened.is_set():
            self.inside.add(threading.get_ident())
        assert self.opened.wait(20), span.name
        self.ended += 1


async def test_one_thread_ends_what_a_collection_finds(caller: Caller, instrument: Instrument) -> None:
    recording, slowly = Recording(), Slowly()
    recording.provider.add_span_processor(slowly)
    instrument(recording)
    for _ in range(20):
        await half_read(caller)
    gc.collect()
    until(lambda: bool(slowly.inside), 20)
    slowly.opened.set()
    until(lambda: slowly.ended == 20, 20)
    assert len(slowly.inside) == 1
    assert threading.get_ident() not in slowly.inside


PRINTS_SPANS = """
import gc, os, sys, threading, openai
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from otel_openai_v0 import OpenAIInstrumentor
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=lambda span: span.name + "\\n")))
OpenAIInstrumentor().instrument(tracer_provider=provider)
openai.api_key = "k"
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_is_forked_in_a_collection_ends_its_own_calls(tmp_path: Path, server: OpenAIServer) -> None:
    done = run_program(
        tmp_path,
        PRINTS_SPANS
        + f"""
openai.api_base = {server.url!r}
collecting, forked = threading.Event(), threading.Event()
class Slow:
    def __del__(self):
        collecting.set()
        forked.wait(20)
def collect():
    slow = Slow()
    slow.itself = slow
    del slow
    gc.collect()
threading.Thread(target=collect, daemon=True).start()
collecting.wait(20)
child = os.fork()
if child == 0:
    openai.ChatCompletion.create(**{CHAT!r})
    sys.stdout.flush()
    os._exit(0)
forked.set()
sys.exit(os.waitpid(child, 0)[1])
""",
    )
    assert (done.stdout, done.returncode) == ("chat gpt-3.5-turbo\n", 0), done.stderr


async def test_a_stream_ends_when_it_was_found(caller: Caller, recording: Recording) -> None:
    await half_read(caller)
    before = time.time_ns()
    gc.collect()
    after = time.time_ns()
    until(lambda: bool(recording.spans), 10)
    assert before <= (recording.only().end_time or 0) <= after


async def test_a_stream_that_is_let_go_ends_at_once(caller: Caller, recording: Recording) -> None:
    """No collection is needed for most: what follows may flush and exit."""
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    await caller.next(stream)
    del stream
    assert recording.attributes()["openai.stream.end"] == "abandoned"


def test_what_a_last_collection_finds_is_not_lost(tmp_path: Path, server: OpenAIServer) -> None:
    done = run_program(
        tmp_path,
        PRINTS_SPANS
        + f"""
openai.api_base = {server.url!r}
class Cycle: pass
for _ in range(20):
    cycle = Cycle()
    cycle.itself = cycle
    cycle.stream = openai.ChatCompletion.create(**{CHAT!r}, stream=True)
    next(cycle.stream)
del cycle
gc.collect()
""",
    )
    assert (done.stdout, done.returncode) == ("chat gpt-3.5-turbo\n" * 20, 0), done.stderr


def test_nothing_is_left_in_the_collector(instrument: Instrument) -> None:
    before = list(gc.callbacks)
    for _ in range(2):
        instrument()
        assert len(gc.callbacks) == len(before) + 1
        OpenAIInstrumentor().uninstrument()
        assert gc.callbacks == before


def test_each_that_patches_watches_until_it_is_undone(recording: Recording) -> None:
    before, first, second = list(gc.callbacks), object(), object()
    for watcher in (first, second, first):
        watch_collections(watcher)
    OpenAIInstrumentor().uninstrument()
    unwatch_collections(first)
    unwatch_collections(first)
    assert gc.callbacks == before
    unwatch_collections(second)
    assert len(gc.callbacks) == len(before) - 1


@pytest.mark.warns
def test_where_another_instrumentation_stands_nobody_watches(instrument: Instrument) -> None:
    before = list(gc.callbacks)
    other = OtherInstrumentor()
    other.instrument(seen=[])
    try:
        instrument()
        assert gc.callbacks == before
    finally:
        other.uninstrument()


async def test_a_stream_of_before_the_undoing_waits_for_no_lock(caller: Caller, instrument: Instrument) -> None:
    """Nobody knows then who lets it go: a collection that has interrupted this thread, perhaps."""
    recording, locked = Recording(), Locked()
    recording.provider.add_span_processor(locked)
    instrument(recording)
    gc.disable()
    try:
        await half_read(caller)
        OpenAIInstrumentor().uninstrument()
        with locked.lock:
            gc.collect()
    finally:
        gc.enable()
    until(lambda: len(locked.ended) == 1, 30)
    assert attributes(locked.ended[0])["openai.stream.end"] == "abandoned"
