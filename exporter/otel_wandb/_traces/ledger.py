"""Which positions of a source are open. What is settled need not be sent again."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from otel_wandb._spans.span import Position, SpanRecord


@dataclass(frozen=True, slots=True)
class Forget:
    """From now on another process reads a part of the source; its waiting spans are dropped."""

    part: int


class Accounts(Protocol):
    """Is told which spans their sender need not keep any longer. Thread safe."""

    def settle(self, spans: Iterable[SpanRecord]) -> None:
        """Each of `spans` is written, on the disk, or was counted as trimmed, a duplicate or dropped."""
        ...


class Ledger:
    """Counts the open spans of each position, and reports once when there are none. Thread safe."""

    def __init__(self, settled: Callable[[Sequence[Position]], None]) -> None:
        """`settled(positions)` is called in the thread that settles, without a lock held."""
        self._settled = settled
        self._lock = threading.Lock()
        self._open: Counter[Position] = Counter()

    @property
    def open_positions(self) -> int:
        """How many positions have open spans."""
        return len(self._open)

    def open(self, position: Position, spans: int) -> None:
        """Expect `spans` of a position, which may be none."""
        if not spans:
            self._settled([position])
            return
        with self._lock:
            self._open[position] += spans

    def settle(self, spans: Iterable[SpanRecord]) -> None:
        """See `Accounts`."""
        self.settle_positions(position for span in spans for position in span.positions)

    def settle_positions(self, positions: Iterable[Position]) -> None:
        """One span, or one log record, of each is settled."""
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
        """Expect nothing more of a part of the source."""
        with self._lock:
            for position in [position for position in self._open if position.part == part]:
                del self._open[position]


class NoAccounts:
    """For spans of this process, which nobody sends again."""

    def settle(self, spans: Iterable[SpanRecord]) -> None:
        """See `Accounts`."""
