"""From finished spans to rows of a run: one thread reads, assembles and logs traces, another writes tables."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import get_tracer_provider

from otel_wandb._costs.billing import bill_of
from otel_wandb._costs.prices import Price
from otel_wandb._process.budget import Budget
from otel_wandb._process.health import Health
from otel_wandb._process.worker import Worker
from otel_wandb._records.history import history_row
from otel_wandb._records.tables import FEEDBACK, FeedbackSource, TraceSource, table_rows
from otel_wandb._records.tree_json import fitting_tree
from otel_wandb._runs.destination import MOST_TRACES, Destination, NoRunError, described
from otel_wandb._runs.opening import DisabledError
from otel_wandb._runs.run import DiskFullError, OpenRun
from otel_wandb._runs.table_writer import TableWriter
from otel_wandb._settings import Settings
from otel_wandb._spans.log_records import LogStore
from otel_wandb._spans.size import size_of
from otel_wandb._spans.span import EventRecord, read_span
from otel_wandb._traces.assembly import Limits, Trace, TraceAssembler
from otel_wandb._traces.open_spans import OPEN_SPANS
from otel_wandb._traces.routes import Route, route_of
from otel_wandb._traces.selection import Wanted, select

log: Final = logging.getLogger(__name__)

_MOST_SPANS: Final = 50_000  # handed over and not read yet
_MOST_BYTES: Final = 256 << 20
# Each is a run: one open file in this process, three in wandb's, and a few requests a second to W&B.
_MOST_DESTINATIONS: Final = 100
_MOST_BEGUN: Final = 10_000

OpenRunFor = Callable[[Route, Mapping[str, Any], int], OpenRun]
"""`open_run(route, resource, number)`."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The user's choices: which spans are wanted, the project of traces that name none (None for one run), prices."""

    wanted: Wanted
    route: Route | None
    prices: Mapping[str, Price]
    most_traces: int = MOST_TRACES


