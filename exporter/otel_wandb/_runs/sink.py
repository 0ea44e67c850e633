"""The sink that writes to W&B runs: for each trace a history row at once, and table rows later."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from opentelemetry.trace import get_tracer_provider

from otel_wandb._process.health import Health
from otel_wandb._records.history import history_row
from otel_wandb._records.pieces import Pieces, WholeRow
from otel_wandb._records.table import Row
from otel_wandb._records.tables import FEEDBACK, STATS, TRACES, table_rows
from otel_wandb._records.tree_json import fitting_tree
from otel_wandb._runs.delivery import Delivery
from otel_wandb._runs.destination import Destination, NoRunError, RunLostError, described
from otel_wandb._runs.opening import DisabledError
from otel_wandb._runs.run import DiskFullError, JournalError, OpenRun
from otel_wandb._runs.table_writer import TableWriter
from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.assembly import Trace
from otel_wandb._traces.completion import Completion
from otel_wandb._traces.feedback import Feedback
from otel_wandb._traces.read_trace import ReadTrace
from otel_wandb._traces.routes import Route, route_of
from otel_wandb._traces.sink import NotNowError, Place

log: Final = logging.getLogger(__name__)

# Each has an open run: one file in this process, three in wandb's, and a few requests to W&B per second.
_MOST_DESTINATIONS: Final = 100
_MOST_PIECES: Final = 500  # traces that wait for their root; each has a row of up to 40 kB
_PIECE_SECONDS: Final = 600.0  # the time that they wait

T = TypeVar("T")

OpenRunFor = Callable[[Route, Mapping[str, Any], int], OpenRun]
"""`open_run(route, resource, number)` opens the run of a route with that number, counted from 1."""


class RunSink:
    """Writes each trace to the run of its project. Opens runs, and closes our own ones."""

    def __init__(
        self,
        open_run: OpenRunFor,
        route: Route | None,
        health: Health,
        *,
        table_interval: float,
        piece_seconds: float = _PIECE_SECONDS,
        has_calls_in_weave: bool = False,
        delivery: Delivery | None = None,
    ) -> None:
        """`route` is the project of traces that name none. With None, all traces go to one run.

        The row of a trace waits `piece_seconds` for a root that comes after its calls.
        With `has_calls_in_weave`, table rows have the addresses of their spans in Weave. `delivery` is for spans with
        positions: a trace that can be written later is not dropped.
        """
        self._delivery = delivery
        self._rotation = None if delivery is None else delivery.rotation
        self._open_run = open_run
        self._route = route
        self._health = health
        self._has_calls_in_weave = has_calls_in_weave
        self._piece_seconds = piece_seconds
        self._said_disabled = False
        self._destinations: OrderedDict[Route, Destination] = OrderedDict()  # the most recently used is last
        self._open: tuple[Destination, ...] = ()  # a copy for other threads, which is replaced and never changed
        self._runs_of: dict[Route, int] = {}  # number of runs of a route whose destination was removed
        self._tables = TableWriter(table_interval, health, delivery)
        self._pieces: WeakKeyDictionary[Destination, Pieces] = WeakKeyDictionary()

    @property
    def runs(self) -> Sequence[OpenRun]:
        """The open runs."""
        return [run for destination in self._open if (run := destination.run) is not None]

    def write(self, read: ReadTrace, place: Place | None = None) -> Place | None:  # noqa: ARG002
        """Write a trace, and count its spans as logged or dropped. Returns its place, or None if it was not written.

        Raises NotNowError if it can be written later, because the sender keeps its spans until then.
        """
        return self._tried(read.trace.spans, partial(self._write, read))

    def complete(self, read: ReadTrace, completion: Completion) -> None:
        """Write the missing table rows of a trace. Its timeline and its journal record are written already.

        Raises NotNowError if they can be written later.
        """
        self._tried(read.trace.spans, partial(self._complete, read, completion))

    def write_feedback(self, said: Feedback) -> None:
        """Write feedback to the run of traces that name no project."""
        destination = self._destination(self._route or Route())
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

    def summarise(self) -> None:
        """Write the rows of `traces` that wait for a root, and the counters to the summaries of the open runs."""
        for destination in self._open:
            self._write_pieces(destination)
        for run in self.runs:
            run.summarise(self._health.summary())

    def next_deadline(self) -> float | None:
        """See `Timed`."""
        opened = [destination for destination in self._open if destination.run is not None]
        waiting = [self._pieces_of(destination).next_deadline() for destination in opened]
        full = [] if self._delivery is None else [destination.full_at for destination in opened]
        return min((time for time in (*waiting, *full) if time is not None), default=None)

    def tick(self, now: float) -> None:
        """Write rows that have waited long enough. With a `delivery`, close full runs also if no trace comes."""
        for destination in self._open:
            run = destination.run
            if run is not None:
                self._add_rows(destination, run, (), list(self._pieces_of(destination).due(now)))
            if self._delivery is not None:
                self._close_if_full(destination)

    def flush(self, timeout: float) -> bool:
        """Write all table rows. Returns whether that was done within `timeout` seconds."""
        return self._tables.flush(timeout) and (self._delivery is None or self._delivery.flush(timeout))

    def close_runs(self) -> None:
        """Close our open runs when their rows are written. The next trace opens another."""
        for destination in self._open:
            if (run := destination.given_up()) is not None:
                self._tables.close_run(run)

    def close(self, timeout: float) -> bool:
        """Write all rows, and close the runs. Returns whether that was done within `timeout` seconds."""
        for run in self.runs:
            self._tables.close_run(run)
        deadline = monotonic() + timeout
        done = self._tables.stop(timeout)
        return done if self._delivery is None else self._delivery.stop(deadline - monotonic()) and done

    def abandon(self) -> None:
        """End without writing anything more. The runs stay as they are."""
        self._tables.abandon()
        if self._delivery is not None:
            self._delivery.abandon()
        for run in self.runs:
            run.abandon()

    def say_late(self) -> None:
        """Log where the data of runs is that W&B did not take in time."""
        for run in self.runs:
            log.warning("W&B did not take everything in time: %s", run.whereabouts)

    def _tried(self, spans: Sequence[SpanRecord], write: Callable[[], T]) -> T | None:
        """The result of `write`. If it fails, the spans are counted as dropped, or wait, and the result is None."""
        try:
            return write()
        except DisabledError as error:
            self._health.trimmed(len(spans))
            self._say_disabled(error)
        except NoRunError as error:
            self._drop_or_hold("no_run", spans, error)
        except (DiskFullError, JournalError) as error:
            self._drop_or_hold("disk_full", spans, error)
        except RunLostError as error:
            self._drop_or_hold("run_lost", spans, error)
        except Exception as error:  # noqa: BLE001
            self._health.drop("log_failed", len(spans), described(error))
        if self._delivery is not None:
            self._delivery.settle(spans)
        return None

    def _write(self, read: ReadTrace) -> Place:
        spans = read.trace.spans
        destination = self._destination(self._route_of(spans))
        destination.opened(spans[0].resource)
        tree, text = fitting_tree(read)
        run = destination.log(text, history_row(tree), read)
        self._health.logged(len(spans) - tree.left_out)
        self._health.drop(
            "too_large", tree.left_out, "a trace has more than W&B's panel takes; the calls are in `stats`"
        )
        weave_url = run.call_url if self._has_calls_in_weave else _no_url
        rows = table_rows(tree, run.id, weave_url)
        self._begin(spans)
        self._add_rows(destination, run, rows[STATS], self._whole(destination, read.trace, rows[TRACES]))
        place = run.place
        self._close_if_full(destination)
        return place

    def _complete(self, read: ReadTrace, completion: Completion) -> None:
        spans = read.trace.spans
        destination = self._destination(self._route_of(spans))
        run = destination.opened(spans[0].resource)
        rows = table_rows(fitting_tree(read)[0], run.id, _no_url)
        calls = [
            row for row, (span, _) in zip(rows[STATS], read.calls, strict=True) if span.span_id not in completion.calls
        ]
        self._begin(spans)
        if completion.has_row:
            self._tables.add(destination, run, {STATS: calls}, spans)
        else:
            self._add_rows(destination, run, calls, self._whole(destination, read.trace, rows[TRACES]))
        self._health.logged(len(spans))

    def _begin(self, spans: Sequence[SpanRecord]) -> None:
        if self._delivery is not None:
            self._delivery.begun(spans)

    def _route_of(self, spans: Sequence[SpanRecord]) -> Route:
        return Route() if self._route is None else route_of(spans, self._route)

    def _whole(self, destination: Destination, trace: Trace, rows: Sequence[Row]) -> Sequence[WholeRow]:
        """The rows of `traces` that can be written now. A trace in pieces gets one row, when its root has come."""
        spans = () if self._delivery is None else trace.spans
        pieces = self._pieces_of(destination)
        return [whole for row in rows for whole in pieces.add(trace, row, spans, monotonic())]

    def _pieces_of(self, destination: Destination) -> Pieces:
        pieces = self._pieces.get(destination)
        if pieces is None:
            pieces = self._pieces[destination] = Pieces(_MOST_PIECES, self._piece_seconds)
        return pieces

    def _write_pieces(self, destination: Destination) -> None:
        """Write the rows of all traces that still wait for their root."""
        run = destination.run
        if run is not None:
            self._add_rows(destination, run, (), list(self._pieces_of(destination).drain()))

    def _add_rows(
        self, destination: Destination, run: OpenRun, calls: Sequence[Row], whole: Sequence[WholeRow]
    ) -> None:
        """Write rows of `stats` and of `traces`. The spans of a trace are written when its row of `traces` is."""
        if calls or whole:
            spans = [span for found in whole for span in found.spans]
            self._tables.add(destination, run, {STATS: calls, TRACES: [found.row for found in whole]}, spans)

    def _close_if_full(self, destination: Destination) -> None:
        if destination.is_full:
            self._write_pieces(destination)
            if (full := destination.given_up()) is not None:
                self._tables.close_run(full)

    def _drop_or_hold(self, cause: str, spans: Sequence[SpanRecord], why: Exception) -> None:
        if self._delivery is None:
            self._health.drop(cause, len(spans), why)
            return
        if isinstance(why, RunLostError):
            self._delivery.lost(str(why))
        raise NotNowError(str(why)) from why

    def _say_disabled(self, error: DisabledError) -> None:
        if not self._said_disabled:
            self._said_disabled = True
            log.info("%s", error)

    def _destination(self, route: Route) -> Destination:
        destination = self._destinations.get(route)
        if destination is None:
            most = _MOST_DESTINATIONS if self._delivery is None else self._delivery.most_runs
            while len(self._destinations) >= most:
                old, oldest = self._destinations.popitem(last=False)
                self._runs_of[old] = oldest.opened_runs
                self._write_pieces(oldest)
                if oldest.run is not None:
                    self._tables.close_run(oldest.run)
            opened = self._runs_of.get(route, 0)
            is_replaced = self._delivery is None
            destination = Destination(partial(self._open_run, route), opened, self._rotation, is_replaced=is_replaced)
            self._destinations[route] = destination
            self._open = tuple(self._destinations.values())
        self._destinations.move_to_end(route)
        return destination


def _no_url(_: str) -> None:
    return None


def _resource_of_the_program() -> Mapping[str, Any]:
    """The resource of the global provider, for a run that is opened before the first trace."""
    resource = getattr(get_tracer_provider(), "resource", None)
    return getattr(resource, "attributes", None) or {}
