"""Settles spans when everything that was logged of them is in the files of their runs, on the disk.

wandb acknowledges nothing: its service process writes what it was handed within a second, or is killed before. The
rows of a run's history are counted in its file instead. Our runs are written to by nobody else.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from otel_wandb._delivery.run_log import RunLog, UnreadableError
from otel_wandb._journal.writer import sync_file
from otel_wandb._process.budget import Budget
from otel_wandb._process.worker import Worker
from otel_wandb._runs.destination import Rotation
from otel_wandb._runs.run import OpenRun
from otel_wandb._spans.size import size_of_record
from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.ledger import Accounts

log: Final = logging.getLogger(__name__)

_INTERVAL: Final = 0.5  # seconds between two looks at the files
_LONGEST_WAIT: Final = 60.0  # for a row to be in its file; after that wandb's service process is taken for dead


@dataclass(frozen=True, slots=True)
class _Claim:
    """Spans of which everything was logged when their runs had so many rows."""

    spans: Sequence[SpanRecord]
    rows: Mapping[OpenRun, int]
    since: float


class Proof:
    """Checks in a thread of its own that logged rows are in the files of runs."""

    def __init__(
        self,
        accounts: Accounts,
        lost: Callable[[str], None],
        let_go: Callable[[OpenRun], None],
        rotation: Rotation,
        most_runs: int,
    ) -> None:
        """`lost(why)` is called if rows do not reach a file, `let_go(run)` when a closed run has all its rows."""
        self._let_go = let_go
        self._lost = lost
        self.rotation = rotation
        self.most_runs = most_runs
        self._accounts = accounts
        self._on_the_way = Budget(0, 0)
        self._claims: deque[_Claim] = deque()
        self._closed: list[OpenRun] = []
        self._logs: dict[OpenRun, RunLog] = {}
        self._due: float | None = None
        self._worker: Worker[_Claim | OpenRun] = Worker(
            "otel-wandb-proof", self._take, flush=self._look, wake=self._look, due=lambda: self._due
        )

    @property
    def on_the_way(self) -> tuple[int, int]:
        """How many spans were given to runs and are not found in their files yet, and their bytes."""
        return self._on_the_way.items, self._on_the_way.size

    def begun(self, spans: Sequence[SpanRecord]) -> None:
        """See `Delivery`."""
        self._on_the_way.add(len(spans), sum(map(size_of_record, spans)))

    def written(self, runs: Sequence[OpenRun], spans: Sequence[SpanRecord]) -> None:
        """See `Delivery`."""
        self._worker.put(_Claim(spans, {run: run.logged_rows for run in runs}, monotonic()))

    def closed(self, run: OpenRun) -> None:
        """See `Delivery`."""
        self._worker.put(run)

    def lost(self, why: str) -> None:
        """See `Delivery`."""
        self._lost(why)

    def settle(self, spans: Iterable[SpanRecord]) -> None:
        """See `Delivery`."""
        self._accounts.settle(spans)

    def flush(self, timeout: float) -> bool:
        """Look once, and say whether everything was found."""
        return self._worker.flush(timeout) and not self._claims

    def stop(self, timeout: float) -> bool:
        """Look once more, and end the thread; False if something was not found."""
        return self._worker.stop(timeout) and not self._claims

    def abandon(self) -> None:
        """See `Delivery`."""
        self._worker.abandon()

    def _take(self, item: _Claim | OpenRun) -> None:
        if isinstance(item, _Claim):
            self._claims.append(item)
        else:
            self._closed.append(item)
        if self._due is None:
            self._due = monotonic() + _INTERVAL

    def _look(self) -> None:
        """Settle what is found, in the order in which it was logged."""
        found: list[SpanRecord] = []
        rows: dict[OpenRun, float] = {}
        while self._claims and self._is_found(self._claims[0], rows):
            found += self._claims.popleft().spans
        if found:
            try:
                for run in rows:
                    sync_file(run.log_file)
                    run.sync()
            except OSError as error:
                self._lost(f"the disk does not keep what is written: {error}")
                self._due = None  # nothing more is settled; all of it is sent again
                return
            self._accounts.settle(found)
            self._on_the_way.give_back(len(found), sum(map(size_of_record, found)))
        if self._claims and monotonic() - self._claims[0].since > _LONGEST_WAIT:
            self._lost("wandb's service process does not write what it is handed")
        self._forget()
        self._due = monotonic() + _INTERVAL if self._claims else None

    def _is_found(self, claim: _Claim, rows: dict[OpenRun, float]) -> bool:
        for run, logged in claim.rows.items():
            if run not in rows:
                rows[run] = self._rows_of(run)
            if rows[run] < logged:
                return False
        return True

    def _rows_of(self, run: OpenRun) -> float:
        """How many rows are in the file of a run. Of a run that has ended, this number is final."""
        reader = self._logs.get(run)
        if reader is None:
            reader = self._logs[run] = RunLog(run.log_file)
        try:
            rows = reader.count()
        except FileNotFoundError:
            return 0
        except (OSError, UnreadableError) as error:
            self._lost(str(error))
            return 0
        return float("inf") if reader.has_ended else rows

    def _forget(self) -> None:
        """Let closed runs go if no more rows are expected in their files."""
        expected = {run for claim in self._claims for run in claim.rows}
        for run in [run for run in self._closed if run not in expected]:
            self._closed.remove(run)
            self._logs.pop(run, None)
            self._let_go(run)
