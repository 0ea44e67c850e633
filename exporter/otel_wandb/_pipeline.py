"""From finished spans to rows of a run: one thread reads, assembles and logs traces, another writes tables.

The split is wandb's: logging a table to an online run waits for the server, logging anything else does not.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from time import monotonic
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from otel_wandb._assembly import Limits, Trace, TraceAssembler
from otel_wandb._history import history_row
from otel_wandb._losses import Losses
from otel_wandb._run import OpenRun
from otel_wandb._settings import Settings
from otel_wandb._span import read_span
from otel_wandb._tables import Row, Source, stats_row
from otel_wandb._timeline import Timeline
from otel_wandb._tree_json import fitting_tree
from otel_wandb._worker import Worker

log: Final = logging.getLogger(__name__)

_MOST_WAITING: Final = 50_000  # spans handed over and not yet read
_MOST_ROWS: Final = 500  # rows of one increment of a table
_RETRY_SECONDS: Final = 30.0  # before a run that could not be opened is tried again

OpenRunFor = Callable[[Mapping[str, Any]], OpenRun]


class Pipeline:
    """The exporter's inside, one for each process. `open_run` takes the resource of the first span."""

    def __init__(self, open_run: OpenRunFor, settings: Settings, losses: Losses, limits: Limits | None = None) -> None:
        self._run = LazyRun(open_run, losses)
        self._losses = losses
        self._assembler = TraceAssembler(limits)
        self._waiting = 0  # written by two threads without a lock: a bound, not a count
        self._tables = TableWriter(self._run, settings.table_interval, losses)
        self._worker: Worker[Sequence[ReadableSpan]] = Worker(
            "otel-wandb-traces",
            self._take,
            flush=self._drain,
            wake=self._tick,
            due=self._assembler.next_deadline,
        )

    def submit(self, spans: Sequence[ReadableSpan]) -> bool:
        """Hand spans over, from any thread; False if too many are waiting already."""
        if self._waiting + len(spans) > _MOST_WAITING:
            self._losses.drop("queue_full", len(spans), "W&B takes traces more slowly than the program makes them")
            return False
        self._waiting += len(spans)
        self._worker.put(spans)
        return True

    def flush(self, timeout: float) -> bool:
        """Write all that was submitted, whole traces or not; False if that takes longer than `timeout` seconds."""
        deadline = monotonic() + timeout
        return self._worker.flush(timeout) and self._tables.flush(deadline - monotonic())

    def close(self, timeout: float) -> bool:
        """Flush, end the threads and close the run."""
        deadline = monotonic() + timeout
        done = self._worker.stop(timeout) and self._tables.stop(deadline - monotonic())
        if not done:
            self._losses.drop("exit_timeout", self._waiting, f"W&B took longer than {timeout:g} seconds")
        return done

    def _take(self, spans: Sequence[ReadableSpan]) -> None:
        self._waiting -= len(spans)
        now = monotonic()
        for span in spans:
            try:
                record = read_span(span)
            except Exception as error:  # noqa: BLE001
                self._losses.drop("unreadable", 1, type(error).__qualname__)
                continue
            for trace in self._assembler.offer(record, now):
                self._log(trace)

    def _tick(self) -> None:
        for trace in self._assembler.tick(monotonic()):
            self._log(trace)

    def _drain(self) -> None:
        for trace in self._assembler.drain(monotonic()):
            self._log(trace)
        self._run.summarise(self._losses.summary())

    def _log(self, trace: Trace) -> None:
        run = self._run.opened(trace.spans[0].resource)
        if run is None:
            self._losses.drop("no_run", len(trace.spans), self._run.problem)
            return
        try:
            tree, text = fitting_tree(trace)
            rows = _rows(tree, run.id)
            run.log_trace(text, history_row(trace, tree))
        except Exception as error:  # noqa: BLE001
            self._losses.drop("log_failed", len(trace.spans), _described(error))
            return
        self._tables.add(rows)


class LazyRun:
    """The run, opened when the first trace is there; after a failure not before some time has passed."""

    def __init__(self, open_run: OpenRunFor, losses: Losses) -> None:
        self._open_run = open_run
        self._losses = losses
        self._run: OpenRun | None = None
        self._not_before = 0.0
        self.problem = ""

    @property
    def current(self) -> OpenRun | None:
        """The run, if it is open."""
        return self._run

    def opened(self, resource: Mapping[str, Any]) -> OpenRun | None:
        """The run; None while it cannot be opened."""
        if self._run is None and monotonic() >= self._not_before:
            try:
                self._run = self._open_run(resource)
            except Exception as error:  # noqa: BLE001
                self.problem = _described(error)
                self._not_before = monotonic() + _RETRY_SECONDS
        return self._run

    def summarise(self, values: Mapping[str, Any]) -> None:
        """Write `values` to the summary of an open run."""
        if self._run is not None and values:
            try:
                self._run.summarise(values)
            except Exception as error:  # noqa: BLE001
                log.warning("the summary of the W&B run could not be written: %s", _described(error))

    def close(self) -> None:
        """Close an open run; a fault of wandb's is said, for its data may still be on disk."""
        if self._run is not None:
            try:
                self._run.close()
            except Exception as error:  # noqa: BLE001
                log.warning("the W&B run could not be finished: %s", _described(error))


class TableWriter:
    """Collects rows and writes them in batches; the last to write, it closes the run."""

    def __init__(self, run: LazyRun, interval: float, losses: Losses) -> None:
        self._run = run
        self._interval = interval
        self._losses = losses
        self._rows: list[Row] = []
        self._due: float | None = None
        self._worker: Worker[Sequence[Row]] = Worker(
            "otel-wandb-tables", self._take, flush=self._write, wake=self._write, due=lambda: self._due, end=run.close
        )

    def add(self, rows: Sequence[Row]) -> None:
        """Hand rows over; never blocks."""
        if rows:
            self._worker.put(rows)

    def flush(self, timeout: float) -> bool:
        """Write all rows."""
        return self._worker.flush(timeout)

    def stop(self, timeout: float) -> bool:
        """Write all rows and end the thread."""
        return self._worker.stop(timeout)

    def _take(self, rows: Sequence[Row]) -> None:
        self._rows += rows
        if self._due is None:
            self._due = monotonic() + self._interval
        if len(self._rows) >= _MOST_ROWS:
            self._write()

    def _write(self) -> None:
        rows, self._rows, self._due = self._rows, [], None
        run = self._run.current
        if not rows or run is None:
            return
        for batch in _batches(rows, _MOST_ROWS):
            try:
                run.log_rows(batch)
            except Exception as error:  # noqa: BLE001
                self._losses.drop("table_failed", len(batch), _described(error))


def _rows(tree: Timeline, session_id: str) -> Sequence[Row]:
    return [stats_row(Source(span, call, session_id)) for span, call in tree.calls]


def _batches(rows: Sequence[Row], size: int) -> list[list[Row]]:
    remaining = iter(rows)
    return list(iter(lambda: list(islice(remaining, size)), []))


def _described(error: Exception) -> str:
    return f"{type(error).__qualname__}: {error}"
