"""Tracks which positions of a source are open. Settled ones need not be sent again."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from otel_wandb._spans.span import Position, SpanRecord


@dataclass(frozen=True, slots=True)
class Forget:
    """A command to drop the waiting spans of a part of the source, because another process reads it now."""

    part: int


class Accounts(Protocol):
    """Is notified of spans that their sender may delete. Thread safe."""

    def settle(self, spans: Iterable[SpanRecord]) -> None:
        """Note that each of `spans` is on the disk, or was counted as trimmed, a duplicate or dropped."""
        ...


class Ledger:
    """Counts the open spans of each position, and reports a position once when it has none. Thread safe."""

    def __init__(self, settled: Callable[[Sequence[Position]], None]) -> None:
        """`settled(positions)` is called in the thread that settles, while no lock is held."""
        self._settled = settled
        self._lock = threading.Lock()
        self._open: Counter[Position] = Counter()

    @property
    def open_positions(self) -> int:
        """The number of positions with open spans."""
        return len(self._open)

    def open(self, position: Position, spans: int) -> None:
        """Expect this number of spans at a position. It may be 0."""
        if not spans:
            self._settled([position])
            return
        with self._lock:
            self._open[position] += spans

    def settle(self, spans: Iterable[SpanRecord]) -> None:
        """See `Accounts`."""
        self.settle_positions(position for span in spans for position in span.positions)

    def settle_positions(self, positions: Iterable[Position]) -> None:
        """Note that one span, or one log record, of each position is settled."""
        counts = Counter(positions)
        done = []
        with self._lock:
            for position in counts.keys() & self._open.keys():  # others were forgotten
                self._open[position] -= counts[position]
                if self._open[position] <= 0:
                    del self._open[position]
                    done.append(position)
        if done:
            self._settled(done)

    def forget(self, part: int) -> None:
        """Forget all positions of a part of the source."""
        with self._lock:
            for position in [position for position in self._open if position.part == part]:
                del self._open[position]


class NoAccounts:
    """For spans of this process, which are not sent again."""

    def settle(self, spans: Iterable[SpanRecord]) -> None:
        """See `Accounts`."""
