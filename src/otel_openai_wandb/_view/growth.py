"""A run's journal while it grows: what is new in its files, packed, and handed to waiting readers."""

import json
import os
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from otel_openai_wandb._view.runs import Directory
from otel_wandb._interface.page import Mark, PackedRun, Packer, page

_GZIP: Final = 31  # zlib's window bits for gzip
_READ: Final = 1 << 20
_EVERY: Final = 0.2  # seconds between two looks at the files


class Tail:
    """The new whole lines of one file of gzip members that are flushed line by line."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._at = 0
        self._stream = zlib.decompressobj(_GZIP)
        self._line = b""
        self._broken = False

    def records(self) -> Iterator[dict[str, Any]]:
        for data in self._new():
            *lines, self._line = (self._line + data).split(b"\n")
            for line in lines:
                try:
                    yield json.loads(line)
                except ValueError:
                    self._broken = True
                    return

    def _new(self) -> Iterator[bytes]:
        try:
            with open(self._path, "rb") as file:
                file.seek(self._at)
                while not self._broken and (packed := file.read(_READ)):
                    self._at += len(packed)
                    yield self._unpacked(packed)
        except FileNotFoundError:
            return

    def _unpacked(self, packed: bytes) -> bytes:
        made = b""
        try:
            while packed:
                made += self._stream.decompress(packed)
                packed = self._stream.unused_data
                if self._stream.eof:
                    self._stream = zlib.decompressobj(_GZIP)
        except zlib.error:
            self._broken = True
        return made


class Growth:
    """What was packed of runs that may still grow; every look that found something is an event, counted from 1."""

    def __init__(self, directories: Sequence[Directory]) -> None:
        self._packer = Packer()
        self._runs = [(directory, self._packer.open(directory.name)) for directory in directories]
        self._tails: dict[str, Tail] = {}
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
            tail = self._tails.setdefault(os.path.abspath(path), Tail(path))
            for record in tail.records():
                self._packer.add(run, record)
                count += 1
        return count
