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
from typing import Any, Final

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
        yield from _records(path)


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


def _records(path: str | os.PathLike[str]) -> Iterator[Record]:
    for line in _lines(path):
        try:
            found: Any = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, Mapping) and isinstance(found.get("record"), str):
            record: Any = found
            yield record


def _lines(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """The whole lines of a file; the last one has no end where the file was cut."""
    rest = b""
    for part in _unpacked(path):
        if part is None:  # a damage: what follows begins with a line
            rest = b""
            continue
        *whole, rest = (rest + part).split(b"\n")
        yield from whole


def _unpacked(path: str | os.PathLike[str]) -> Iterator[bytes | None]:
    """What the gzip members of a file hold, as far as they can be read; None in place of what is damaged."""
    with open(path, "rb") as file:
        unpacker = zlib.decompressobj(_GZIP)
        is_raw, at = False, 0  # where the data begins that is not unpacked yet
        while data := file.read(_CHUNK):
            while data:
                try:
                    yield unpacker.decompress(data)
                except zlib.error:
                    found = _next_restart(path, at)
                    where = os.path.getsize(path) if found is None else found
                    log.warning("%s is damaged: about %d bytes of it could not be read", path, where - at)
                    if found is None:
                        return
                    yield None
                    unpacker, is_raw, at = zlib.decompressobj(_RAW), True, found
                    file.seek(at)
                    break
                at += len(data) - len(unpacker.unused_data)
                data = unpacker.unused_data
                if unpacker.eof:
                    if is_raw:
                        at += _TRAILER
                        file.seek(at)
                        data = b""
                    unpacker, is_raw = zlib.decompressobj(_GZIP), False


def _next_restart(path: str | os.PathLike[str], at: int) -> int | None:
    """Where, after `at`, the packed data goes on without referring to what is before; None if nowhere."""
    with open(path, "rb") as file:
        content = file.read()
    place = content.find(_FLUSHED, at + 1)
    while place >= 0:
        start = place + len(_FLUSHED)
        try:
            line = zlib.decompressobj(_RAW).decompress(content[start : start + _CHUNK])
        except zlib.error:
            line = b""
        if line.startswith(b'{"record":'):
            return start
        place = content.find(_FLUSHED, place + 1)
    return None
