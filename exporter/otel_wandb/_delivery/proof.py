"""Settles spans when everything that was logged for them is in the files of their runs, on the disk.

wandb confirms nothing: its service process writes a row within a second, unless it is killed before. So the rows of the
history are counted in the file of the run. This works because nobody else writes to our runs.
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

_INTERVAL: Final = 0.5  # seconds between two reads of the files
_LONGEST_WAIT: Final = 60.0  # until a row is in its file; after that wandb's service process counts as dead


@dataclass(frozen=True, slots=True)
class _Claim:
    """Spans that are completely logged, with the number of rows that their runs had then."""

    spans: Sequence[SpanRecord]
    rows: Mapping[OpenRun, int]
    since: float


class Proof:
    """Checks that logged rows are in the files of runs, in a separate thread."""

    def __init__(
        self,
        accounts: Accounts,
        lost: Callable[[str], None],
        let_go: Callable[[OpenRun], None],
        rotation: Rotation,
        most_runs: int,
    ) -> None:
        """`lost(why)` is called if rows do not reach a file, and `let_go(run)` when a closed run has all its rows."""
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
        """The number of spans that were logged but not found in a file yet, and their bytes."""
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
        """Read the files once. Returns whether everything was found, within `timeout` seconds."""
        return self._worker.flush(timeout) and not self._claims

    def stop(self, timeout: float) -> bool:
        """Read the files once more, and end the thread. Returns whether everything was found."""
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
        """Read the files, and settle found spans in the order in which they were logged."""
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
                self._give_up(rows, f"the disk cannot be synced: {error}")
                self._due = None  # nothing more is settled, so everything is sent again
                return
            self._accounts.settle(found)
            self._on_the_way.give_back(len(found), sum(map(size_of_record, found)))
        if self._claims and monotonic() - self._claims[0].since > _LONGEST_WAIT:
            why = "wandb's service process does not write rows to the file of the run"
            self._give_up(self._claims[0].rows, why)
        self._forget()
        self._due = monotonic() + _INTERVAL if self._claims else None

    def _give_up(self, runs: Iterable[OpenRun], why: str) -> None:
        """Report a loss. The service process is ended, so that it does not write after others have read the files."""
        for run in runs:
            run.end_service()
        self._lost(why)

    def _is_found(self, claim: _Claim, rows: dict[OpenRun, float]) -> bool:
        for run, logged in claim.rows.items():
            if run not in rows:
                rows[run] = self._rows_of(run)
            if rows[run] < logged:
                return False
        return True

    def _rows_of(self, run: OpenRun) -> float:
        """The number of rows in the file of a run; infinite if the run has ended, because no more rows will come."""
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
        """Call `let_go` for closed runs whose files have all expected rows."""
        expected = {run for claim in self._claims for run in claim.rows}
        for run in [run for run in self._closed if run not in expected]:
            self._closed.remove(run)
            self._logs.pop(run, None)
            self._let_go(run)
