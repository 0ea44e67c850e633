"""A table of a run to which rows are added, continued in further tables."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from otel_wandb._records.table import Row, Table
from otel_wandb._runs.private.tables import leave_no_copies, write_cells_as_they_are, write_media_as_it_is

if TYPE_CHECKING:
    import wandb

# Each history row of an incremental table lists all its increments. W&B shows the latest 100 of them, and wandb keeps
# all rows of a table in memory. So after some increments or rows, a new table continues.
_MOST_INCREMENTS: Final = 90
_MOST_ROWS: Final = 10_000


class GrowingTable:
    """Adds rows to a table, and continues in another one when it is full: `stats`, `stats_2`, ..."""

    def __init__(self, table: Table[Any], key: str) -> None:
        """`key` is the key of the first table in the run."""
        self._table = table
        self._key = key
        self._increments = 0
        self._current: wandb.Table | None = None
        self.made = 0
        """The number of tables so far."""

    def add(self, rows: Sequence[Row], log_to_run: Callable[[dict[str, Any]], None]) -> None:
        """Write `rows` as one increment. Raises wandb's errors."""
        current = self._current
        if current is None or self._increments >= _MOST_INCREMENTS or len(current.data) >= _MOST_ROWS:
            current = self._next()
        first, *more = rows
        current.add_data(*first)
        # Our columns are typed already, and wandb's check of each row takes longer than everything else.
        current.data.extend(map(list, more))
        key = self._key if self.made == 1 else f"{self._key}_{self.made}"
        try:
            log_to_run({key: current})
        except FileNotFoundError as error:
            # A forked child inherits wandb's temporary directory, and deletes it when it exits.
            os.makedirs(os.path.dirname(error.filename), exist_ok=True)
            log_to_run({key: current})
        self._increments += 1

    def _next(self) -> "wandb.Table":
        import wandb

        if self._current is not None:
            self._current.data = []  # wandb keeps the last 100 logged tables with all their rows
        self._current = wandb.Table(
            columns=[column.name for column in self._table.columns],
            dtype=[column.type for column in self._table.columns],
            optional=True,
            log_mode="INCREMENTAL",
        )
        write_cells_as_they_are(self._current)
        write_media_as_it_is(self._current)
        leave_no_copies(self._current)
        self.made += 1
        self._increments = 0
        return self._current
