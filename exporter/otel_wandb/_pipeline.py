"""Makes traces of finished spans, in one thread: reads spans, assembles and selects traces, gives them to the sinks."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final, Generic, TypeVar

from otel_wandb._costs.prices import Price
from otel_wandb._process.budget import Budget
from otel_wandb._process.health import Health
from otel_wandb._process.timed import Timed
from otel_wandb._process.worker import Worker
from otel_wandb._spans.source import Source
from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.assembly import Limits, Trace, TraceAssembler
from otel_wandb._traces.completion import Completion
from otel_wandb._traces.feedback import Feedback
from otel_wandb._traces.ledger import Accounts, Forget, NoAccounts
from otel_wandb._traces.open_spans import OPEN_SPANS
from otel_wandb._traces.read_trace import ReadTrace, read_trace
from otel_wandb._traces.selection import Wanted, select
from otel_wandb._traces.sink import NotNowError, Place, Sink

_MOST_SPANS: Final = 50_000  # submitted and not read yet
_MOST_BYTES: Final = 256 << 20
_MOST_BEGUN: Final = 10_000
_RETRY_SECONDS: Final = 5.0  # before a trace that could not be written is tried again

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Choices:
    """The user's choices: the spans to keep, and prices."""

    wanted: Wanted
    prices: Mapping[str, Price]


