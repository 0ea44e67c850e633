"""Assembles spans into traces: a pure state machine. Time is an argument, and it does no IO.

A trace has no end mark. Children end before their parents and may come in other batches. A parent may be remote or
unsampled, or may never end. A full batch processor drops the oldest spans, so a trace with a root may still be
incomplete. The rules, as in Refinery and the collector's tail sampler:

- if the local root has come and no parent is missing, wait `quiet` seconds for spans that end after it, then emit;
- else emit when nothing came for `idle` seconds, or when the trace is `max_age` old, flagged incomplete;
- while a span of the trace is known to be open in this process, wait longer, up to `max_age`;
- beyond `max_spans` of one trace, or `max_waiting` spans or `max_bytes` in all, emit early, flagged incomplete;
- a span that comes after its trace was emitted makes a supplement with the next sequence number, never a rewrite;
- each local root with the spans below it is a trace of its own, because one distributed trace may call a service
  several times.

Every span that is offered is emitted in exactly one trace, counted as a duplicate, or still waiting.
"""

import enum
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.emitted import EmittedTraces


class Reason(enum.Enum):
    """Why a trace was emitted."""

    ROOT = "root"
    IDLE = "idle"
    MAX_AGE = "max_age"
    MAX_SPANS = "max_spans"
    MEMORY = "memory"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in spans, traces or bytes."""

    quiet: float = 1.0
    idle: float = 30.0
    max_age: float = 600.0
    max_spans: int = 10_000
    max_waiting: int = 100_000
    max_bytes: int = 256 << 20
    remembered: int = 10_000
    remembered_spans: int = 300_000
    remember_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Trace:
    """A local root with the spans below it, or spans without their root. In the order of their starts.

    `sequence` is 0. For a supplement it is the number of pieces of the trace that were emitted before.
    """

    trace_id: str
    sequence: int
    reason: Reason
    spans: tuple[SpanRecord, ...]
    missing_parents: int

    @property
    def is_complete(self) -> bool:
        """Whether the root and all parents are in it. A missing leaf cannot be detected."""
        return (
            self.sequence == 0 and self.missing_parents == 0 and self.reason in (Reason.ROOT, Reason.SHUTDOWN)
        ) and any(span.is_local_root for span in self.spans)


@dataclass(slots=True)
class _Waiting:
    first: float
    last: float
    spans: dict[str, SpanRecord] = field(default_factory=dict)
    has_root: bool = False
    missing: set[str] = field(default_factory=set)
    size: int = 0
    was_open: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether a root has come and no parent is missing."""
        return self.has_root and not self.missing

    def deadline(self, limits: Limits) -> float:
        wait = limits.quiet if self.is_whole else limits.idle
        return min(self.last + wait, self.first + limits.max_age)


