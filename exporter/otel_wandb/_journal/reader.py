"""Reads a journal, also of a process that was killed. Of a file that was cut, all complete lines are read.

After damage in the middle of a file, reading continues at the next restart point, where the compressed data does not
refer back. Messages whose records were damaged are missing. A warning says how many bytes could not be read.
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
_FLUSHED: Final = b"\x00\x00\xff\xff"  # the end of flushed data
_CHUNK: Final = 16 << 10  # bytes; nothing of a damaged chunk is read
_TRAILER: Final = 8  # bytes, of the gzip format
_NAMES: Final = "traces-*.jsonl.gz"


def journal_files(directory: str) -> Sequence[str]:
    """The paths of the journal's files in a run directory, in order."""
    found = glob.glob(os.path.join(glob.escape(directory), "files", FOLDER, _NAMES))
    return sorted(found, key=lambda path: (len(path), path))  # numbers of five digits come after those of four


def read_journal(source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Iterator[Record]:
    """The records of a run directory or of files, in order.

    Each file begins with its record `run`; after it, the ids of messages and tools begin at 0 again: see `Texts`. Lines
    that are not records are skipped. A damaged file is read as far as possible, with a warning. Raises OSError for a
    missing file.
    """
    files = journal_files(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else source
    for path in files:
        yield from JournalFile(path).records()


class Texts:
    """Resolves the ids of messages and tools. Give it every record, in order."""

    def __init__(self) -> None:
        self._messages: dict[int, Message] = {}
        self._tools: dict[int, Sequence[Any]] = {}

    def take(self, record: Record) -> None:
        """Remember messages and tools. A record `run` begins a file, and forgets those of the file before."""
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
        """The definitions of tools with this id; empty for None."""
        return () if number is None else self._tools.get(number, ())


class JournalFile:
    """One file of a journal. It can be read again while it grows."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._at = 0  # offset of the data that is not decompressed yet
        self._unpacker = zlib.decompressobj(_GZIP)
        self._is_raw = False
        self._line = b""  # the incomplete last line
        self._damaged_from: int | None = None
        self._is_told = False

    def records(self) -> Iterator[Record]:
        """The records of complete lines that are new since the last call. Raises OSError for a missing file."""
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
                except zlib.error:  # data after a damage begins with a new line
                    self._line, self._damaged_from, self._is_told = b"", self._at, False
                else:
                    yield from whole

    def _unpacked(self, packed: bytes) -> bytes:
        """Decompress `packed`, up to the end of the current gzip member. Raises zlib.error."""
        made = self._unpacker.decompress(packed)
        self._at += len(packed) - len(self._unpacker.unused_data)
        if self._unpacker.eof:
            self._at += _TRAILER if self._is_raw else 0
            self._unpacker, self._is_raw = zlib.decompressobj(_GZIP), False
        return made

    def _finds_restart(self, file: BinaryIO) -> bool:
        """Seek the next restart point after a damage. Returns False if it is not written yet."""
        damaged_from = self._at if self._damaged_from is None else self._damaged_from
        file.seek(self._at)
        packed = file.read()
        restart = _next_restart(packed)
        end = self._at + (len(packed) if restart is None else restart)
        if restart is not None or not self._is_told:
            log.warning("%s is damaged: about %d bytes of it could not be read", self._path, end - damaged_from)
        self._is_told = True
        if restart is None:
            self._at = max(self._at, end - _CHUNK)  # a restart point is recognized only with some data after it
            return False
        self._at, self._damaged_from = end, None
        self._unpacker, self._is_raw = zlib.decompressobj(_RAW), True
        return True


def _next_restart(packed: bytes) -> int | None:
    """The offset of the next restart point, where `packed` does not refer back; None if there is none."""
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
