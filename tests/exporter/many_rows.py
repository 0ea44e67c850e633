"""A program that writes many rows to tables, one run after the other, and prints its memory after each run.

Run as `python -m tests.exporter.many_rows RUNS ROWS`, with `ROWS` in each run.
"""

import json
import os
import sys
from typing import Final

from otel_wandb._process.health import Health
from otel_wandb._records.table import Column, Table
from otel_wandb._runs.destination import Destination
from otel_wandb._runs.opening import RunOptions, open_run
from otel_wandb._runs.run import OpenRun
from otel_wandb._runs.table_writer import TableWriter

BATCH: Final = 500
TABLE: Final[Table[int]] = Table(
    "stats", (Column("number", float, float), Column("request", str, lambda number: f"question {number}"))
)


def megabytes() -> float:
    """What of this process is in memory."""
    with open("/proc/self/statm", encoding="ascii") as pages:
        return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(runs: int, rows: int) -> None:
    health = Health()
    writer = TableWriter(interval=60.0, health=health)

    def open_next(_: object, number: int) -> OpenRun:
        return open_run(RunOptions({"mode": "offline"}, number, 60.0), {})

    destination = Destination(open_next)
    memory = []
    for run in range(runs):
        opened = destination.opened({})
        for start in range(run * rows, (run + 1) * rows, BATCH):
            writer.add(destination, opened, {TABLE: [TABLE.row(number) for number in range(start, start + BATCH)]})
            if start % 5_000 == 0:
                assert writer.flush(60.0)
        destination.given_up()
        writer.close_run(opened)
        assert writer.flush(60.0)
        memory.append(megabytes())
    assert writer.stop(60.0)
    print(json.dumps({"memory": memory, "lost": health.last_words()}))  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
