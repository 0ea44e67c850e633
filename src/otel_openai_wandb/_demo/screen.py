"""What the demo shows: plain lines and trees, and below them how far it is where the output is a terminal."""

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from otel_openai_wandb._reading.tree import heading, trace_tree
from otel_wandb._interface import TraceRecord


class Screen:
    """Writes to stdout; as a context it shows the progress of `steps` steps."""

    def __init__(self, steps: int) -> None:
        self._console = Console(markup=False, emoji=False, highlight=False)
        animated = sys.stdout.isatty() and not self._console.is_dumb_terminal
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(12),  # short: the ^C that a terminal echoes must fit behind it, or the line stays
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not animated,
        )
        self._task: TaskID = self._progress.add_task("", total=steps)

    def __enter__(self) -> "Screen":  # noqa: PYI034 - typing.Self begins with Python 3.11
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def doing(self, what: str) -> None:
        """Show what is being done."""
        self._progress.update(self._task, description=what)

    def done(self) -> None:
        """Count a step."""
        self._progress.advance(self._task)

    def say(self, text: str = "", style: str = "") -> None:
        """A paragraph."""
        self._console.print(Text(text, style))

    def verbatim(self, text: str) -> None:
        """A line to copy: it is never broken, and stands between empty ones."""
        self._console.print()
        self._console.print(Text(f"    {text}", "bold"), soft_wrap=True)
        self._console.print()

    def heading(self) -> None:
        """The names of the columns of the traces."""
        self._console.print()
        self._console.print(heading(self._console.width))

    def trace(self, trace: TraceRecord) -> None:
        """A trace."""
        self._console.print(trace_tree(trace, self._console.width, encoding=self._console.encoding))
