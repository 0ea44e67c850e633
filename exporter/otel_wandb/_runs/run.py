"""A run to write to: its history, tables, summary and journal."""

import logging
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from otel_wandb._journal.schema import RunOfFile
from otel_wandb._journal.writer import Journal
from otel_wandb._page.latest import latest_page
from otel_wandb._records.history import USAGE
from otel_wandb._records.table import Row, Table
from otel_wandb._records.tree_json import TreeJson
from otel_wandb._runs.growing_table import GrowingTable
from otel_wandb._runs.private.runs import call_before_finish, is_finished
from otel_wandb._runs.private.service import means_gone, service_process, wait_until_written
from otel_wandb._runs.private.tables import without_asking_the_server
from otel_wandb._runs.shared_history import SharedHistory
from otel_wandb._traces.feedback import Feedback
from otel_wandb._traces.read_trace import ReadTrace
from otel_wandb._traces.sink import Place

if TYPE_CHECKING:
    import wandb

log: Final = logging.getLogger(__name__)

PAGE: Final = "page"
"""The key of the panel that shows the latest traces."""
_LEAST_SPACE: Final = 16 << 20  # bytes, for one more trace in two files, and for what wandb-core holds back
_WRITTEN_SECONDS: Final = 5.0  # to wait until the last records of a run are on the disk


class DiskFullError(Exception):
    """There is no space for the run's file. wandb does not report this itself."""


class JournalError(Exception):
    """The journal could not be written, so the trace is not logged to the run."""


