"""The open run for the traces of one route, and the runs that follow it."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from otel_wandb._records.tree_json import TreeJson
from otel_wandb._runs.opening import DisabledError
from otel_wandb._runs.run import OpenRun
from otel_wandb._traces.read_trace import ReadTrace

log: Final = logging.getLogger(__name__)

_MOST_TABLES: Final = 40
_TRY_ONLINE_SECONDS: Final = 300.0
_RETRY_SECONDS: Final = 30.0  # before the next try to open a run

OpenNextRun = Callable[[Mapping[str, Any], int], OpenRun]
"""`open_next(resource, number)` opens this process's run with that number, counted from 1."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """After how many traces or seconds another run follows."""

    traces: int = 50_000
    """W&B documents 100,000 points for each metric of a run."""
    seconds: float = 7 * 86_400.0


ROTATION: Final = Rotation()


class RunLostError(Exception):
    """The run was ended from outside, or wandb's service process died. What it had not written is lost."""


class NoRunError(Exception):
    """There is no run to write to; the message says why."""


class Destination:
    """Opens a run for the first trace, and another one when that is full or was ended from outside.

    Two threads use it: one logs traces, the other table rows.
    """

    def __init__(
        self,
        open_next: OpenNextRun,
        opened_runs: int = 0,
        rotation: Rotation | None = None,
        *,
        is_replaced: bool = True,
    ) -> None:
        """`opened_runs` is the number of earlier runs of the route.

        With `is_replaced`, a run that was ended from outside is replaced. Otherwise `after` raises RunLostError.
        """
        self._open_next = open_next
        self._rotation = rotation
        self._is_replaced = is_replaced
        self._lock = threading.RLock()
        self._resource: Mapping[str, Any] = {}
        self._run: OpenRun | None = None
        self.opened_runs = opened_runs
        """The number of runs that the route has had."""
        self._since = 0.0
        self._traces = 0  # in the open run
        self._not_before = 0.0
        self._problem = ""

    @property
    def run(self) -> OpenRun | None:
        """The open run; None if there is none."""
        return self._run

    def opened(self, resource: Mapping[str, Any]) -> OpenRun:
        """The open run, which is opened if necessary. Raises NoRunError if that fails, and DisabledError.

        After a failure it is not tried again for 30 seconds.
        """
        with self._lock:
            self._resource = resource or self._resource
            return self._run or self._open()

    def log(self, tree: TreeJson, row: Mapping[str, Any], read: ReadTrace) -> OpenRun:
        """Write one trace to the open run, or to the next one. Raises NoRunError, RunLostError and wandb's errors."""
        run = self._run or self.opened(self._resource)
        try:
            run.log_trace(tree, row, read)
        except Exception as error:  # noqa: BLE001
            run = self.after(run, error)
            run.log_trace(tree, row, read)
        self._traces += 1
        return run

    def after(self, run: OpenRun, error: Exception) -> OpenRun:
        """The run that replaces `run`, if `error` means that it was ended from outside. Otherwise raises `error`."""
        if not run.was_ended(error):
            raise error
        if not self._is_replaced:
            raise RunLostError(described(error)) from error
        with self._lock:
            if self._run is run:
                self._run = None
                run.abandon()
                log.warning("the W&B run %s was ended from outside (%s); a new one continues", run.id, described(error))
            return self._run or self._open()

    @property
    def is_full(self) -> bool:
        """Whether another run should follow: this one is large or old, or is offline because W&B could not be reached.

        The number of tables counts too, because each table makes the run larger, even with few traces.
        """
        run, full_at = self._run, self.full_at
        if run is None or full_at is None:
            return False
        most = (self._rotation or ROTATION).traces
        return self._traces >= most or run.tables >= _MOST_TABLES or monotonic() >= full_at

    @property
    def full_at(self) -> float | None:
        """When the open run is full because of its age; None if no run of ours is open."""
        run = self._run
        if run is None or not run.owned:
            return None
        seconds = (self._rotation or ROTATION).seconds
        return self._since + (min(seconds, _TRY_ONLINE_SECONDS) if run.is_makeshift else seconds)

    def given_up(self) -> OpenRun | None:
        """Return our run, which the caller closes after its rows. The next trace opens another run."""
        with self._lock:
            run = self._run
            if run is None or not run.owned:
                return None
            self._run = None
            return run

    def _open(self) -> OpenRun:
        if monotonic() < self._not_before:
            raise NoRunError(self._problem)
        try:
            self._run = self._open_next(self._resource, self.opened_runs + 1)
        except DisabledError:
            raise
        except Exception as error:
            self._problem, self._not_before = described(error), monotonic() + _RETRY_SECONDS
            raise NoRunError(self._problem) from error
        self.opened_runs += 1
        self._traces = 0
        self._since = monotonic()
        return self._run


def described(error: Exception) -> str:
    """The type and message of an error."""
    return f"{type(error).__qualname__}: {error}"
