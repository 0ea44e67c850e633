"""Reads a journal, whatever became of its writer. A file that was cut anywhere ends with its last whole line."""

import glob
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from otel_wandb._journal.schema import FOLDER, Message, Record

_GZIP: Final = 31
_CHUNK: Final = 256 << 10  # bytes
_NAMES: Final = "traces-*.jsonl.gz"


def journal_files(directory: str) -> Sequence[str]:
    """The files of the journal of a run directory, in order."""
    found = glob.glob(os.path.join(glob.escape(directory), "files", FOLDER, _NAMES))
    return sorted(found, key=lambda path: (len(path), path))  # of five digits after those of four


def read_journal(source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Iterator[Record]:
    """The records of a run directory or of files, in order.

    Each file begins with its `run`, where ids of messages and tools start anew: see `Texts`. Lines that are no records
    are skipped, and a damaged file gives what can be read. Raises OSError for a missing file.
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
        *whole, rest = (rest + part).split(b"\n")
        yield from whole


def _unpacked(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """What the gzip members of a file hold, as far as they can be read."""
    with open(path, "rb") as file:
        unpacker = zlib.decompressobj(_GZIP)
        while data := file.read(_CHUNK):
            while data:
                try:
                    yield unpacker.decompress(data)
                except zlib.error:
                    return
                data = unpacker.unused_data
                if unpacker.eof:
                    unpacker = zlib.decompressobj(_GZIP)
