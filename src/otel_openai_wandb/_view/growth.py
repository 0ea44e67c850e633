"""A run's journal while it grows: what is new in its files, packed, and handed to waiting readers."""

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from typing import Final

from otel_openai_wandb._view.runs import Directory
from otel_wandb._interface.journal import JournalFile
from otel_wandb._interface.page import Mark, PackedRun, Packer, page

_EVERY: Final = 0.2  # seconds between two looks at the files


class Growth:
    """What was packed of runs that may still grow; every look that found something is an event, counted from 1."""

    def __init__(self, directories: Sequence[Directory]) -> None:
        self._packer = Packer()
        self._runs = [(directory, self._packer.open(directory.name)) for directory in directories]
        self._files: dict[str, JournalFile] = {}
        self._marks = [Mark()]
        self._grown = threading.Condition()
        self._closed = threading.Event()
        self.look()

    def watch(self) -> None:
        """Look again and again, until `close`."""
        while not self._closed.wait(_EVERY):
            self.look()

    def close(self) -> None:
        self._closed.set()
        with self._grown:
            self._grown.notify_all()

    def look(self) -> None:
        """Pack what is new."""
        with self._grown:
            if sum(self._read(directory, run) for directory, run in self._runs):
                self._marks.append(self._packer.mark())
                self._grown.notify_all()

    def page(self) -> str:
        with self._grown:
            return page(self._packer, follow_from=len(self._marks) - 1)

    def after(self, event: int, patience: float) -> tuple[int, str] | None:
        """What came after the event, and the number of the last one in it; None if nothing does for so many seconds."""
        with self._grown:
            self._grown.wait_for(lambda: event < len(self._marks) - 1 or self._closed.is_set(), patience)
            if not 0 <= event < len(self._marks) - 1:
                return None
            mark = self._marks[event]
            return len(self._marks) - 1, f'{{"texts_before":{mark.texts},{self._packer.since(mark)[1:]}'

    @property
    def closed(self) -> Callable[[], bool]:
        return self._closed.is_set

    def _read(self, directory: Directory, run: PackedRun) -> int:
        count = 0
        for path in directory.journals():
            file = self._files.setdefault(os.path.abspath(path), JournalFile(path))
            with contextlib.suppress(FileNotFoundError):  # somebody deleted the run
                for record in file.records():
                    self._packer.add(run, record)
                    count += 1
        return count