class Pipeline:
    """The inside of the exporter. One for each process."""

    def __init__(
        self,
        open_run: OpenRunFor,
        choices: Choices,
        settings: Settings,
        *,
        health: Health,
        logs: LogStore,
    ) -> None:
        self._open_run = open_run
        self._said_disabled = False
        self._logs = logs
        self._choices = choices
        self._health = health
        limits = Limits(quiet=settings.quiet, idle=settings.idle, max_age=settings.max_age)
        self._assembler = TraceAssembler(limits, OPEN_SPANS.has)
        self._begun: OrderedDict[str, None] = OrderedDict()  # traces with a written piece, the latest last
        self._destinations: OrderedDict[Route, Destination] = OrderedDict()  # the latest used last
        self._open: tuple[Destination, ...] = ()  # the same for other threads: replaced, never changed
        self._runs_of: dict[Route, int] = {}  # how many runs a route had before its destination was given up
        self._waiting = Budget(_MOST_SPANS, _MOST_BYTES)
        self._tables = TableWriter(settings.table_interval, health)
        self._worker: Worker[Sequence[ReadableSpan] | FeedbackSource] = Worker(
            "otel-wandb-traces", self._take, flush=self._drain, wake=self._tick, due=self._assembler.next_deadline
        )

    @property
    def runs(self) -> Sequence[OpenRun]:
        """The runs that are open."""
        return [run for destination in self._open if (run := destination.run) is not None]

    def submit(self, spans: Sequence[ReadableSpan]) -> bool:
        """Take spans from any thread; False if too many are waiting already."""
        if not self._waiting.take(len(spans), sum(map(size_of, spans))):
            self._health.drop("queue_full", len(spans), "W&B takes traces more slowly than the program makes them")
            return False
        self._worker.put(spans)
        return True

    def submit_feedback(self, said: FeedbackSource) -> None:
        """Take feedback about a trace, from any thread."""
        self._worker.put(said)

    def flush(self, timeout: float) -> bool:
        """Write everything that was submitted, finished or not; False if that takes longer than `timeout` seconds."""
        deadline = monotonic() + timeout
        return self._worker.flush(timeout) and self._tables.flush(deadline - monotonic())

    def close_runs(self, timeout: float) -> bool:
        """Close our open runs when their rows are written. The next trace opens another."""
        self._close([run for destination in self._open if (run := destination.given_up())])
        return self._tables.flush(timeout)

    def close(self, timeout: float) -> bool:
        """Flush, close the runs and end the threads."""
        deadline = monotonic() + timeout
        done = self._worker.stop(timeout)
        if done:
            self._close(self.runs)
            done = self._tables.stop(deadline - monotonic())
        if not done:
            self._health.drop("exit_timeout", self._health.on_the_way, f"W&B took longer than {timeout:.3g} seconds")
            for run in self.runs:
                log.warning("W&B did not take everything in time: %s", run.whereabouts)
        return done

    def _close(self, runs: Sequence[OpenRun]) -> None:
        for run in runs:
            self._tables.close_run(run)

    def _take(self, item: Sequence[ReadableSpan] | FeedbackSource) -> None:
        if isinstance(item, FeedbackSource):
            self._add_feedback(item)
        else:
            self._take_spans(item)

    def _add_feedback(self, said: FeedbackSource) -> None:
        destination = self._destination(self._choices.route or Route())
        try:
            run = destination.opened(_resource_of_the_program())
        except DisabledError as error:
            self._say_disabled(error)
            return
        except NoRunError as error:
            self._health.drop_rows("no_run", 1, error)
            return
        run.note_feedback(said)
        self._tables.add(destination, run, {FEEDBACK: [FEEDBACK.row(said)]})

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
                self._log(trace)
        self._count_duplicates()

    def _logs_of(self, span: ReadableSpan) -> tuple[EventRecord, ...]:
        context = span.get_span_context()
        return () if context is None else self._logs.take(context.trace_id, context.span_id)

    def _count_duplicates(self) -> None:
        self._health.duplicated(self._assembler.take_duplicates())

    def _tick(self) -> None:
        for trace in self._assembler.tick(monotonic()):
            self._log(trace)

    def _drain(self) -> None:
        for trace in self._assembler.drain(monotonic()):
            self._log(trace)
        for run in self.runs:
            run.summarise(self._health.summary())

    def _log(self, whole: Trace) -> None:
        """Write one trace: the history row at once, the rows of tables later."""
        try:
            trace = whole if self._goes_on(whole) else select(whole, self._choices.wanted)
            self._health.trimmed(len(whole.spans) - (0 if trace is None else len(trace.spans)))
        except Exception as error:  # noqa: BLE001  # `keep` is the user's
            self._health.drop("keep_failed", len(whole.spans), f"`keep` raised {type(error).__qualname__}")
            return
        if trace is None:
            return
        try:
            self._write(trace)
        except DisabledError as error:
            self._health.trimmed(len(trace.spans))
            self._say_disabled(error)
        except NoRunError as error:
            self._health.drop("no_run", len(trace.spans), error)
        except DiskFullError as error:
            self._health.drop("disk_full", len(trace.spans), error)
        except Exception as error:  # noqa: BLE001
            self._health.drop("log_failed", len(trace.spans), described(error))

    def _goes_on(self, trace: Trace) -> bool:
        """Whether this is the root of a trace whose calls were written before. It is written whatever it is."""
        return trace.sequence > 0 and trace.trace_id in self._begun and any(s.is_local_root for s in trace.spans)

    def _begin(self, trace_id: str) -> None:
        self._begun[trace_id] = None
        if len(self._begun) > _MOST_BEGUN:
            self._begun.popitem(last=False)

    def _say_disabled(self, error: DisabledError) -> None:
        if not self._said_disabled:
            self._said_disabled = True
            log.info("%s", error)

    def _write(self, trace: Trace) -> None:
        given = self._choices.route
        destination = self._destination(Route() if given is None else route_of(trace.spans, given))
        destination.opened(trace.spans[0].resource)
        tree, text = fitting_tree(trace)
        bills = [bill_of(call, self._choices.prices, span.start_ns) for span, call in tree.calls]
        source = TraceSource(trace, tree, bills)
        run = destination.log(text, history_row(trace, tree, bills), source)
        self._begin(trace.trace_id)
        self._health.logged(len(trace.spans) - tree.left_out)
        self._health.drop(
            "too_large", tree.left_out, "a trace has more than W&B's panel takes; the calls are in `stats`"
        )
        self._tables.add(destination, run, table_rows(source, run.id))
        if destination.is_full and (full := destination.given_up()):
            self._tables.close_run(full)

    def _destination(self, route: Route) -> Destination:
        destination = self._destinations.get(route)
        if destination is None:
            while len(self._destinations) >= _MOST_DESTINATIONS:
                old, oldest = self._destinations.popitem(last=False)
                self._runs_of[old] = oldest.opened_runs
                if oldest.run is not None:
                    self._tables.close_run(oldest.run)
            opened = self._runs_of.get(route, 0)
            destination = Destination(partial(self._open_run, route), self._choices.most_traces, opened)
            self._destinations[route] = destination
            self._open = tuple(self._destinations.values())
        self._destinations.move_to_end(route)
        return destination


def _resource_of_the_program() -> Mapping[str, Any]:
    """The resource of the global provider, for a run that is opened before a trace has come."""
    resource = getattr(get_tracer_provider(), "resource", None)
    return getattr(resource, "attributes", None) or {}
