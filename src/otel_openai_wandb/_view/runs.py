"""Finds the run directories to show. Has the messages about their problems."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from otel_openai_wandb._reading.run_directories import NoRunError, run_directory
from otel_wandb._interface.journal import journal_files, read_journal, whole_traces
from otel_wandb._interface.page import PackedRun, Packer

NO_JOURNAL: Final = "has no journal: it was turned off (OTEL_WANDB_JOURNAL=false), or an older version wrote the run"
NO_TRACE: Final = "has a journal without a trace"
NO_END: Final = "has a journal without an end: the program was killed, or still runs. The page shows what was written"


@dataclass(frozen=True, slots=True)
class Directory:
    """A run's directory; `name` is its last part, and is shown to the user."""

    path: str

    @property
    def name(self) -> str:
        return os.path.basename(os.path.abspath(self.path))

    def journals(self) -> list[str]:
        return list(journal_files(self.path))


def newest_run(environ: Mapping[str, str]) -> Directory | None:
    """The newest run below WANDB_DIR, else below the working directory."""
    try:
        return Directory(str(run_directory(None, environ)))
    except NoRunError:
        return None


def pack(packer: Packer, directory: Directory) -> PackedRun:
    """Pack all records of the run's journal. Raises OSError."""
    opened = packer.open(directory.name)
    for record in whole_traces(read_journal(directory.path)):
        packer.add(opened, record)
    return opened
