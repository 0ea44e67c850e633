"""A program that gives the exporter spans with anything in them, by the SDK and past it, and prints what it gave.

What the SDK would refuse or copy is planted after it: a span processor, an SDK of one's own or the body of a log record
brings it in. Run as `python -m tests.exporter.any_spans EXAMPLES`; with GIANTS more, those that are large.
"""

import json
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags, Tracer, set_span_in_context

from otel_wandb import WandbSpanExporter
from tests.exporter.test_any_values import EVENT_NAMES, KEYS, VALUES

GIANTS: Final = "--giants"
MEGABYTES: Final = 12  # more than a line may have at W&B
RESOURCE: Final = Resource({"service.name": "any"})
CHAT: Final = {"gen_ai.operation.name": "chat"}
MOST_SPANS: Final = 10_000  # of a trace that waits to be whole


class Counted(IdGenerator):
    """hypothesis begins with the same random numbers for each example."""

    def __init__(self) -> None:
        self._last = 0

    def generate_span_id(self) -> int:
        self._last += 1
        return self._last

    def generate_trace_id(self) -> int:
        return self.generate_span_id()


class Broken(Mapping[Any, Any]):
    """Raises whatever is asked of it."""

    def __getitem__(self, key: Any) -> Any:
        raise LookupError("broken")

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("broken")

    def __len__(self) -> int:
        return 3


class Unprintable:
    """Has no text."""

    def __repr__(self) -> str:
        raise ValueError("unprintable")

    __str__ = __repr__


