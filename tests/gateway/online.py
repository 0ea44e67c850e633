"""A gateway that writes to the server that stands for W&B, with times that a test can wait for."""

import json
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from tests.gateway.serving import Running
from tests.support.wandb_faults import Kind
from tests.support.wandb_server import IMPATIENT, WandbServer

SOON: Final[Mapping[str, str]] = {
    "WANDB_MODE": "online",
    "WANDB_ERROR_REPORTING": "false",
    "OTEL_WANDB_QUIET": "0.3",
    "OTEL_WANDB_IDLE": "1",
    "OTEL_WANDB_MAX_AGE": "2",  # so long a run stays on the disk
    "OTEL_WANDB_TABLE_INTERVAL": "0.5",
    "OTEL_WANDB_EXIT_TIMEOUT": "6",
}

# What the program does first: what is minutes and thousands of traces otherwise is seconds and `traces`.
IMPATIENTLY: Final = """
import functools
from otel_wandb._delivery import uploads
from otel_wandb._interface import intake
from otel_wandb._runs import destination
uploads._RETRY_SECONDS = 0.5
destination._TRY_ONLINE_SECONDS = 0.5
rotation = destination.Rotation(traces={traces})
intake.IntakeOptions = functools.partial(intake.IntakeOptions, rotation=rotation)
"""


def impatiently(traces: int = 20_000) -> str:
    """For `more` of a gateway."""
    return IMPATIENTLY.replace("{traces}", str(traces))


def online(server: WandbServer, **more: str) -> dict[str, str]:
    """The environment of a gateway."""
    return {**server.environment, **IMPATIENT, **SOON, **more}


def tokens(directory: Path, **tenants: tuple[str, bool]) -> str:
    """A file of tokens, each with its `entity/project`, and whether its W&B key is in `KEY_<token>`."""
    file = directory / "tokens"
    lines = []
    for token, (tenant, has_key) in tenants.items():
        entity, _, project = tenant.partition("/")
        key = {"key_variable": f"KEY_{token}"} if has_key else {}
        digest = sha256(token.encode()).hexdigest()
        lines.append(json.dumps({"sha256": digest, "entity": entity, "project": project, **key}))
    file.write_text("\n".join(lines))
    return str(file)


def senders(server: WandbServer) -> dict[str, set[str | None]]:
    """The keys that were used for each `entity/project`."""
    found: dict[str, set[str | None]] = {}
    for request in server.requests:
        if request.kind is Kind.FILE_STREAM:
            _, _, entity, project, *_ = request.path.split("/")
        elif request.operation == "UpsertBucket":
            asked = json.loads(request.body)["variables"]
            entity, project = asked["entity"], asked["project"]
        else:
            continue
        found.setdefault(f"{entity}/{project}", set()).add(request.key)
    return found


def rows(server: WandbServer) -> dict[str, Counter[str]]:
    """How often each trace is in the runs of each `entity/project`, by its id."""
    found: dict[str, Counter[str]] = {}
    for run in server.runs.values():
        counts = found.setdefault(f"{run.entity}/{run.project}", Counter())
        counts.update(str(row["trace_id"]) for row in run.history if "trace_id" in row)
    return found


def expected(*numbers: int) -> Counter[str]:
    """Each trace of `tests.gateway.otlp` once."""
    return Counter(f"{number:032x}" for number in numbers)


def run_directories(running: Running) -> list[Path]:
    """What is on the gateway's disk of runs."""
    return list(running.directory.glob("runs/*/wandb/*run-*"))


def is_drained(running: Running) -> bool:
    """Whether nothing is in the spool."""
    return running.figures()["openai_wandb_gateway_spool_held_spans"] == 0
