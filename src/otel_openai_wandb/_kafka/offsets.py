"""Tracks which records of a partition are done, and need not be read again. Pure.

Kafka keeps one offset for each partition: all records before it are done. But records are not done in the order of
their offsets. So the metadata of a commit has a bitmap of the offsets that are done above the committed one; the next
reader of the partition skips these.
"""

import binascii
import zlib
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

MOST_METADATA: Final = 4_000  # bytes; brokers take 4,096 (`offset.metadata.max.bytes`)
EMPTY: Final = "b1:"  # never an empty text, to find out whether the broker keeps metadata
_MOST_BYTES: Final = 1 << 20  # of a bitmap; 8 million records


class Commit(NamedTuple):
    """An offset and its metadata, as kept by the broker."""

    offset: int
    """All records before this offset are done."""
    metadata: str


class Offsets:
    """The records of one partition that were read. Offsets come in ascending order."""

    def __init__(self, done: Iterable[int] = ()) -> None:
        """`done` are offsets that an earlier reader of the partition has settled."""
        self._open: OrderedDict[int, None] = OrderedDict()
        self._done = set(done)
        self._next: int | None = None

    @property
    def open_count(self) -> int:
        """The number of records that were read and are not done."""
        return len(self._open)

    def opened(self, offset: int) -> bool:
        """Note a record that was read. Returns False if it is done already."""
        self._next = offset + 1
        if offset in self._done:
            return False
        self._open[offset] = None
        return True

    def settled(self, offset: int) -> None:
        """Note that a record is done."""
        if offset in self._open:
            del self._open[offset]
            self._done.add(offset)

    @property
    def lowest(self) -> int | None:
        """The offset of the first record that is not done; None if no record was read."""
        return next(iter(self._open), self._next)

    @property
    def done(self) -> frozenset[int]:
        """The offsets above `lowest` that are done."""
        low = self.lowest
        self._done = {offset for offset in self._done if low is None or offset >= low}
        return frozenset(self._done)

    @property
    def commit(self) -> Commit | None:
        """The commit to send to the broker; None if no record was read."""
        low = self.lowest
        return None if low is None else Commit(low, metadata_of(low, self.done))


def metadata_of(lowest: int, done: Iterable[int]) -> str:
    """Encode which offsets from `lowest` on are done. If the text is too long, the highest ones are omitted."""
    bits = bytearray()
    for offset in sorted(done):
        index, bit = divmod(offset - lowest, 8)
        if index >= _MOST_BYTES:
            break
        bits.extend(bytes(index + 1 - len(bits)))
        bits[index] |= 1 << bit
    text = _encoded(bits)
    while len(text) > MOST_METADATA:
        del bits[len(bits) * 3 // 4 :]
        text = _encoded(bits)
    return text


def done_of(lowest: int, metadata: str | None) -> frozenset[int]:
    """Decode a text of `metadata_of` into the offsets that are done. Any other text gives no offsets."""
    if metadata is None or not metadata.startswith(EMPTY):
        return frozenset()
    try:
        bits = zlib.decompressobj().decompress(b64decode(metadata[len(EMPTY) :]), _MOST_BYTES)
    except (binascii.Error, ValueError, zlib.error):
        return frozenset()
    return frozenset(
        lowest + 8 * index + bit for index, byte in enumerate(bits) if byte for bit in range(8) if byte >> bit & 1
    )


def _encoded(bits: bytes | bytearray) -> str:
    return EMPTY + (b64encode(zlib.compress(bits, 9)).decode() if bits else "")