class Pipeline(Generic[S]):
    """Writes the spans of one source to sinks. Each process has its own."""

    def __init__(
        self,
        source: Source[S],
        sinks: Sequence[Sink],
        choices: Choices,
        limits: Limits,
        *,
        health: Health,
        accounts: Accounts | None = None,
        timed: Sequence[Timed] = (),
    ) -> None:
        """Each sink gets the place to which the previous sink wrote a trace.

        With `accounts`, spans have positions, and their sender keeps them until they are settled. Then a trace that
        cannot be written now waits, and unfinished traces are not written at the end, because they are sent again.
        """
        self._source = source
        self._sinks = sinks
        self._choices = choices
        self._health = health
        self._is_sent_again = accounts is not None
        self._accounts = accounts or NoAccounts()
        self._limits = limits
        self._timed = timed
        self._completions: deque[tuple[float, Completion]] = deque()  # each with the time at which it is due
        self._held: deque[ReadTrace] = deque()
        self._retry_at: float | None = None
        self._assembler = TraceAssembler(limits, OPEN_SPANS.has)
        self._begun: OrderedDict[str, None] = OrderedDict()  # traces with a written piece, the latest last
        self._waiting = Budget(_MOST_SPANS, _MOST_BYTES)
        self._worker: Worker[Sequence[S] | Feedback | Completion | Forget] = Worker(
            "otel-wandb-traces", self._take, flush=self._drain, wake=self._tick, due=self._due
        )

    @property
    def is_held_up(self) -> bool:
        """Whether a trace waits because it could not be written."""
        return bool(self._held)

    @property
    def waiting(self) -> tuple[int, int]:
        """The number of spans that are not written yet, and their bytes."""
        held = sum(len(read.spans) for read in tuple(self._held))
        spans = self._waiting.items + self._assembler.waiting_spans + held
        return spans, self._waiting.size + self._assembler.waiting_bytes

    def submit(self, spans: Sequence[S]) -> bool:
        """Queue spans; callable from any thread. Returns False if too many are waiting."""
        if not self._waiting.take(len(spans), sum(map(self._source.size_of, spans))):
            return False
        self._worker.put(spans)
        return True

    def complete(self, completion: Completion) -> None:
        """Write missing table rows of a trace from an earlier process; callable from any thread."""
        self._worker.put(completion)

    def forget(self, part: int) -> None:
        """Drop the waiting spans of a part of the source; callable from any thread."""
        self._worker.put(Forget(part))

    def has_emitted(self, trace_id: str, span_id: str) -> bool:
        """Whether a span was emitted. Old spans are forgotten."""
        return self._assembler.has_emitted(trace_id, span_id)

    def remember(self, trace_id: str, span_ids: Iterable[str], missing: Iterable[str]) -> None:
        """Note what an earlier process wrote of a trace. Call this before the first span."""
        self._assembler.remember(trace_id, span_ids, missing, monotonic())
        self._begin(trace_id)

    def put(self, spans: Sequence[S]) -> None:
        """Queue spans without a limit. The caller limits them by `waiting`."""
        self._waiting.add(len(spans), sum(map(self._source.size_of, spans)))
        self._worker.put(spans)

    def submit_feedback(self, said: Feedback) -> None:
        """Queue feedback on a trace; callable from any thread."""
        self._worker.put(said)

    def flush(self, timeout: float) -> bool:
        """Write everything that was submitted. Returns whether that was done within `timeout` seconds.

        Unfinished traces are written too, unless they are sent again.
        """
        deadline = monotonic() + timeout
        return self._worker.flush(timeout) and self._flush_sinks(deadline)

    def close_runs(self, timeout: float) -> bool:
        """Close our open runs when their rows are written. The next trace opens another."""
        for sink in self._sinks:
            sink.close_runs()
        return self._flush_sinks(monotonic() + timeout)

    def close(self, timeout: float) -> bool:
        """Flush, close the runs and end the threads. Returns whether that was done within `timeout` seconds."""
        deadline = monotonic() + timeout
        done = self._worker.stop(timeout)
        if done:
            for sink in reversed(self._sinks):  # the first is last: it writes the counters of the others
                done = sink.close(deadline - monotonic()) and done
        if not done:
            self._health.drop("exit_timeout", self._health.on_the_way, f"W&B took longer than {timeout:.3g} seconds")
            for sink in self._sinks:
                sink.say_late()
        return done

    def abandon(self) -> None:
        """End the threads without writing anything more."""
        self._worker.abandon()
        for sink in self._sinks:
            sink.abandon()

    def _flush_sinks(self, deadline: float) -> bool:
        done = True
        for sink in self._sinks:
            done = sink.flush(deadline - monotonic()) and done
        return done

    def _due(self) -> float | None:
        completion = self._completions[0][0] if self._completions else None
        waiting = [timed.next_deadline() for timed in self._timed]
        times = (self._assembler.next_deadline(), *waiting, self._retry_at, completion)
        return min((time for time in times if time is not None), default=None)

    def _take(self, item: Sequence[S] | Feedback | Completion | Forget) -> None:
        if isinstance(item, Feedback):
            for sink in self._sinks:
                sink.write_feedback(item)
        elif isinstance(item, Completion):
            self._completions.append((monotonic() + self._limits.quiet, item))
        elif isinstance(item, Forget):
            self._forget(item.part)
        else:
            self._take_spans(item)

    def _forget(self, part: int) -> None:
        forgotten = self._assembler.forget(part)
        for read in [read for read in self._held if all(span.is_of(part) for span in read.spans)]:
            self._held.remove(read)
            forgotten += len(read.spans)
        self._health.received(-forgotten)

    def _take_spans(self, spans: Sequence[S]) -> None:
        sizes = [self._source.size_of(span) for span in spans]  # as in `submit`: an ended span does not change
        self._waiting.give_back(len(spans), sum(sizes))
        now = monotonic()
        for span, size in zip(spans, sizes, strict=True):
            try:
                record = self._source.read(span)
            except Exception as error:  # noqa: BLE001
                self._health.drop("unreadable", 1, type(error).__qualname__)
                continue
            for trace in self._assembler.offer(record, now, size):
                self._write(trace)
        self._count_duplicates()

    def _count_duplicates(self) -> None:
        duplicates = self._assembler.take_duplicates()
        self._health.duplicated(len(duplicates))
        self._accounts.settle(duplicates)

    def _tick(self) -> None:
        self._complete()
        self._retry()
        for trace in self._assembler.tick(monotonic()):
            self._write(trace)
        for timed in self._timed:
            timed.tick(monotonic())

    def _drain(self) -> None:
        self._retry()
        now = monotonic()
        for trace in self._assembler.tick(now) if self._is_sent_again else self._assembler.drain(now):
            self._write(trace)
        for sink in self._sinks:
            sink.summarise()

    def _write(self, whole: Trace) -> None:
        """Give the selected spans of one trace to the sinks."""
        spans = self._source.with_late_logs(whole.spans)
        trace = self._selected(whole if spans is whole.spans else replace(whole, spans=spans))
        if trace is None:
            return
        read = self._read(trace)
        if read is None:
            return
        if self._held:  # traces are written in order
            self._held.append(read)
        else:
            self._give(read)

    def _give(self, read: ReadTrace) -> None:
        place: Place | None = None
        try:
            for sink in self._sinks:
                place = sink.write(read, place)
        except NotNowError:
            self._held.append(read)
            self._retry_at = monotonic() + _RETRY_SECONDS
            return
        if place is not None:
            self._begin(read.trace.trace_id)

    def _complete(self) -> None:
        """Write the completions that have waited long enough for their log records."""
        while self._completions and self._completions[0][0] <= monotonic():
            _, found = self._completions.popleft()
            trace = replace(found.trace, spans=self._source.with_late_logs(found.trace.spans))
            read = self._read(trace)
            if read is None:
                continue
            try:
                for sink in self._sinks:
                    sink.complete(read, found)
            except NotNowError:
                self._completions.appendleft((monotonic() + _RETRY_SECONDS, replace(found, trace=trace)))

    def _retry(self) -> None:
        """Try to write held traces again, if it is time for that."""
        if self._retry_at is None or monotonic() < self._retry_at:
            return
        held, self._held, self._retry_at = self._held, deque(), None
        while held and self._retry_at is None:
            self._give(held.popleft())
        self._held += held

    def _read(self, trace: Trace) -> ReadTrace | None:
        try:
            return read_trace(trace, self._choices.prices)
        except Exception as error:  # noqa: BLE001
            self._drop("unreadable", trace.spans, type(error).__qualname__)
            return None

    def _drop(self, cause: str, spans: Sequence[SpanRecord], why: str) -> None:
        self._health.drop(cause, len(spans), why)
        self._accounts.settle(spans)

    def _selected(self, whole: Trace) -> Trace | None:
        try:
            trace = whole if self._goes_on(whole) else select(whole, self._choices.wanted)
        except Exception as error:  # noqa: BLE001  # `keep` is the user's function
            self._drop("keep_failed", whole.spans, f"`keep` raised {type(error).__qualname__}")
            return None
        if trace is not whole:
            kept = set() if trace is None else {span.span_id for span in trace.spans}
            trimmed = [span for span in whole.spans if span.span_id not in kept]
            self._health.trimmed(len(trimmed))
            self._accounts.settle(trimmed)
        return trace

    def _goes_on(self, trace: Trace) -> bool:
        """Whether this has the root of a trace whose calls are written already. The root is then always written."""
        return trace.sequence > 0 and trace.trace_id in self._begun and any(s.is_local_root for s in trace.spans)

    def _begin(self, trace_id: str) -> None:
        self._begun[trace_id] = None
        if len(self._begun) > _MOST_BEGUN:
            self._begun.popitem(last=False)
