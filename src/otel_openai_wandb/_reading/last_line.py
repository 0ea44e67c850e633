"""Prints lines at the end of an offline run that `autolog` made."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from otel_openai_wandb._reading.run_directories import from_here
from otel_wandb._interface.journal import journal_files

if TYPE_CHECKING:
    import wandb


def offline_directory(run: "wandb.Run") -> str | None:
    """The run's directory; None if it is online. Call this while wandb's service process lives."""
    return os.path.dirname(run.dir) if run.offline else None


def say_how_to_see(directory: str | None) -> None:
    """Print the commands that upload and show an offline run, unless wandb is told to be silent.

    wandb prints its own command only if the run is finished before the program ends.
    """
    import wandb

    if directory is not None and journal_files(directory):
        named = shlex.quote(from_here(Path(directory)))
        wandb.termlog(f"Upload the traces:    wandb sync {named}")
        wandb.termlog(f"See them here:        openai-wandb view {named}")
        wandb.termlog(f"In the terminal:      openai-wandb show {named}")
