"""Prints the demo's traces, and on a terminal a progress bar below them."""

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from otel_openai_wandb._reading.tree import heading, trace_tree
from otel_wandb._interface.journal import TraceRecord


class Screen:
    """Writes to stdout. `progress` is a context manager that shows how many of the steps are done."""

    def __init__(self, steps: int) -> None:
        self._console = Console(markup=False, emoji=False, highlight=False)
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(12),  # short, so that the ^C that a terminal echoes fits behind it; else the line stays
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not sys.stdout.isatty() or self._console.is_dumb_terminal,
        )
        self._task = self.progress.add_task("", total=steps)

    def doing(self, what: str) -> None:
        """Show what is being done."""
        self.progress.update(self._task, description=what)

    def done(self) -> None:
        """Count a step."""
        self.progress.advance(self._task)

    def say(self, text: str = "", style: str = "") -> None:
        """Print a paragraph."""
        self._console.print(Text(text, style))

    def verbatim(self, text: str) -> None:
        """Print a line to copy: unbroken, between empty lines."""
        self._console.print("", Text(f"    {text}", "bold"), "", sep="\n", soft_wrap=True)

    def heading(self) -> None:
        """Print the names of the columns of the traces."""
        self._console.print("", heading(self._console.width), sep="\n")

    def trace(self, trace: TraceRecord) -> None:
        """Print a trace."""
        self._console.print(trace_tree(trace, self._console.width, encoding=self._console.encoding))
