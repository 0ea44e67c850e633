"""Measures many traces: the CPU of the exporter's threads, the time of `export()`, and the memory."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, TraceFlags

from otel_wandb import WandbSpanExporter
from tests.exporter.spans import MILLISECOND, START, chat_attributes

BLOCK: Final = 100  # traces between two flushes
SPANS: Final = 3  # in each trace


@dataclass(frozen=True, slots=True)
class Block:
    """The results of `BLOCK` traces: microseconds of the exporter's threads per trace, and of `export()` per span."""

    traces: int
    cpu: float
    export: float
    megabytes: float


def spans_of(number: int) -> Sequence[ReadableSpan]:
    """A chain and two calls below it."""
    contexts = [
        SpanContext(number + 1, (number + 1) * SPANS + place, is_remote=False, trace_flags=TraceFlags(1))
        for place in range(SPANS)
    ]
    resource = Resource({"service.name": "benchmark"})
    return [
        ReadableSpan(
            name="chat gpt-3.5-turbo" if place else "chain",
            context=own,
            parent=contexts[0] if place else None,
            resource=resource,
            attributes=BoundedAttributes(attributes=chat_attributes(f"question {number} " * 20) if place else {}),
            start_time=START + number * MILLISECOND,
            end_time=START + (number + 9) * MILLISECOND,
        )
        for place, own in reversed(list(enumerate(contexts)))
    ]


def measure_volume(count: int) -> Iterator[Block]:
    """Export `count` traces, span by span as a SimpleSpanProcessor does."""
    exporter = WandbSpanExporter(project="benchmark")
    for done in range(0, count, BLOCK):
        made = [spans_of(number) for number in range(done, done + BLOCK)]
        waits = []
        ours, all_threads = time.thread_time(), time.process_time()
        for spans in made:
            for span in spans:
                start = time.perf_counter()
                exporter.export((span,))
                waits.append(time.perf_counter() - start)
        assert exporter.force_flush(60_000)
        cpu = (time.process_time() - all_threads) - (time.thread_time() - ours)
        yield Block(done + BLOCK, cpu / BLOCK * 1e6, median(waits) * 1e6, megabytes())
    exporter.shutdown()


def megabytes() -> float:
    """The resident memory of this process in MB."""
    with open("/proc/self/statm", encoding="ascii") as pages:
        return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def report(blocks: Sequence[Block]) -> list[str]:
    """The results early and late, as lines.

    Early begins with the second block, because the first one opens the run. Late is around the 10,000th trace.
    """
    some = max(1, min(10, len(blocks) // 4))
    early, late = blocks[1 : 1 + some], blocks[: 10_000 // BLOCK][-some:]
    first, last = median(block.cpu for block in early), median(block.cpu for block in late)
    grown = blocks[-1].megabytes - early[-1].megabytes
    places = (
        f"{first:.0f} us of the exporter's CPU at trace {early[0].traces}, {last:.0f} us at trace {late[-1].traces}"
    )
    return [
        f"a trace costs {places}: ratio {last / first:.2f}",
        f"export() takes {median(block.export for block in blocks):.1f} us a span",
        f"memory grows by {grown:.1f} MB from trace {early[-1].traces} to trace {blocks[-1].traces}",
    ]
