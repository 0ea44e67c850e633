"""Rows that W&B does not take in time, or at all, are counted once."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from otel_wandb._process.health import Health
from otel_wandb._records.table import Column, Row, Table
from otel_wandb._runs.destination import Destination
from otel_wandb._runs.run import OpenRun
from otel_wandb._runs.table_writer import TableWriter, next_wait

TABLE: Table[float] = Table("numbers", (Column("number", float, float),))


class Stuck(OpenRun):
    """A run that takes no table for as long as the test likes, and then refuses it."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.left = threading.Event()

    def log_rows(self, table: Table[Any], rows: Sequence[Row]) -> None:  # noqa: ARG002
        self.entered.set()
        self.left.wait(60.0)
        raise OSError("W&B is gone")

    def was_ended(self, error: Exception) -> bool:  # noqa: ARG002
        return False

    def summarise(self, values: Mapping[str, int]) -> None:
        pass


def test_rows_of_an_exit_that_took_too_long_are_lost_once() -> None:
    run, health = Stuck(), Health()
    writer = TableWriter(60.0, health)
    writer.add(Destination(lambda *_: run), run, {TABLE: [(float(number),) for number in range(5)]})
    assert not writer.flush(0.0)
    assert run.entered.wait(60.0)
    assert not writer.stop(0.0)
    run.left.set()
    writer._worker._thread.join(60.0)
    assert health.last_words() == "not written to W&B: 5 of the tables' rows (exit_timeout: 5)"


def test_rows_that_are_refused_are_lost_once() -> None:
    run, health = Stuck(), Health()
    run.left.set()
    writer = TableWriter(60.0, health)
    writer.add(Destination(lambda *_: run), run, {TABLE: [(float(number),) for number in range(5)]})
    assert writer.stop(60.0)
    assert health.last_words() == "not written to W&B: 5 of the tables' rows (table_failed: 5)"


def test_where_rows_are_few_they_wait_longer() -> None:
    waits = [30.0]
    for rows in (1, 2, 3, 4, 5, 19, 20, 1, 500):
        waits.append(next_wait(30.0, waits[-1], rows))
    assert waits == [30.0, 60.0, 120.0, 240.0, 300.0, 300.0, 300.0, 30.0, 60.0, 30.0]
    assert next_wait(900.0, 900.0, 1) == 900.0  # the user's own interval is never shortened
    assert next_wait(0.0, 0.0, 1) == 0.0
