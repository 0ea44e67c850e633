"""Describes a table of W&B: its key, and its typed columns."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

Cell: TypeAlias = str | float | bool | datetime | None
Row: TypeAlias = tuple[Cell, ...]

Source = TypeVar("Source")


@dataclass(frozen=True, slots=True)
class Column(Generic[Source]):
    """One typed column. wandb refuses a table whose cells change their type."""

    name: str
    type: type
    read: Callable[[Source], Cell]


@dataclass(frozen=True, slots=True, eq=False)
class Table(Generic[Source]):
    """A table with its key in the run. Its columns read the cells of a row from a source."""

    key: str
    columns: tuple[Column[Source], ...]

    def row(self, source: Source) -> Row:
        """The row of `source`. A number that JSON cannot express becomes an empty cell."""
        return tuple([_written(column.read(source)) for column in self.columns])


def _written(cell: Cell) -> Cell:
    return None if type(cell) is float and not math.isfinite(cell) else cell
