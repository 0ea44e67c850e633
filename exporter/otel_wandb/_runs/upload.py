"""Checks whether W&B has a run, and uploads a run that it lacks."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from otel_wandb._journal.reader import journal_files
from otel_wandb._runs.account import has_key

_SECONDS: Final = 20  # for one request
_SYNC_SECONDS: Final = 600.0
_NOT_THERE: Final = "Could not find run"


@dataclass(frozen=True, slots=True)
class LocalRun:
    """A run on the disk."""

    directory: str
    path: str
    """`entity/project/id`, without the entity if W&B chooses it."""
    rows: int
    """The number of its history rows."""
    key: str | None
    """The W&B key of its project; None means the key that wandb finds, "" that there is none."""


class NoKeyError(Exception):
    """There is no W&B key for a run. wandb would ask for one at a terminal."""


def run_path(entity: str, project: str, run_id: str) -> str:
    """See `LocalRun.path`."""
    return "/".join(part for part in (entity, project, run_id) if part)


def is_uploaded(run: LocalRun) -> bool:
    """Whether W&B has all rows of the history and the whole journal.

    Raises NoKeyError, and wandb's errors if it cannot tell.
    """
    import wandb

    if run.key == "" or (run.key is None and not has_key({})):
        raise NoKeyError
    api = wandb.Api(timeout=_SECONDS, api_key=run.key)
    try:
        theirs = api.run(run.path)
    except Exception as error:
        # The run was made while W&B could not be reached. wandb has a class for this error only since 0.31.
        if _NOT_THERE in str(error):
            return False
        raise
    if int(theirs.lastHistoryStep) + 1 < run.rows:
        return False
    files = os.path.join(run.directory, "files")
    sizes = {os.path.relpath(path, files): os.path.getsize(path) for path in journal_files(run.directory)}
    return sizes.items() <= {file.name: file.size for file in theirs.files(names=list(sizes))}.items()


def sync(run: LocalRun, environment: Mapping[str, str]) -> str | None:
    """Upload a run by `wandb sync`. Returns None, or the reason if that failed. Does not send what W&B has already."""
    env = {**environment, **({} if run.key is None else {"WANDB_API_KEY": run.key})}
    command = [sys.executable, "-m", "wandb", "sync", "--include-online", "--include-synced", run.directory]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=_SYNC_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    return None if done.returncode == 0 else done.stderr.strip().rpartition("\n")[2]
