"""The demo's W&B run: how it is made, and where it is."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from otel_openai_wandb._run_directories import from_here
from otel_wandb._runs.account import has_key, mode_of

# For W&B; the first is also how long its process may live on after a Ctrl-C before it is answered.
_INIT_SECONDS: Final = 15
_FINISH_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is: at `url`, else in `directory`, else nowhere."""

    url: str | None
    directory: str | None

    def described(self) -> tuple[str, str | None]:
        """A sentence, and the line that it announces."""
        if self.url is not None:
            return "The traces are in W&B:", self.url
        if self.directory is not None:
            return "The traces are in an offline W&B run; upload it with:", f"wandb sync {shlex.quote(self.directory)}"
        return "W&B is switched off: the traces were not kept.", None


def silence() -> None:
    """Keep wandb from writing to the terminal in this process; the settings of a run do not cover its log-in."""
    import wandb

    wandb.setup(wandb.Settings(silent=True))


def must_be_offline() -> bool:
    """Whether wandb would ask for a key: it has none, and no mode is set that needs none."""
    return not os.environ.get("WANDB_MODE") and mode_of({}) == "online" and not has_key({})


def init_arguments(project: str, *, offline: bool) -> dict[str, Any]:
    """What `wandb.init` is called with: nothing of the machine, the terminal or the directory is recorded."""
    import wandb

    settings = wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        x_disable_stats=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
        init_timeout=_INIT_SECONDS,
        finish_timeout=_FINISH_SECONDS,
    )
    return {"project": project, "settings": settings, **({"mode": "offline"} if offline else {})}


def current_place() -> Place:
    """The place of the run that `wandb.init` made."""
    import wandb

    run = wandb.run
    if run is None or run.disabled:
        return Place(None, None)
    return Place(None if run.offline else run.url, from_here(Path(run.dir).parent))


def close_wandb() -> None:
    """End wandb's process, with whatever an interrupt left of a run."""
    import wandb

    wandb.teardown()
