"""The demo's W&B run: its settings, and where it is."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from otel_wandb._interface import RECORDS_NOTHING

if TYPE_CHECKING:
    import wandb


class Place(NamedTuple):
    """Where a run is: at `url`, else in `directory`, else nowhere."""

    url: str | None
    directory: str | None

    def described(self) -> Iterator[tuple[str, str | None]]:
        """Sentences, each with the line that it announces."""
        directory = None if self.directory is None else shlex.quote(self.directory)
        if self.url is not None:
            yield "The traces are in W&B:", self.url
        elif directory is not None:
            yield "The traces are in an offline W&B run; upload it with:", f"wandb sync {directory}"
        else:
            yield "W&B is switched off: the traces were not kept.", None
        if directory is not None:
            look = "Look at them without an account, in the browser or (`show`) in the terminal:"
            yield look, f"openai-wandb view {directory}"


def run_settings() -> "wandb.Settings":
    """Settings that record nothing of the machine, and wait seconds for W&B rather than minutes."""
    import wandb

    return wandb.Settings(**RECORDS_NOTHING, init_timeout=15, finish_timeout=30)


def current_place() -> Place:
    """The place of the run that `wandb.init` made; a directory below this one is relative."""
    import wandb

    run = wandb.run
    if run is None or run.disabled:
        return Place(None, None)
    directory, here = Path(run.dir).parent, Path.cwd()
    short = directory.relative_to(here) if directory.is_relative_to(here) else directory
    return Place(None if run.offline else run.url, str(short))
