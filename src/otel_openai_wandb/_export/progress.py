"""Shows the progress of `openai-wandb export`: a bar on stderr, if that is a terminal and rich is installed."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from otel_openai_wandb._export.files import STDOUT
from otel_wandb._interface.install import missing_of

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


class Progress(Protocol):
    """Shows how many traces were processed."""

    def begin(self, doing: str, total: int | None) -> None:
        """Begin a task; `total` is the number of traces, None if unknown."""
        ...

    def step(self) -> None:
        """Count a trace."""
        ...


@contextlib.contextmanager
def progress_of(output: str) -> Iterator[Progress]:
    """A progress bar, or nothing if the output goes to the same terminal."""
    is_shown = sys.stderr.isatty() and not (output == STDOUT and sys.stdout.isatty())
    if not is_shown or missing_of(("rich",)):
        yield _Silence()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(12))
    with Bars(
        *(*columns, MofNCompleteColumn(), TextColumn("traces"), TimeElapsedColumn()),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        yield _Bar(bars)


class _Silence:
    def begin(self, doing: str, total: int | None) -> None:
        """Show nothing."""

    def step(self) -> None:
        """Show nothing."""


class _Bar:
    def __init__(self, bars: "Bars") -> None:
        self._bars = bars
        self._task = bars.add_task("")

    def begin(self, doing: str, total: int | None) -> None:
        self._bars.reset(self._task, description=doing, total=total)

    def step(self) -> None:
        self._bars.advance(self._task)
