"""Finds the run directories to show, and says what is wrong with them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from otel_openai_wandb._reading.run_directories import NoRunError, run_directory
from otel_wandb._interface.journal import journal_files, read_journal
from otel_wandb._interface.page import PackedRun, Packer

NO_JOURNAL: Final = "has no journal: it was turned off (OTEL_WANDB_JOURNAL=false), or an older version wrote the run"
NO_TRACE: Final = "has a journal and no trace in it"
NO_END: Final = "has a journal without an end: the program was killed, or still runs; shown is what was written"


@dataclass(frozen=True, slots=True)
class Directory:
    """A run's directory; `name` is what people know it by."""

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
    """Pack all that the run's journal has. Raises OSError."""
    opened = packer.open(directory.name)
    for record in read_journal(directory.path):
        packer.add(opened, record)
    return opened