class OpenRun:
    """A run to write to. An `owned` run is ours, and we finish it.

    In a run that several processes share (`mode="shared"`), the keys of tables and counters end in the process's label.
    """

    def __init__(self, run: "wandb.Run", *, owned: bool, is_makeshift: bool = False) -> None:
        self._run = run
        self.owned = owned
        self.is_makeshift = is_makeshift
        """Whether the run is offline because W&B could not be reached when it was made."""
        self._rank = _rank(run)
        self._directory: str | None = None
        self._step: int | None = None
        self.tells_steps = False
        """Whether `place` has the step of the last trace. wandb's service process must be asked for each step."""
        self._traces = self._shown = 0
        self._is_closing = False
        self._journal: Journal | None = None
        self._has_page = self._is_journal_first = False
        self._counters: Mapping[str, int] = {}
        self._tables: dict[str, GrowingTable] = {}
        self._log: Callable[[dict[str, Any]], None] = self._log_counted if owned else SharedHistory(run).log
        self._lock = threading.Lock()
        self.logged_rows = 0
        """The number of history rows that were given to wandb. Two threads write them."""
        self._service = service_process() if owned else None
        if owned:  # else wandb writes each trace twice, and uploads no summary if the trace is large
            run.define_metric("trace.*", summary="none")
        # A pattern matches only keys that are given to `run.log`.
        for metric in ("usage/*",) if owned else USAGE:
            run.define_metric(metric, step_metric="_timestamp")

    @property
    def id(self) -> str:
        """The run's id."""
        return str(self._run.id)

    @property
    def place(self) -> Place:
        """The entity, project and id of the run, and the step of the last trace."""
        run = self._run
        return Place(str(run.entity or ""), str(run.project or ""), self.id, is_online=not run.offline, step=self._step)

    @property
    def log_file(self) -> str:
        """The file of the run with everything that was logged. `wandb sync` reads it."""
        return os.path.join(self.directory, f"run-{self.id}.wandb")

    def call_url(self, span_id: str) -> str | None:
        """The page of a span in Weave; None for an offline run."""
        project, found, _ = str("" if self._run.offline else self._run.url or "").partition("/runs/")
        return f"{project}/r/call/{span_id}" if found else None

    @property
    def tables(self) -> int:
        """The number of tables of the run."""
        return sum(table.made for table in list(self._tables.values()))

    @property
    def directory(self) -> str:
        """The directory of the run's data, which `wandb sync` uploads."""
        if self._directory is None:
            self._directory = os.path.dirname(self._run.dir)  # which reads the disk each time
        return self._directory

    @property
    def address(self) -> str:
        """The address of the run's page, or the directory of an offline run."""
        return self.directory if self._run.offline else str(self._run.url or self.directory)

    @property
    def whereabouts(self) -> str:
        """A text that says where the run's data is, and how to upload it."""
        online = "" if self._run.offline else "--include-online "
        return f"it is in {self.directory}; upload it with: wandb sync {online}{self.directory}"

    def keep_journal(self, failed: Callable[[object], None], *, html: bool = False, is_first: bool = False) -> None:
        """Also write the traces to a journal. `failed(why)` is called for each trace that could not be written to it.

        With `html`, a panel with the latest traces is logged at the end. With `is_first`, a trace that cannot be
        written to the journal is not written at all.

        `run.save` tells wandb to upload these files, at the end of the run or by `wandb sync`.
        """
        run = self._run
        if run.disabled:
            return
        about: RunOfFile = {
            "id": self.id,
            "project": str(run.project or ""),
            "entity": str(run.entity or ""),
            "url": None if run.offline else run.url,
        }
        self._has_page = html
        self._is_journal_first = is_first
        keep = partial(run.save, base_path=run.dir, policy="end")
        # Other processes may also write files of this run, or have done so.
        first = time.time_ns() if run.resumed or self._rank is not None else 1
        self._journal = Journal(run.dir, about, keep=keep, failed=failed, first=first)

    def log_trace(self, tree: TreeJson, row: Mapping[str, Any], read: ReadTrace) -> None:
        """Write a trace to the journal, and a history row with the tree under `trace`.

        Raises DiskFullError, JournalError and wandb's errors. An online run sends rows even if its disk is full.
        """
        if self._run.offline and shutil.disk_usage(self.directory).free < _LEAST_SPACE:
            raise DiskFullError(f"{self.directory} has less than {_LEAST_SPACE >> 20} MB left")
        if self._journal is not None and not self._journal.add_trace(read) and self._is_journal_first:
            raise JournalError(f"the journal in {self.directory} could not be written")
        if self.tells_steps and self.owned:  # W&B chooses the steps of other runs
            self._step = self._run.step
        self._log({"trace": tree.value(), **row})
        self._traces += 1

    def note_feedback(self, said: Feedback) -> None:
        """Write feedback to the journal."""
        if self._journal is not None:
            self._journal.add_feedback(said)

    def log_rows(self, table: Table[Any], rows: Sequence[Row]) -> None:
        """Add rows to a table. If the run is online, waits for a request. Raises wandb's errors."""
        growing = self._tables.get(table.key)
        if growing is None:
            growing = self._tables[table.key] = GrowingTable(table, self._named(table.key))
        with without_asking_the_server():
            growing.add(rows, self._log)

    def log_page(self) -> None:
        """Log the page of the latest traces, if there are new ones. An error is only logged."""
        if self._journal is None or not self._has_page or self._shown == self._traces:
            return
        try:
            import wandb

            made = latest_page(self.directory, os.path.basename(self.directory), self._counters, time.time_ns())
            if made is not None:
                self._log({self._named(PAGE): wandb.Html(made, inject=False)})
            self._shown = self._traces
        except Exception as error:  # noqa: BLE001  # the traces are in the run anyway
            log.debug("the page of the W&B run could not be written: %s", type(error).__qualname__)

    def sync(self) -> None:
        """Sync the journal to the disk. Raises OSError."""
        if self._journal is not None:
            self._journal.sync()

    def was_ended(self, error: Exception) -> bool:
        """Whether `error` means that the run was finished from outside, or that wandb's service process died."""
        if type(error).__name__ == "UsageError" and is_finished(self._run) is not False:
            return True
        return means_gone(error)

    def summarise(self, values: Mapping[str, int]) -> None:
        """Write counters to the run's summary. An error of wandb is only logged: the data may be on the disk."""
        is_new, self._counters = self._counters != values, values
        try:
            named = {self._named(name): value for name, value in values.items()}
            self._run.summary.update(named)
            if self._rank is not None and is_new:  # W&B keeps the summary of one process only, but every row
                self._log(named)
        except Exception as error:  # noqa: BLE001
            log.debug("the summary of the W&B run could not be written: %s", error)

    def before_finish(self, flush: Callable[[], None]) -> None:
        """Call `flush` before the run is finished from outside."""

        def flush_unless_closing() -> None:
            if not self._is_closing:
                flush()
                self.log_page()
                self._end_journal()

        call_before_finish(self._run, flush_unless_closing)

    def close(self, summary: Mapping[str, int]) -> None:
        """Write the summary and the page, end the journal, and finish the run if it is ours."""
        self._is_closing = True
        self.summarise(summary)
        self.log_page()
        self._end_journal()
        if self.owned:
            self.finish()

    def finish(self) -> None:
        """Finish the run, and wait until it is on the disk.

        A user's run is finished only in a process that skips wandb's exit callbacks, because it would be lost there.
        """
        self._is_closing = True
        self._end_journal()
        try:
            self._run.finish()
            wait_until_written(_WRITTEN_SECONDS)
        except Exception as error:  # noqa: BLE001
            log.warning("the W&B run %s could not be finished (%s); its data is in %s", self.id, error, self.directory)

    def end_service(self) -> None:
        """Kill the service process that writes this run. Records that it has not written are lost."""
        if self._service is not None:
            self._service.kill()
            self._service.wait()

    def abandon(self) -> None:
        """Forget the run: it was ended from outside, or it belongs to the parent of this forked child."""
        if self._journal is not None:
            self._journal.release()

    def _log_counted(self, row: dict[str, Any]) -> None:
        self._run.log(row)
        with self._lock:
            self.logged_rows += 1

    def _named(self, key: str) -> str:
        """The key for this process: processes that share a run have their own tables and counters."""
        return key if self._rank is None else f"{key}_{self._rank}"

    def _end_journal(self) -> None:
        if self._journal is not None:
            self._journal.close(self._counters)


def _rank(run: "wandb.Run") -> str | None:
    """The label of this process in a shared run; None for any other run."""
    settings = run.settings
    if getattr(settings, "mode", None) != "shared":
        return None
    label = getattr(settings, "x_label", None) or f"{socket.gethostname()}_{os.getpid()}"
    return re.sub(r"\W", "_", label)
