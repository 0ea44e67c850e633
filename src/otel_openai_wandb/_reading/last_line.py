"""The lines that `autolog` prints at the end of an offline run of its own."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from otel_openai_wandb._reading.run_directories import from_here
from otel_wandb._interface.journal import journal_files

if TYPE_CHECKING:
    import wandb


def offline_directory(run: "wandb.Run") -> str | None:
    """The run's directory; None if it is online. To be asked while wandb's service process lives."""
    return os.path.dirname(run.dir) if run.offline else None


def say_how_to_see(directory: str | None) -> None:
    """Name the commands for the traces of an offline run, in wandb's way: not where wandb is silent.

    wandb names its own only where a run is finished before the program ends.
    """
    import wandb

    if directory is not None and journal_files(directory):
        named = shlex.quote(from_here(Path(directory)))
        wandb.termlog(f"Upload the traces:    wandb sync {named}")
        wandb.termlog(f"See them here:        openai-wandb view {named}")
        wandb.termlog(f"In the terminal:      openai-wandb show {named}")
