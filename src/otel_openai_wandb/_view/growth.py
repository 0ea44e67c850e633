"""Follows the journals of runs that grow: packs new records, and gives them to waiting readers."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from otel_openai_wandb._view.runs import Directory
from otel_wandb._interface.journal import Growing, Joining, JournalFile, Numbering, Record
from otel_wandb._interface.page import Mark, Packer, page

_EVERY: Final = 0.2  # seconds between two reads of the files
_AT_ONCE: Final = 1_000  # traces that are kept before they are packed


class _GrowingRun:
    """Packs new records in the journal of one run. A trace that has grown keeps its row."""

    def __init__(self, directory: Directory, packer: Packer) -> None:
        self._directory = directory
        self._packer = packer
        self._run = packer.open(directory.name)
        self._files: dict[str, JournalFile] = {}
        self._numbering, self._joining = Numbering(), Joining()
        self._rows: dict[int, int] = {}  # by number of the trace

    def look(self) -> int:
        """Pack new records, and return how many there were."""
        count, grown = 0, dict[int, Growing]()
        for record in self._new():
            count += 1
            shown = self._numbering.through_all_files(record)
            if shown is None:
                continue
            if shown["record"] == "trace":
                grown |= {trace.number: trace for trace in self._joining.add(shown)}
            else:
                self._packer.add(self._run, shown)
            if len(grown) >= _AT_ONCE:
                self._pack(grown)
                grown = {}
        self._pack(grown)
        return count

    def _pack(self, grown: Mapping[int, Growing]) -> None:
        for number, trace in grown.items():
            self._rows[number] = self._packer.put_trace(self._run, trace.joined(), self._rows.get(number))
        for trace in self._joining.take_settled():
            del self._rows[trace.number]

    def _new(self) -> Iterator[Record]:
        for path in self._directory.journals():
            file = self._files.setdefault(os.path.abspath(path), JournalFile(path))
            with contextlib.suppress(FileNotFoundError):  # the run was deleted
                yield from file.records()


class Growth:
    """The packed traces of runs that may still grow. Each `look` with new records is an event; the first is 1."""

    def __init__(self, directories: Sequence[Directory]) -> None:
        self._packer = Packer()
        self._runs = [_GrowingRun(directory, self._packer) for directory in directories]
        self._marks = [Mark()]
        self._grown = threading.Condition()
        self._closed = threading.Event()
        self.look()

    def watch(self) -> None:
        """Call `look` repeatedly until `close` is called."""
        while not self._closed.wait(_EVERY):
            self.look()

    def close(self) -> None:
        self._closed.set()
        with self._grown:
            self._grown.notify_all()

    def look(self) -> None:
        """Pack new records of all runs."""
        with self._grown:
            if sum(run.look() for run in self._runs):
                self._marks.append(self._packer.mark())
                self._grown.notify_all()

    def page(self) -> str:
        with self._grown:
            return page(self._packer, follow_from=len(self._marks) - 1)

    def after(self, event: int, patience: float) -> tuple[int, str] | None:
        """The last event, and what was packed after `event`; None if nothing comes within `patience` seconds."""
        with self._grown:
            self._grown.wait_for(lambda: event < len(self._marks) - 1 or self._closed.is_set(), patience)
            if not 0 <= event < len(self._marks) - 1:
                return None
            return len(self._marks) - 1, self._packer.since(self._marks[event])

    @property
    def closed(self) -> Callable[[], bool]:
        return self._closed.is_set
