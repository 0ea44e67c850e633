"""Shows the traces of open runs in a notebook: as the page of `openai-wandb view`, or as trees in text."""

import html
import io
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from otel_openai_wandb._view.runs import Directory, pack
from otel_wandb import WandbSpanExporter
from otel_wandb._interface.exporter import flushes_of
from otel_wandb._interface.install import how_to_install, missing_of
from otel_wandb._interface.journal import TraceRecord, read_journal, whole_traces
from otel_wandb._interface.page import Packer, page

_FLUSH_MILLIS: Final = 10_000
_MOST_TREES: Final = 20  # in text; the last traces are shown
_LARGEST_PAGE: Final = 20 << 20  # characters; a notebook saves the page in its file
_NOTHING: Final = "There is nothing to show: no trace was written yet, or OTEL_WANDB_JOURNAL is false."


class Traces:
    """The traces that were written so far. They are read again each time that they are shown.

    A notebook shows the page of `openai-wandb view` in a sandboxed frame, which may only run the page's script and save
    files. `repr()` gives the trees of `openai-wandb show`.
    """

    def __init__(self, directories: Callable[[], Sequence[str]]) -> None:
        """`directories()` writes what is waiting, and returns the directories of the runs."""
        self._directories = directories

    def __repr__(self) -> str:
        found = self._with_journals()
        return "\n".join(map(_trees, found)) if found else _NOTHING

    def _repr_html_(self) -> str:
        found = self._with_journals()
        if not found:
            return _paragraph(_NOTHING)
        packer = Packer()
        for directory in found:
            pack(packer, directory)
        shown = page(packer)
        if len(shown) > _LARGEST_PAGE:
            return _paragraph(
                f"There are {len(packer.traces)} traces, which is too many for a notebook. {_elsewhere(found)}"
            )
        return (
            '<iframe title="Traces" sandbox="allow-scripts allow-downloads" width="100%" height="720" '
            f'style="border:0" srcdoc="{html.escape(shown)}"></iframe>'
        )

    def _with_journals(self) -> list[Directory]:
        return [found for path in self._directories() if (found := Directory(path)).journals()]


def traces(exporter: WandbSpanExporter) -> Traces:
    """The traces in the open runs of an exporter. A notebook shows them as a page; see `Traces`.

    Each time, the exporter first writes what it has, unfinished traces too, for 10 seconds at most.
    """
    return Traces(partial(written_by, exporter))


def written_by(exporter: WandbSpanExporter) -> Sequence[str]:
    """Write what the exporter has, and return the directories of its open runs."""
    for hand_over in flushes_of(exporter):
        hand_over()
    exporter.force_flush(_FLUSH_MILLIS)
    return exporter.directories


def _trees(directory: Directory) -> str:
    if missing_of(("rich",)):
        return f"The trees need rich: {how_to_install('all')}"
    from otel_openai_wandb._reading.show_screen import Screen  # imports rich

    count, last = 0, deque[TraceRecord](maxlen=_MOST_TREES)
    for record in whole_traces(read_journal(directory.path)):
        if record["record"] == "trace":
            count += 1
            last.append(record)
    text = io.StringIO()
    screen = Screen(text)
    screen.heading()
    for trace in last:
        screen.tree(trace)
    if count > len(last):
        screen.lines([f"These are the last {len(last)} of {count} traces. {_elsewhere([directory])}"])
    return text.getvalue().rstrip("\n")


def _elsewhere(directories: Sequence[Directory]) -> str:
    return f"To see them, run in a terminal: openai-wandb view {' '.join(directory.path for directory in directories)}"


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"
