"""Writes table rows in a separate thread, because logging a table to an online run waits for the server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import Any, Final, TypeAlias

from otel_wandb._process.budget import Budget
from otel_wandb._process.health import Health
from otel_wandb._process.worker import Worker
from otel_wandb._records.table import Row, Table
from otel_wandb._runs.delivery import Delivery
from otel_wandb._runs.destination import Destination, NoRunError, RunLostError, described
from otel_wandb._runs.private.service import FINISHING_THREAD
from otel_wandb._runs.run import OpenRun
from otel_wandb._spans.span import SpanRecord

_MOST_ROWS: Final = 500  # in one increment of a table
_MOST_WAITING: Final = 100_000
_MOST_BYTES: Final = 64 << 20  # of waiting rows
_FEW_ROWS: Final = 20  # in one increment; fewer rows are not worth its files and its entry in each later history row
_LONGEST_WAIT: Final = 300.0  # seconds
_LONGEST_DELIVERY: Final = 30.0  # seconds, if a sender keeps the spans until their rows are on the disk
_CELL: Final = 50  # size of a cell in bytes, without its text

TableRows: TypeAlias = Mapping[Table[Any], Sequence[Row]]


@dataclass(frozen=True, slots=True)
class _Rows:
    destination: Destination
    run: OpenRun
    rows: TableRows
    size: int
    spans: Sequence[SpanRecord]


@dataclass(frozen=True, slots=True)
class _Close:
    run: OpenRun


@dataclass(slots=True)
class _Waiting:
    destination: Destination
    tables: dict[Table[Any], list[Row]] = field(default_factory=dict)
    size: int = 0
    spans: list[SpanRecord] = field(default_factory=list)


class TableWriter:
    """Collects and writes table rows. It also closes runs, because it writes last."""

    def __init__(self, interval: float, health: Health, delivery: Delivery | None = None) -> None:
        self._delivery = delivery
        self._interval = interval
        self._wait = interval  # longer if rows are few
        self._health = health
        self._budget = Budget(_MOST_WAITING, _MOST_BYTES)
        self._waiting: dict[OpenRun, _Waiting] = {}
        self._due: float | None = None
        self._worker: Worker[_Rows | _Close] = Worker(
            FINISHING_THREAD, self._take, flush=self._write, wake=self._wake, due=lambda: self._due
        )

    def add(self, destination: Destination, run: OpenRun, rows: TableRows, spans: Sequence[SpanRecord] = ()) -> None:
        """Take the rows of `spans`. Never blocks; drops rows if too many wait."""
        size = sum(_size(row) for table in rows.values() for row in table)
        number = sum(len(table) for table in rows.values())
        if not self._budget.take(number, size):
            self._health.drop_rows("queue_full", number, "W&B takes tables more slowly than the program fills them")
            if self._delivery is not None:
                self._delivery.written([run], spans)
            return
        self._worker.put(_Rows(destination, run, rows, size, () if self._delivery is None else spans))

    def close_run(self, run: OpenRun) -> None:
        """Close `run` after the rows that were added before."""
        self._worker.put(_Close(run))

    def flush(self, timeout: float) -> bool:
        """Write all rows. Returns whether that was done within `timeout` seconds."""
        return self._worker.flush(timeout)

    def stop(self, timeout: float) -> bool:
        """Flush, and end the thread. Rows that are not written within `timeout` seconds count as lost."""
        stopped = self._worker.stop(timeout)
        if not stopped:
            self._health.drop_rows(
                "exit_timeout", self._budget.give_up(), f"W&B took longer than {timeout:.3g} seconds"
            )
        return stopped

    def abandon(self) -> None:
        """End the thread without writing anything more."""
        self._worker.abandon()

    def _take(self, item: _Rows | _Close) -> None:
        if isinstance(item, _Close):
            self._write_to(item.run)
            item.run.close(self._health.summary())
            if self._delivery is not None:
                self._delivery.closed(item.run)
            return
        waiting = self._waiting.get(item.run)
        if waiting is None:
            waiting = self._waiting[item.run] = _Waiting(item.destination)
        for table, rows in item.rows.items():
            waiting.tables.setdefault(table, []).extend(rows)
        waiting.size += item.size
        waiting.spans += item.spans
        if self._due is None:
            self._due = monotonic() + self._wait
        if _longest(waiting) >= _MOST_ROWS:
            self._write_to(item.run)

    def _wake(self) -> None:
        rows = max(map(_longest, self._waiting.values()), default=0)
        longest = _LONGEST_WAIT if self._delivery is None else _LONGEST_DELIVERY
        self._wait = next_wait(self._interval, self._wait, rows, longest)
        self._write()

    def _write(self) -> None:
        for run in list(self._waiting):
            self._write_to(run)
        self._due = None

    def _write_to(self, run: OpenRun) -> None:
        waiting = self._waiting.pop(run, None)
        if waiting is None:
            return
        try:
            for table, rows in waiting.tables.items():
                for batch in _batches(rows, _MOST_ROWS):
                    run = self._log(waiting.destination, run, table, batch)
            if self._delivery is not None:
                self._delivery.written([run], waiting.spans)
        except RunLostError as error:
            if self._delivery is not None:  # the spans of these rows are sent again
                self._delivery.lost(str(error))
        self._budget.give_back(0, waiting.size)
        run.summarise(self._health.summary())

    def _log(self, destination: Destination, run: OpenRun, table: Table[Any], rows: Sequence[Row]) -> OpenRun:
        """Write a batch, and return its run, which is another one if `run` was ended from outside."""
        lost: tuple[str, object] | None = None
        try:
            try:
                run.log_rows(table, rows)
            except Exception as error:  # noqa: BLE001
                run = destination.after(run, error)
                run.log_rows(table, rows)
        except RunLostError:
            raise
        except NoRunError as error:
            lost = "no_run", error
        except Exception as error:  # noqa: BLE001
            lost = "table_failed", described(error)
        # Rows that an exit did not wait for are counted already.
        if self._budget.give_back(len(rows), 0) and lost is not None:
            self._health.drop_rows(lost[0], len(rows), lost[1])
        return run


def next_wait(interval: float, wait: float, rows: int, longest: float = _LONGEST_WAIT) -> float:
    """The seconds that the next rows wait, after `rows` rows came in the last `wait` seconds."""
    return interval if rows >= _FEW_ROWS else max(interval, min(2 * wait, longest))


def _longest(waiting: _Waiting) -> int:
    return max(map(len, waiting.tables.values()), default=0)


def _size(row: Row) -> int:
    return _CELL * len(row) + sum([len(cell) for cell in row if type(cell) is str])


def _batches(rows: Sequence[Row], size: int) -> list[list[Row]]:
    remaining = iter(rows)
    return list(iter(lambda: list(islice(remaining, size)), []))
