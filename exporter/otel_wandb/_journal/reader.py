"""Reads a journal, also of a process that was killed. A file that was cut ends with its last whole line.

Of a file that is damaged in the middle the rest is read from the next place that refers to nothing before it; messages
whose record was in the damaged part are missing. A warning says how much could not be read.
"""

import glob
import json
import logging
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final

from otel_wandb._journal.schema import FOLDER, Message, Record

log: Final = logging.getLogger(__name__)

_GZIP: Final = 31
_RAW: Final = -15  # deflate without a header
_FLUSHED: Final = b"\x00\x00\xff\xff"  # the end of what was flushed
_CHUNK: Final = 16 << 10  # bytes; of a damaged one nothing is read
_TRAILER: Final = 8  # bytes, of gzip
_NAMES: Final = "traces-*.jsonl.gz"


def journal_files(directory: str) -> Sequence[str]:
    """The files of the journal of a run directory, in order."""
    found = glob.glob(os.path.join(glob.escape(directory), "files", FOLDER, _NAMES))
    return sorted(found, key=lambda path: (len(path), path))  # of five digits after those of four


def read_journal(source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Iterator[Record]:
    """The records of a run directory or of files, in order.

    Each file begins with its `run`, where ids of messages and tools start anew: see `Texts`. Lines that are no records
    are skipped, and a damaged file gives what can be read, with a warning. Raises OSError for a missing file.
    """
    files = journal_files(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else source
    for path in files:
        yield from JournalFile(path).records()


class Texts:
    """Resolves the ids of messages and tools. Give it every record in order."""

    def __init__(self) -> None:
        self._messages: dict[int, Message] = {}
        self._tools: dict[int, Sequence[Any]] = {}

    def take(self, record: Record) -> None:
        """Remember a message or definitions; forget those of the file before."""
        if record["record"] == "run":
            self._messages, self._tools = {}, {}
        elif record["record"] == "message":
            self._messages[record["id"]] = record["message"]
        elif record["record"] == "tools":
            self._tools[record["id"]] = record["tools"]

    def messages(self, ids: Iterable[int]) -> list[Message]:
        """The messages with these ids."""
        return [self._messages[number] for number in ids if number in self._messages]

    def tools(self, number: int | None) -> Sequence[Any]:
        """The definitions with this id; none for None."""
        return () if number is None else self._tools.get(number, ())


class JournalFile:
    """One file of a journal, which is read on as it grows."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._at = 0  # where the data begins that is not unpacked yet
        self._unpacker = zlib.decompressobj(_GZIP)
        self._is_raw = False
        self._line = b""  # what there is of the last one
        self._damaged_from: int | None = None
        self._is_told = False

    def records(self) -> Iterator[Record]:
        """The records of the whole lines that have come since the last call. Raises OSError for a missing file."""
        for line in self._lines():
            try:
                found: Any = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, Mapping) and isinstance(found.get("record"), str):
                record: Any = found
                yield record

    def _lines(self) -> Iterator[bytes]:
        with open(self._path, "rb") as file:
            while self._damaged_from is None or self._finds_restart(file):
                file.seek(self._at)
                packed = file.read(_CHUNK)
                if not packed:
                    return
                try:
                    *whole, self._line = (self._line + self._unpacked(packed)).split(b"\n")
                except zlib.error:  # what follows the damage begins with a line
                    self._line, self._damaged_from, self._is_told = b"", self._at, False
                else:
                    yield from whole

    def _unpacked(self, packed: bytes) -> bytes:
        """What the next of the file's gzip members holds, as far as it is in `packed`. Raises zlib.error."""
        made = self._unpacker.decompress(packed)
        self._at += len(packed) - len(self._unpacker.unused_data)
        if self._unpacker.eof:
            self._at += _TRAILER if self._is_raw else 0
            self._unpacker, self._is_raw = zlib.decompressobj(_GZIP), False
        return made

    def _finds_restart(self, file: BinaryIO) -> bool:
        """Go to where the packed data goes on after a damage; False if that has not been written."""
        damaged_from = self._at if self._damaged_from is None else self._damaged_from
        file.seek(self._at)
        packed = file.read()
        restart = _next_restart(packed)
        end = self._at + (len(packed) if restart is None else restart)
        if restart is not None or not self._is_told:
            log.warning("%s is damaged: about %d bytes of it could not be read", self._path, end - damaged_from)
        self._is_told = True
        if restart is None:
            self._at = max(self._at, end - _CHUNK)  # a restart needs more than its first bytes to be known as one
            return False
        self._at, self._damaged_from = end, None
        self._unpacker, self._is_raw = zlib.decompressobj(_RAW), True
        return True


def _next_restart(packed: bytes) -> int | None:
    """Where `packed` goes on without referring to what is before; None if nowhere."""
    place = packed.find(_FLUSHED)
    while place >= 0:
        start = place + len(_FLUSHED)
        try:
            line = zlib.decompressobj(_RAW).decompress(packed[start : start + _CHUNK])
        except zlib.error:
            line = b""
        if line.startswith(b'{"record":'):
            return start
        place = packed.find(_FLUSHED, place + 1)
    return None
