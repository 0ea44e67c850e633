"""What `autolog` says at the end of an offline run of its own."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from otel_openai_wandb._run_directories import from_here
from otel_wandb._journal.reader import journal_files

if TYPE_CHECKING:
    import wandb


def say_how_to_see(run: "wandb.Run") -> None:
    """Name the commands for the traces of an offline run, in wandb's way: not where wandb is silent.

    wandb names its own only where a run is finished before the program ends.
    """
    import wandb

    directory = os.path.dirname(run.dir)
    if run.offline and journal_files(directory):
        named = shlex.quote(from_here(Path(directory)))
        wandb.termlog(f"Upload the traces:    wandb sync {named}")
        wandb.termlog(f"See them here:        openai-wandb view {named}")
        wandb.termlog(f"In the terminal:      openai-wandb show {named}")