class TraceAssembler:
    """Assembles traces, for one thread. Times are seconds of a monotonic clock, passed by the caller."""

    def __init__(self, limits: Limits | None = None, is_open: Callable[[str], bool] = lambda _: False) -> None:
        """`is_open(trace_id)` returns whether a span of the trace has started in this process and not ended."""
        self._limits = limits or Limits()
        self._is_open = is_open
        self._waiting: dict[str, _Waiting] = {}
        self._emitted = EmittedTraces(
            traces=self._limits.remembered,
            spans=self._limits.remembered_spans,
            seconds=self._limits.remember_seconds,
        )
        # A heap. An entry is outdated unless it is the present deadline of its trace.
        self._deadlines: list[tuple[float, str]] = []
        self._spans = 0
        self._bytes = 0
        self._duplicates: list[SpanRecord] = []

    @property
    def waiting_spans(self) -> int:
        """The number of waiting spans."""
        return self._spans

    @property
    def waiting_bytes(self) -> int:
        """The bytes of waiting spans, as passed to `offer`."""
        return self._bytes

    def take_duplicates(self) -> Sequence[SpanRecord]:
        """Remove and return the duplicate spans since the last call."""
        if not self._duplicates:
            return ()
        found, self._duplicates = self._duplicates, []
        return found

    def has_emitted(self, trace_id: str, span_id: str) -> bool:
        """Whether a span was emitted. Old ones are forgotten. May be called from any thread."""
        return span_id in self._emitted.of(trace_id).span_ids

    def remember(self, trace_id: str, span_ids: Iterable[str], missing: Iterable[str], now: float) -> None:
        """Note spans as emitted by an earlier process, as one piece of their trace that lacks the parents `missing`."""
        self._emitted.add(trace_id, span_ids, missing, pieces=1, now=now)

    def offer(self, span: SpanRecord, now: float, size: int = 0) -> list[Trace]:
        """Add a span of `size` bytes. Returns the traces that are emitted early because of a limit."""
        emitted = self._emitted.of(span.trace_id).span_ids
        trace = self._waiting.get(span.trace_id)
        if span.span_id in emitted or (trace is not None and span.span_id in trace.spans):
            self._duplicates.append(span)
            return []
        if trace is None:
            trace = self._waiting[span.trace_id] = _Waiting(now, now)
        trace.size += size
        self._bytes += size
        self._add(trace, span, now, emitted)
        return list(self._over_limit(span.trace_id, trace, now))

    def tick(self, now: float) -> list[Trace]:
        """Remove and return the traces that are finished, or too old, at `now`."""
        emitted = []
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, trace_id = heapq.heappop(self._deadlines)
            trace = self._waiting.get(trace_id)
            if trace is None or trace.deadline(self._limits) != deadline:
                continue
            was_open, trace.was_open = trace.was_open, self._is_open(trace_id)
            # A span that has just ended may still be in the queue of a batch processor, so the trace waits for it too.
            is_expected = trace.was_open or (was_open and not trace.is_whole)
            if now < trace.first + self._limits.max_age and is_expected:
                trace.last = now
                self._schedule(trace_id, trace)
            else:
                emitted += self._emit(trace_id, self._reason(trace, now), now)
        self._emitted.forget(now)
        return emitted

    def next_deadline(self) -> float | None:
        """The time of the next call of `tick`; None while nothing waits."""
        return self._deadlines[0][0] if self._deadlines else None

    def forget(self, part: int) -> int:
        """Drop the waiting spans of a part of the source. Returns their number."""
        before = self._spans
        for trace_id, trace in list(self._waiting.items()):
            rest = [span for span in trace.spans.values() if not span.is_of(part)]
            if len(rest) < len(trace.spans):
                self._keep(trace_id, trace, rest)
        return before - self._spans

    def drain(self, now: float) -> list[Trace]:
        """Remove and return all waiting traces."""
        return [trace for trace_id in list(self._waiting) for trace in self._emit(trace_id, Reason.SHUTDOWN, now)]

    def _keep(self, trace_id: str, trace: _Waiting, rest: Sequence[SpanRecord]) -> None:
        """Keep the spans `rest` of a trace; remove the trace if there are none."""
        self._spans -= len(trace.spans)
        self._bytes -= trace.size
        del self._waiting[trace_id]
        if not rest:
            return
        kept = self._waiting[trace_id] = _Waiting(trace.first, trace.last)
        kept.size = trace.size * len(rest) // len(trace.spans)
        self._bytes += kept.size
        emitted = self._emitted.of(trace_id).span_ids
        for span in rest:
            self._add(kept, span, trace.last, emitted)

    def _add(self, trace: _Waiting, span: SpanRecord, now: float, emitted: frozenset[str]) -> None:
        trace.spans[span.span_id] = span
        trace.last = now
        self._spans += 1
        trace.missing.discard(span.span_id)
        if span.is_local_root:
            trace.has_root = True
        elif span.parent_id is not None and span.parent_id not in trace.spans and span.parent_id not in emitted:
            trace.missing.add(span.parent_id)
        elif span.parent_id in emitted:
            trace.has_root = True  # the span above was emitted, so no other root will come
        self._schedule(span.trace_id, trace)

    def _schedule(self, trace_id: str, trace: _Waiting) -> None:
        heapq.heappush(self._deadlines, (trace.deadline(self._limits), trace_id))
        if len(self._deadlines) > 4 * len(self._waiting) + 1_000:
            self._deadlines = [(waiting.deadline(self._limits), key) for key, waiting in self._waiting.items()]
            heapq.heapify(self._deadlines)

    def _over_limit(self, trace_id: str, trace: _Waiting, now: float) -> Iterator[Trace]:
        if len(trace.spans) >= self._limits.max_spans:
            yield from self._emit(trace_id, Reason.MAX_SPANS, now)
        while self._spans > self._limits.max_waiting or self._bytes > self._limits.max_bytes:
            yield from self._emit(self._nearest(), Reason.MEMORY, now)

    def _nearest(self) -> str:
        """The id of the trace with the nearest deadline, which is the least likely to grow."""
        while True:
            deadline, trace_id = heapq.heappop(self._deadlines)
            trace = self._waiting.get(trace_id)
            if trace is not None and trace.deadline(self._limits) == deadline:
                return trace_id

    def _reason(self, trace: _Waiting, now: float) -> Reason:
        if now >= trace.first + self._limits.max_age:
            return Reason.MAX_AGE
        return Reason.ROOT if trace.is_whole else Reason.IDLE

    def _emit(self, trace_id: str, reason: Reason, now: float) -> list[Trace]:
        trace = self._waiting.pop(trace_id)
        self._spans -= len(trace.spans)
        self._bytes -= trace.size
        before = self._emitted.of(trace_id)
        emitted: list[Trace] = []
        for root, spans in _groups(trace.spans):
            is_new = root is not None and before.missing.isdisjoint(span.span_id for span in spans)
            sequence = 0 if is_new else before.pieces + len(emitted)
            count = 0 if root is not None else len(trace.missing)
            emitted.append(Trace(trace_id, sequence, reason, spans, count))
        self._emitted.add(trace_id, trace.spans, trace.missing, pieces=len(emitted), now=now)
        return emitted


def _groups(spans: Mapping[str, SpanRecord]) -> list[tuple[SpanRecord | None, tuple[SpanRecord, ...]]]:
    """Each local root with the spans below it, and None with the spans whose root is not among `spans`.

    A remote parent that is among `spans`, as when a service calls itself, counts as a parent.
    """
    tops: dict[str, str] = {}
    groups: dict[str, list[SpanRecord]] = {}
    for span in sorted(spans.values(), key=lambda span: (span.start_ns, -span.end_ns)):
        top = spans[_top(span, spans, tops)]
        groups.setdefault(top.span_id if top.is_local_root else "", []).append(span)
    return [(spans[top] if top else None, tuple(found)) for top, found in groups.items()]


def _top(span: SpanRecord, spans: Mapping[str, SpanRecord], tops: dict[str, str]) -> str:
    """The id of the highest known span above `span`. In a cycle of parents, one of them is taken."""
    path = [span.span_id]
    seen = set(path)
    while (parent := span.parent_id or "") in spans and parent not in seen and path[-1] not in tops:
        span = spans[parent]
        path.append(span.span_id)
        seen.add(span.span_id)
    top = tops.get(path[-1], path[-1])
    for span_id in path:
        tops[span_id] = top
    return top
