"""Reads wandb's file of a run, also while it is written and after a process was killed.

The format is that of LevelDB's log: a header of 7 bytes, then blocks of 32 KiB (the header is part of the first) with
fragments of protobuf records. It is private to wandb, which has had no reader since 0.30.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from otel_wandb._runs.private.history import read_record

_MAGIC: Final = b":W&B"
_HEADER_BYTES: Final = 7
_BLOCK_BYTES: Final = 32 << 10
_FRAGMENT: Final = struct.Struct("<IHB")  # checksum of type and data, length of the data, type
_FULL, _FIRST, _LAST = 1, 2, 4  # 3 is between first and last


class UnreadableError(Exception):
    """The file is damaged, or not in the format of wandb 0.20 to 0.31."""


class RunLog:
    """Reads one file. Each `read()` continues where the last one ended."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.rows = 0
        """The number of history rows that were read."""
        self.has_ended = False
        """Whether the run's end was read."""
        self._at = 0
        self._parts: list[bytes] = []

    def read(self) -> Iterator[Mapping[str, str]]:
        """The complete history rows that are new. Values are JSON texts, and nested keys are joined with dots.

        Raises OSError and UnreadableError.
        """
        for record in self._records():
            kind = record.WhichOneof("record_type")
            if kind == "history":
                self.rows += 1
                yield {".".join(item.nested_key) or item.key: item.value_json for item in record.history.item}
            elif kind == "exit":
                self.has_ended = True

    def count(self) -> int:
        """The number of history rows in the file now. Raises the errors of `read`."""
        for _ in self.read():
            pass
        return self.rows

    def _records(self) -> Iterator[Any]:
        for kind, data in self._fragments():
            if kind in (_FULL, _FIRST):
                self._parts = []
            self._parts.append(data)
            if kind in (_FULL, _LAST):
                yield read_record(b"".join(self._parts))

    def _fragments(self) -> Iterator[tuple[int, bytes]]:
        """The type and data of each complete fragment."""
        with open(self.path, "rb") as file:
            if not self._begins(file):
                return
            while True:
                file.seek(self._at)
                left = _BLOCK_BYTES - self._at % _BLOCK_BYTES
                block = file.read(left)
                read = 0
                for kind, data in self._of_block(block):
                    read += _FRAGMENT.size + len(data)
                    self._at += _FRAGMENT.size + len(data)
                    yield kind, data
                if len(block) < left or left - read >= _FRAGMENT.size:
                    return  # the rest is not written yet
                self._at += left - read  # too short for a fragment, so it is filled with zeros

    def _begins(self, file: BinaryIO) -> bool:
        if self._at == 0:
            header = file.read(_HEADER_BYTES)
            if not header.startswith(_MAGIC[: len(header)]):
                raise UnreadableError(f"{self.path} is not a file of wandb")
            self._at = _HEADER_BYTES if len(header) == _HEADER_BYTES else 0
        return self._at > 0

    def _of_block(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        start = 0
        while start + _FRAGMENT.size <= len(block):
            checksum, length, kind = _FRAGMENT.unpack_from(block, start)
            begin, end = start + _FRAGMENT.size, start + _FRAGMENT.size + length
            if end > len(block) or not kind:
                return
            if zlib.crc32(block[begin - 1 : end]) != checksum:  # not the masked crc32c of LevelDB
                raise UnreadableError(f"{self.path}: a part of it is damaged")
            yield kind, block[begin:end]
            start = end
