"""The partitions that this worker reads, and their open records. Thread safe: the intake's threads settle positions."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count

from otel_openai_wandb._kafka.offsets import Commit, Offsets, done_of
from otel_wandb._interface.intake import Position


@dataclass(slots=True)
class _Reading:
    part: int
    offsets: Offsets
    committed: Commit | None = None


class Partitions:
    """The offsets of each partition.

    Each assignment of a partition has a new number `part`, which is in its positions. So a position of an earlier
    assignment that is settled late does not settle a record that was read again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts = count(1)
        self._readings: dict[int, _Reading] = {}
        self._partition_of: dict[int, int] = {}

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the assigned partitions."""
        return frozenset(self._readings)

    @property
    def open_count(self) -> int:
        """The number of open records in all partitions."""
        with self._lock:
            return sum(reading.offsets.open_count for reading in self._readings.values())

    def assign(self, partition: int, committed: Commit | None) -> None:
        """Note that a partition is assigned, with the last commit of its earlier readers."""
        done = frozenset[int]() if committed is None else done_of(committed.offset, committed.metadata)
        with self._lock:
            self._begin(partition, Offsets(done))

    def open(self, partition: int, offset: int) -> Position | None:
        """Note a record that was read. Returns None if it is done, or if the partition is not assigned any more."""
        with self._lock:
            reading = self._readings.get(partition)
            if reading is None or not reading.offsets.opened(offset):
                return None
            return Position(reading.part, offset)

    def settle(self, positions: Iterable[Position]) -> None:
        """Note that records are done."""
        with self._lock:
            for position in positions:
                partition = self._partition_of.get(position.part)
                if partition is not None:
                    self._readings[partition].offsets.settled(position.number)

    def revoke(self, partition: int) -> int | None:
        """Forget a partition. Returns the `part` of its positions; None if it was not assigned."""
        with self._lock:
            reading = self._readings.pop(partition, None)
            if reading is None:
                return None
            del self._partition_of[reading.part]
            return reading.part

    def is_settled(self, partitions: Iterable[int]) -> bool:
        """Whether these partitions have no open record."""
        with self._lock:
            return not any(self._readings[number].offsets.open_count for number in partitions)

    def start_again(self) -> Mapping[int, int]:
        """Forget all open records. Returns the offset to seek to, for each partition with a record that was read."""
        with self._lock:
            back: dict[int, int] = {}
            for partition, reading in list(self._readings.items()):
                low, done = reading.offsets.lowest, reading.offsets.done
                del self._partition_of[reading.part]
                self._begin(partition, Offsets(done))
                if low is not None:
                    back[partition] = low
            return back

    def commits(self, partitions: Iterable[int] | None = None) -> Mapping[int, Commit]:
        """The commits that have changed since the last call, of all partitions or of these."""
        wanted = None if partitions is None else frozenset(partitions)
        with self._lock:
            found: dict[int, Commit] = {}
            for partition, reading in self._readings.items():
                commit = reading.offsets.commit if wanted is None or partition in wanted else None
                if commit is not None and commit != reading.committed:
                    found[partition] = reading.committed = commit
            return found

    def not_committed(self, partitions: Iterable[int]) -> None:
        """Note that a commit of these failed. The next `commits` returns them again."""
        with self._lock:
            for partition in partitions:
                if partition in self._readings:
                    self._readings[partition].committed = None

    def _begin(self, partition: int, offsets: Offsets) -> None:
        part = next(self._parts)
        self._readings[partition] = _Reading(part, offsets)
        self._partition_of[part] = partition
