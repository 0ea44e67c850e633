"""From finished spans to traces: one thread reads and assembles spans, selects, and gives each trace to the sinks."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from otel_wandb._costs.prices import Price
from otel_wandb._process.budget import Budget
from otel_wandb._process.health import Health
from otel_wandb._process.worker import Worker
from otel_wandb._spans.log_records import LogStore
from otel_wandb._spans.size import size_of
from otel_wandb._spans.span import EventRecord, read_span
from otel_wandb._traces.assembly import Limits, Trace, TraceAssembler
from otel_wandb._traces.feedback import Feedback
from otel_wandb._traces.open_spans import OPEN_SPANS
from otel_wandb._traces.read_trace import read_trace
from otel_wandb._traces.selection import Wanted, select
from otel_wandb._traces.sink import Place, Sink

_MOST_SPANS: Final = 50_000  # handed over and not read yet
_MOST_BYTES: Final = 256 << 20
_MOST_BEGUN: Final = 10_000


@dataclass(frozen=True, slots=True)
class Choices:
    """The user's choices: which spans are wanted, and prices."""

    wanted: Wanted
    prices: Mapping[str, Price]


class Pipeline:
    """The inside of the exporter. One for each process."""

    def __init__(
        self, sinks: Sequence[Sink], choices: Choices, limits: Limits, *, health: Health, logs: LogStore
    ) -> None:
        """A later sink is told where the one before it wrote a trace."""
        self._sinks = sinks
        self._logs = logs
        self._choices = choices
        self._health = health
        self._assembler = TraceAssembler(limits, OPEN_SPANS.has)
        self._begun: OrderedDict[str, None] = OrderedDict()  # traces with a written piece, the latest last
        self._waiting = Budget(_MOST_SPANS, _MOST_BYTES)
        self._worker: Worker[Sequence[ReadableSpan] | Feedback] = Worker(
            "otel-wandb-traces", self._take, flush=self._drain, wake=self._tick, due=self._assembler.next_deadline
        )

    def submit(self, spans: Sequence[ReadableSpan]) -> bool:
        """Take spans from any thread; False if too many are waiting already."""
        if not self._waiting.take(len(spans), sum(map(size_of, spans))):
            self._health.drop("queue_full", len(spans), "W&B takes traces more slowly than the program makes them")
            return False
        self._worker.put(spans)
        return True

    def submit_feedback(self, said: Feedback) -> None:
        """Take feedback about a trace, from any thread."""
        self._worker.put(said)

    def flush(self, timeout: float) -> bool:
        """Write everything that was submitted, finished or not; False if that takes longer than `timeout` seconds."""
        deadline = monotonic() + timeout
        return self._worker.flush(timeout) and self._flush_sinks(deadline)

    def close_runs(self, timeout: float) -> bool:
        """Close our open runs when their rows are written. The next trace opens another."""
        for sink in self._sinks:
            sink.close_runs()
        return self._flush_sinks(monotonic() + timeout)

    def close(self, timeout: float) -> bool:
        """Flush, close the runs and end the threads."""
        deadline = monotonic() + timeout
        done = self._worker.stop(timeout)
        if done:
            for sink in reversed(self._sinks):  # the first writes what the others count
                done = sink.close(deadline - monotonic()) and done
        if not done:
            self._health.drop("exit_timeout", self._health.on_the_way, f"W&B took longer than {timeout:.3g} seconds")
            for sink in self._sinks:
                sink.say_late()
        return done

    def _flush_sinks(self, deadline: float) -> bool:
        done = True
        for sink in self._sinks:
            done = sink.flush(deadline - monotonic()) and done
        return done

    def _take(self, item: Sequence[ReadableSpan] | Feedback) -> None:
        if isinstance(item, Feedback):
            for sink in self._sinks:
                sink.write_feedback(item)
        else:
            self._take_spans(item)

    def _take_spans(self, spans: Sequence[ReadableSpan]) -> None:
        sizes = [size_of(span) for span in spans]  # as in `submit`: an ended span does not change
        self._waiting.give_back(len(spans), sum(sizes))
        now = monotonic()
        for span, size in zip(spans, sizes, strict=True):
            try:
                record = read_span(span, self._logs_of(span))
            except Exception as error:  # noqa: BLE001
                self._health.drop("unreadable", 1, type(error).__qualname__)
                continue
            for trace in self._assembler.offer(record, now, size):
                self._write(trace)
        self._count_duplicates()

    def _logs_of(self, span: ReadableSpan) -> tuple[EventRecord, ...]:
        context = span.get_span_context()
        return () if context is None else self._logs.take(context.trace_id, context.span_id)

    def _count_duplicates(self) -> None:
        self._health.duplicated(self._assembler.take_duplicates())

    def _tick(self) -> None:
        for trace in self._assembler.tick(monotonic()):
            self._write(trace)

    def _drain(self) -> None:
        for trace in self._assembler.drain(monotonic()):
            self._write(trace)
        for sink in self._sinks:
            sink.summarise()

    def _write(self, whole: Trace) -> None:
        """Give one trace to the sinks, without what is not wanted."""
        trace = self._selected(whole)
        if trace is None:
            return
        try:
            read = read_trace(trace, self._choices.prices)
        except Exception as error:  # noqa: BLE001
            self._health.drop("unreadable", len(trace.spans), type(error).__qualname__)
            return
        place: Place | None = None
        for sink in self._sinks:
            place = sink.write(read, place)
        if place is not None:
            self._begin(trace.trace_id)

    def _selected(self, whole: Trace) -> Trace | None:
        try:
            trace = whole if self._goes_on(whole) else select(whole, self._choices.wanted)
        except Exception as error:  # noqa: BLE001  # `keep` is the user's
            self._health.drop("keep_failed", len(whole.spans), f"`keep` raised {type(error).__qualname__}")
            return None
        self._health.trimmed(len(whole.spans) - (0 if trace is None else len(trace.spans)))
        return trace

    def _goes_on(self, trace: Trace) -> bool:
        """Whether this is the root of a trace whose calls were written before. It is written whatever it is."""
        return trace.sequence > 0 and trace.trace_id in self._begun and any(s.is_local_root for s in trace.spans)

    def _begin(self, trace_id: str) -> None:
        self._begun[trace_id] = None
        if len(self._begun) > _MOST_BEGUN:
            self._begun.popitem(last=False)
