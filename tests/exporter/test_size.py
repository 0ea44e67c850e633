"""About how much a span holds."""

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from otel_wandb._spans.size import size_of
from tests.exporter.any_spans import Broken, Elusive, cycle

MEGABYTE = 1_000_000


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
