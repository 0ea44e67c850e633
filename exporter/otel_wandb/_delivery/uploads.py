"""Deletes runs from the disk that W&B has, and uploads runs that it lacks."""

import glob
import logging
import os
import shutil
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final

from otel_wandb._delivery.run_log import RunLog, UnreadableError
from otel_wandb._journal.reader import journal_files, read_journal
from otel_wandb._process.worker import Worker
from otel_wandb._runs.upload import LocalRun, is_uploaded, run_path, sync

log: Final = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class _Task:
    run: LocalRun
    due: float
    is_first: bool = True


class Uploads:
    """Uploads and deletes closed runs, in a separate thread."""

    def __init__(self, environment: Mapping[str, str], *, keep_seconds: float) -> None:
        """A run is kept for `keep_seconds` more, because the next process needs it after a kill to find its traces."""
        self._environment = environment
        self._keep_seconds = keep_seconds
        self._tasks: list[_Task] = []
        self._worker: Worker[_Task] = Worker(
            "otel-wandb-uploads", self._tasks.append, flush=self._work, wake=self._work, due=self._due
        )

    @property
    def waiting(self) -> int:
        """The number of closed runs on the disk."""
        return len(self._tasks)

    def add(self, run: LocalRun) -> None:
        """Take a run that was closed, or that an earlier process left."""
        self._worker.put(_Task(run, monotonic() + self._keep_seconds))

    def abandon(self) -> None:
        """End the thread. The next process will find the runs on the disk."""
        self._worker.abandon()

    def _due(self) -> float | None:
        return min((task.due for task in self._tasks), default=None)

    def _work(self) -> None:
        now = monotonic()
        for task in [task for task in self._tasks if task.due <= now]:
            is_done = self._is_done(task.run)
            self._tasks.remove(task)
            if not is_done:
                self._tasks.append(_Task(task.run, now + (0.0 if task.is_first else _RETRY_SECONDS), is_first=False))

    def _is_done(self, run: LocalRun) -> bool:
        """Delete the run if W&B has all of it, else upload it. Returns whether it was deleted."""
        try:
            if is_uploaded(run):
                shutil.rmtree(run.directory)
                return True
            why = sync(run, self._environment)
        except Exception as error:  # noqa: BLE001
            why = type(error).__qualname__
        if why is not None:
            log.warning("the run in %s is not in W&B yet: %s", run.directory, why)
        return False


def runs_left_behind(directory: str, key: str | None) -> Iterator[LocalRun]:
    """The runs below `directory` that have a journal. `key` is their W&B key."""
    for path in _run_files(directory):
        folder = os.path.dirname(path)
        about = next((record["run"] for record in read_journal(folder) if record["record"] == "run"), None)
        if about is not None:
            whole = run_path(about["entity"], about["project"], about["id"])
            try:
                yield LocalRun(folder, whole, RunLog(path).count(), key)
            except (OSError, UnreadableError) as error:
                log.warning("the run in %s cannot be uploaded: %s", folder, error)


def delete_empty(directory: str, but: Container[str] = ()) -> None:
    """Delete the empty directories of runs that W&B refused when they were opened. Each attempt leaves one.

    `but` has the directories of open runs.
    """
    for path in _run_files(directory):
        folder = os.path.dirname(path)
        with suppress(OSError, UnreadableError):  # the directory stays
            if folder not in but and not list(journal_files(folder)) and not RunLog(path).count():
                shutil.rmtree(folder)


def _run_files(directory: str) -> Sequence[str]:
    return glob.glob(os.path.join(glob.escape(directory), "wandb", "*run-*", "run-*.wandb"))
