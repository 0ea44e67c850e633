"""Makes the exporter's intakes for a gateway: each tenant's runs in a folder of its own, with its own W&B key."""

import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from otel_openai_wandb._gateway.feeding import MOST_BYTES, Intake, MakeIntake
from otel_openai_wandb._gateway.options import Options
from otel_wandb._interface.intake import Position

log: Final = logging.getLogger(__name__)

_NAME: Final = "tenant"  # a file in a tenant's folder that has the tenant's name


def make_intakes(options: Options) -> MakeIntake:
    """Make the exporter's intakes. Each tenant has its own folder of runs and its own W&B key."""
    from otel_wandb._interface.exporter import RECEIVED, read_settings
    from otel_wandb._interface.intake import Intake as WandbIntake
    from otel_wandb._interface.intake import IntakeOptions
    from otel_wandb._interface.runs import key_of

    keys = {tenant.name: tenant.key for tenant in options.tokens.tenants}
    # A run without a key gets the key of the run that wandb made before: that would be another tenant's.
    own = (key_of({}) or "") if keys else None

    def make(name: str, settled: Callable[[Sequence[Position]], None]) -> Intake:
        entity, _, project = name.partition("/")
        directory = _named(_runs_of(options.directory) / folder_of(name), name)
        key = keys.get(name) or own
        if key == "":
            log.warning("there is no W&B key for %s: its runs stay on the disk", name or "spans without a token")
        given = IntakeOptions(
            directory=str(directory),
            worker=options.worker,
            project=project or options.project,
            entity=entity or options.entity,
            key=key,
            settings=read_settings(os.environ, RECEIVED),
            most_bytes=MOST_BYTES,
        )
        intake: Intake = WandbIntake(given, settled)
        return intake

    return make


def tenants_with_runs(directory: Path) -> Iterator[str]:
    """The names of the tenants that have runs in the gateway's directory."""
    for file in _runs_of(directory).glob(f"*/{_NAME}"):
        if any(file.parent.glob("wandb/*run-*")):
            yield file.read_text(encoding="utf-8")


def _named(directory: Path, name: str) -> Path:
    """A tenant's folder with the file of its name. It is not replaced: the disk may be full."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / _NAME
    if not file.exists() or file.read_text(encoding="utf-8") != name:
        file.write_text(name, encoding="utf-8")
    return directory


def _runs_of(directory: Path) -> Path:
    return directory / "runs"


def folder_of(tenant: str) -> str:
    """The name of a tenant's folder: unique, and safe for any characters in the tenant's name."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", tenant)[:60].strip("-") or "all"
    return f"{readable}-{hashlib.sha256(tenant.encode()).hexdigest()[:8]}"
