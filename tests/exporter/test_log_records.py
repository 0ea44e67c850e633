"""GenAI events among log records wait for their span, within bounds."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider, ReadWriteLogRecord
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import Span

from otel_wandb._genai.view import read_view
from otel_wandb._records.markdown import texts_of_call
from otel_wandb._spans.log_records import LogStore, WandbLogRecordProcessor
from otel_wandb._spans.span import EventRecord, read_span

EVENT = EventRecord("gen_ai.user.message", 1, {})


class Logged:
    """A logger provider with our processor, and spans to log in."""

    def __init__(self, *, sampled: bool = True) -> None:
        self.store = LogStore()
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(WandbLogRecordProcessor(self.store))
        self.emit = provider.get_logger("tests").emit
        self._tracer = TracerProvider(sampler=ALWAYS_ON if sampled else ALWAYS_OFF).get_tracer("tests")

    @contextmanager
    def span(self) -> Iterator[Span]:
        with self._tracer.start_as_current_span("chat m", attributes={"gen_ai.request.model": "m"}) as span:
            yield span

    def taken(self, span: Span) -> tuple[EventRecord, ...]:
        context = span.get_span_context()
        return self.store.take(context.trace_id, context.span_id)


def test_an_event_is_handed_out_once_with_its_span() -> None:
    logged = Logged()
    with logged.span() as span:
        logged.emit(LogRecord(event_name="gen_ai.user.message", timestamp=7, body={"content": "hi"}))
    with logged.span() as other:
        logged.emit(LogRecord(attributes={"event.name": "gen_ai.choice", "gen_ai.system": "openai"}, body={"index": 0}))
    assert logged.taken(span) == (EventRecord("gen_ai.user.message", 7, {}, {"content": "hi"}),)
    (choice,) = logged.taken(other)
    assert (choice.name, choice.attributes["gen_ai.system"], choice.body) == ("gen_ai.choice", "openai", {"index": 0})
    assert choice.time_ns > 0  # that of its observation
    assert logged.taken(span) == logged.taken(other) == ()


def test_a_whole_call_as_an_event_is_read_with_its_span() -> None:
    logged = Logged()
    asked: Any = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
    with logged.span() as span:
        logged.emit(
            LogRecord(
                event_name="gen_ai.client.inference.operation.details", attributes={"gen_ai.input.messages": asked}
            )
        )
    call = read_view(read_span(span, logged.taken(span))).call  # type: ignore[arg-type]
    assert call is not None
    assert texts_of_call(call).input == "**user**: hi"


@pytest.mark.parametrize(
    "record",
    [
        {"body": "a line of a log"},
        {"event_name": "http.request"},
        {"attributes": {"event.name": 5}},
        {"attributes": {"gen_ai.system": "openai"}},
    ],
)
def test_what_is_no_genai_event_is_not_kept(record: dict[str, Any]) -> None:
    logged = Logged()
    with logged.span() as span:
        logged.emit(LogRecord(**record))
    assert logged.taken(span) == ()


def test_an_event_outside_of_a_span_is_not_kept() -> None:
    logged = Logged()
    logged.emit(LogRecord(event_name=EVENT.name))
    assert logged.store.take(0, 0) == ()


def test_an_event_of_a_span_that_is_not_sampled_is_not_kept() -> None:
    logged = Logged(sampled=False)
    with logged.span() as span:
        logged.emit(LogRecord(event_name=EVENT.name))
    assert logged.taken(span) == ()


def test_a_record_that_names_its_span_is_kept_wherever_it_is_emitted() -> None:
    logged = Logged()
    logged.emit(LogRecord(trace_id=1, span_id=2, attributes={"event.name": EVENT.name}))
    assert len(logged.store.take(1, 2)) == 1


def test_a_record_that_cannot_be_read_costs_the_program_nothing() -> None:
    class Odd:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError(name)

    WandbLogRecordProcessor(LogStore()).on_emit(Odd())  # type: ignore[arg-type]


def test_the_processor_has_nothing_to_flush_or_to_close() -> None:
    store = LogStore()
    processor = WandbLogRecordProcessor(store)
    store.add(1, 2, EVENT)
    assert processor.force_flush()
    processor.shutdown()
    assert store.take(1, 2) == (EVENT,)


def test_the_oldest_span_goes_first_when_there_are_too_many() -> None:
    store = LogStore(most_spans=2)
    for span_id in (1, 2, 3):
        store.add(0, span_id, EVENT)
    assert [len(store.take(0, span_id)) for span_id in (1, 2, 3)] == [0, 1, 1]


def test_events_are_counted_over_all_spans() -> None:
    store = LogStore(most_events=3)
    for span_id in (1, 1, 2, 2):
        store.add(0, span_id, EVENT)
    assert [len(store.take(0, span_id)) for span_id in (1, 2)] == [0, 2]
    for _ in range(5):  # more than the bound for one span alone
        store.add(0, 3, EVENT)
    assert len(store.take(0, 3)) == 1


def test_events_are_bounded_by_their_bytes() -> None:
    store = LogStore(most_bytes=10_000)
    long = EventRecord(EVENT.name, 1, {"gen_ai.input.messages": "x" * 3_000}, {"content": ["y" * 500]})
    for span_id in (1, 2, 2, 3):
        store.add(0, span_id, long)
    assert [len(store.take(0, span_id)) for span_id in (1, 2, 3)] == [0, 0, 1]
    store.add(0, 4, EventRecord(EVENT.name, 1, {}, "z" * 20_000))  # more than the bound alone
    assert store.take(0, 4) == ()
    for span_id in (5, 6):
        store.add(0, span_id, long)
    assert [len(store.take(0, span_id)) for span_id in (5, 6)] == [1, 1]


def test_megabytes_of_records_wait_in_bounded_memory() -> None:
    store = LogStore()
    for span_id in range(300):
        store.add(0, span_id, EventRecord(EVENT.name, 1, {}, {"content": str(span_id) * (1 << 20)}))
    kept = sum(len(str(event.body)) for span_id in range(300) for event in store.take(0, span_id))
    assert 40 << 20 < kept <= 64 << 20


def test_what_is_taken_makes_room() -> None:
    store = LogStore(most_spans=1, most_events=1, most_bytes=2_000)
    for span_id in range(5):
        store.add(0, span_id, EVENT)
        assert store.take(0, span_id) == (EVENT,)


def test_many_threads_lose_nothing() -> None:
    store = LogStore()
    taken: list[int] = []

    def work(number: int) -> None:
        for span_id in range(200):
            store.add(number, span_id, EVENT)
            store.add(number, span_id, EVENT)
            taken.append(len(store.take(number, span_id)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == [2] * 1_600


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_begins_with_nothing_and_without_a_held_lock() -> None:
    store = LogStore()
    store.add(1, 2, EVENT)
    holding = threading.Event()
    release = threading.Event()

    def hold() -> None:
        with store._lock:
            holding.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait()
    child = os.fork()
    if child == 0:
        found = store.take(1, 2)
        store.add(1, 2, EVENT)
        os._exit(len(found) * 10 + len(store.take(1, 2)))
    _, status = os.waitpid(child, 0)
    release.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 1
    assert store.take(1, 2) == (EVENT,)


def test_a_store_that_is_not_used_any_more_is_let_go() -> None:
    import gc
    import weakref

    reference = weakref.ref(LogStore())
    gc.collect()
    assert reference() is None


def test_the_processor_takes_what_the_sdk_hands_it() -> None:
    record = ReadWriteLogRecord(LogRecord(event_name=EVENT.name, body={"content": "hi"}))
    WandbLogRecordProcessor(LogStore()).on_emit(record)