class Elusive:
    """Says it is anything, and raises for every attribute."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class Listed(list[Any]):
    """Cannot be walked through."""

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("broken")


def cycle(width: int) -> Any:
    found: dict[Any, Any] = {"more": []}
    found["more"].extend([found] * width)
    return found


def deep(levels: int) -> Any:
    found: Any = "bottom"
    for level in range(levels):
        found = {"below": found} if level % 2 else [found]
    return found


ODD: Final = (
    *(float("inf"), float("-inf"), float("nan"), 10**400, -(2**65), 1e308, b"\xff\xfe", bytearray(b"\xff"), 1j),
    *("\x00", "\ud800", "\U0001f600" * 60_000, "\\" * 60_000, "<&>\u2028" * 20_000, '"' * 60_000, "x" * 200_000),
    *(MappingProxyType({"a": MappingProxyType({b"\xff": 1})}), {1: "a", 1.5: "b", None: "c", (1, 2): "d", b"e": "f"}),
    *({"\ud800": 1, "": 2}, {1, 2}, frozenset("ab"), range(5), deep(50), deep(3_000), cycle(1), cycle(1_000)),
    *(object(), Unprintable(), Elusive(), Broken(), Listed([1]), {"a": Broken(), "b": [Unprintable()]}, print, Status),
)


def one_of(odd: Sequence[Any]) -> st.SearchStrategy[Any]:
    """`sampled_from`, which asks its elements for their text."""
    return st.integers(0, len(odd) - 1).map(lambda number: odd[number])


ANYTHING: Final = VALUES | one_of(ODD)
TEXTS: Final = st.text(max_size=9) | one_of([odd for odd in ODD if type(odd) is str])
NAMES: Final = TEXTS | one_of([None, 5, b"\xff", "chat gpt-4", "", Unprintable()])
KEY: Final = st.sampled_from(KEYS) | TEXTS
ATTRIBUTES: Final = st.dictionaries(KEY, ANYTHING, max_size=5)
PLANTED: Final = st.dictionaries(KEY | st.sampled_from([None, 5, b"\xff", (1,)]), ANYTHING, max_size=5) | one_of(
    [MappingProxyType({"gen_ai.operation.name": "chat", "gen_ai.input.messages": cycle(2)})]
)
TIMES: Final = st.none() | st.sampled_from([0, 1, 10**18, 2**63, 2**70, -1]) | st.integers(1, 2**61)
EVENT: Final = st.tuples(st.sampled_from(EVENT_NAMES) | NAMES, ATTRIBUTES, TIMES)


def context(number: int, trace_id: int) -> SpanContext:
    return SpanContext(trace_id, number, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class Spans:
    """Where the spans go: through a tracer, or straight to the processor."""

    def __init__(self, tracer: Tracer, processor: SimpleSpanProcessor, logs: LoggerProvider) -> None:
        self.given: Counter[str] = Counter()
        self._tracer = tracer
        self._processor = processor
        self._logger = logs.get_logger("any")

    def by_sdk(self, draw: Callable[..., Any]) -> None:
        """A chain of spans with everything that the API takes; what it raises is the API's own."""
        above, spans = None, []
        for _ in range(draw(st.integers(1, 3))):
            links = [Link(context(1, 1), draw(st.dictionaries(TEXTS, VALUES)))] if draw(st.booleans()) else []
            span = self._tracer.start_span(draw(NAMES), above, links=links)
            spans.append(span)
            above = set_span_in_context(span)
            for key, value in draw(ATTRIBUTES).items():
                _try(span.set_attribute, key, value)
            for name, attributes, _ in draw(st.lists(EVENT, max_size=2)):
                _try(span.add_event, name, attributes)
            if draw(st.booleans()):
                self._logger.emit(
                    context=above,
                    event_name=draw(st.sampled_from(EVENT_NAMES)),
                    body=draw(ANYTHING),
                    attributes={"gen_ai.system": "openai"},
                )
            span.set_status(Status(StatusCode.ERROR, draw(TEXTS)))
        self.given[trace.format_trace_id(spans[0].get_span_context().trace_id)] += len(spans)
        for span in reversed(spans):
            span.end()

    def planted(self, draw: Callable[..., Any], trace_id: int) -> None:
        """Spans as nobody should make them."""
        count = draw(st.integers(1, 3))
        found = [
            self._planted(draw, context(trace_id * 10 + number, trace_id), count) for number in range(1, count + 1)
        ]
        self.given[trace.format_trace_id(trace_id)] += count
        for span in found:
            self._processor.on_end(span)

    def _planted(self, draw: Callable[..., Any], own: SpanContext, count: int) -> ReadableSpan:
        above = draw(st.none() | st.integers(1, count + 1))
        status = Status(StatusCode.ERROR)
        vars(status)["_description"] = draw(NAMES)
        span = ReadableSpan(
            name=draw(NAMES),
            context=own,
            parent=None if above is None else context(own.trace_id * 10 + above, own.trace_id),
            resource=RESOURCE,
            attributes=draw(PLANTED),
            events=[Event(name, {}, time) for name, _, time in draw(st.lists(EVENT, max_size=2))],
            status=status,
            start_time=draw(TIMES),
            end_time=draw(TIMES),
        )
        for event in span.events:
            vars(event)["_attributes"] = draw(PLANTED)
        return span

    def giants(self) -> Iterator[Callable[[], None]]:
        """What gives one trace each, large in its own way."""
        size = MEGABYTES << 20
        for key in ("gen_ai.input.messages", "mine"):
            for value in ("<" * size, "\U0001f600" * size, b"\xff" * size, ("\ud800" * 1_000,) * (size // 1_000)):
                yield partial(self.nested, 3, {**CHAT, key: value})
        many = ({"a": ("b",) * 1_000},) * 1_000
        yield partial(self.nested, 3, {**CHAT, "mine": many, "gen_ai.tool.definitions": many})
        choices = [{"role": "assistant", "parts": [{"type": "text", "content": "x" * 600}]}] * 30_000
        yield partial(self.nested, 1, {**CHAT, "gen_ai.output.messages": json.dumps(choices)})
        yield partial(self.nested, 39, {"mine": '"' * 50_000})
        yield partial(self.nested, 200, {"mine": '"' * 50_000})
        yield partial(self.nested, 400, {**CHAT, "gen_ai.request.model": "\\" * 5_000})
        yield partial(self.wide, MOST_SPANS - 1)

    def nested(self, levels: int, attributes: Mapping[str, Any]) -> None:
        spans = []
        above = None
        for level in range(levels):
            spans.append(self._tracer.start_span(f"level {level}", above, attributes=attributes))
            above = set_span_in_context(spans[-1])
        self._end(spans)

    def wide(self, children: int) -> None:
        root = self._tracer.start_span("wide")
        below = set_span_in_context(root)
        self._end([root, *(self._tracer.start_span(f"child {number}", below) for number in range(children))])

    def _end(self, spans: list[trace.Span]) -> None:
        self.given[trace.format_trace_id(spans[0].get_span_context().trace_id)] += len(spans)
        for span in reversed(spans):
            span.end()


@st.composite
def traces_of(draw: st.DrawFn, spans: Spans) -> None:
    spans.by_sdk(draw)
    spans.planted(draw, 10**18 + len(spans.given))


def _try(call: Callable[..., object], *arguments: object) -> None:
    """The SDK itself raises for some: a trace without them is what it hands on."""
    with suppress(Exception):
        call(*arguments)


def main(examples: int, *, giants: bool) -> None:
    logging.disable(logging.WARNING)  # the SDK's, of which there are thousands
    exporter = WandbSpanExporter(keep="all")
    processor = SimpleSpanProcessor(exporter)
    provider = TracerProvider(id_generator=Counted(), resource=RESOURCE)
    provider.add_span_processor(processor)
    logs = LoggerProvider()
    logs.add_log_record_processor(exporter.log_record_processor)
    spans = Spans(provider.get_tracer("any"), processor, logs)

    @settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=examples,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(traces_of(spans))
    def give(_: None) -> None:
        """They are given while they are drawn: hypothesis would print them."""
        assert len(spans.given) % 4 or exporter.force_flush()  # what waits is bounded in bytes

    give()
    assert exporter.force_flush()
    for give_one in spans.giants() if giants else ():
        give_one()
        exporter.force_flush()  # false: some of these cannot be read, or are larger than the panel takes
    print(json.dumps(spans.given))  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]), giants=GIANTS in sys.argv)
