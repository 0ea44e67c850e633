"""About how much a span holds."""

import gc
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from otel_wandb._spans.size import size_of, size_of_record
from otel_wandb._spans.span import EventRecord, SpanRecord
from otel_wandb._traces.assembly import Limits, TraceAssembler
from tests.exporter.any_spans import Broken, Elusive, cycle

MEGABYTE = 1_000_000
NAMES = [f"name {place}" for place in range(20)]


@pytest.mark.parametrize(
    "value", ["x" * MEGABYTE, ["x" * 1000] * 1000, {"a": {"b": ["x" * MEGABYTE]}}, b"x" * MEGABYTE], ids=type
)
def test_long_values_are_seen_wherever_they_are(value: Any) -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
    on_span = tracer.start_span("a", attributes={"k": value})
    on_event = tracer.start_span("b")
    on_event.add_event("e", {"k": value})
    small = tracer.start_span("c", attributes={"k": 1, "t": "text"})
    sizes = [size_of(made) for made in (on_span, on_event, small)]  # type: ignore[arg-type]  # the SDK's own spans
    assert sizes[0] == pytest.approx(MEGABYTE, rel=0.1)
    assert sizes[1] == pytest.approx(MEGABYTE, rel=0.1)
    assert sizes[2] < 2_000


@pytest.mark.parametrize("make", [lambda: cycle(1), lambda: cycle(1_000), Broken, Elusive])
def test_any_value_has_a_size(make: Callable[[], Any]) -> None:
    assert size_of(ReadableSpan("a", attributes={"k": make()})) >= 1_000
    assert size_of(ReadableSpan("a", attributes=make())) >= 1_000


def received(number: int, parent: str | None, attributes: Mapping[str, Any], events: int = 0) -> SpanRecord:
    """As it is read from a request: nothing in it is another's, but the names of attributes."""
    trace_id = f"{number if parent is None else number // 8:032x}"
    made = tuple([EventRecord("gen_ai.choice", 1, {"text": f"{place}" * 50}) for place in range(events)])
    return SpanRecord(
        *(trace_id, f"{number:016x}", parent, False, "chat", 10**18 + number, 10**18 + number + 9, False, None),
        *(attributes, made, "", {}),
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda n: received(n, None, {"kind": f"chat {n}"}),
        lambda n: received(n, f"{n:016d}", {name: f"value {n} {name}" for name in NAMES}),
        lambda n: received(n, None, {"said": f"{n} \N{PARTY POPPER} " * 2_000}),
        lambda n: received(n, None, {"a": tuple([{"b": f"{n} {place}"} for place in range(40)])}, events=4),
    ],
    ids=["small", "many values", "wide characters", "nested"],
)
def test_what_waits_takes_no_more_memory_than_is_counted(make: Callable[[int], SpanRecord]) -> None:
    assembler = TraceAssembler(Limits(max_waiting=10**6, max_bytes=1 << 40), lambda _: False)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(2_000):
            span = make(number)
            assembler.offer(span, 0.0, size_of_record(span))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert assembler.waiting_spans == 2_000
    assert 0.4 < used / assembler.waiting_bytes < 1.05
