"""Checks whether Weave accepts a span, if traces are sent to Weave."""

import os
import secrets
from collections.abc import Mapping
from time import time_ns
from typing import Final

from otel_openai_wandb._doctor.finding import Finding, failed, note, ok
from otel_wandb._interface.exporter import WEAVE_VARIABLE, Weave, read_settings
from otel_wandb._interface.install import how_to_install, missing_of
from otel_wandb._interface.runs import key_of, mode_of, server_of
from otel_wandb._interface.traces import Health

_SECONDS: Final = 15.0  # for Weave to answer
_WHAT: Final = "Weave"


def check_weave(environ: Mapping[str, str], project: str) -> Finding | None:
    """Send one span and read the answer. Returns None if traces are not sent to Weave."""
    weave = read_settings(environ).weave
    if not weave:
        return None
    if missing_of(("opentelemetry-proto",)):
        return failed(_WHAT, "opentelemetry-proto is missing", how_to_install("weave"))
    key = key_of({})
    if mode_of({}) != "online" or key is None:
        return note(_WHAT, f"{WEAVE_VARIABLE} is set, but runs are offline: send them later with openai-wandb weave")
    entity = _entity()
    if not entity:
        return failed(_WHAT, "W&B does not say whose key it is", "wandb login --relogin")
    return _sent(key, entity, project, weave)


def _sent(key: str, entity: str, project: str, weave: Weave) -> Finding:
    from otel_wandb._interface.weave import SERVER_VARIABLE, Endpoint, WeaveSender, WeaveSpan, target_of

    endpoint = Endpoint.AGENTS if weave == "agents" else Endpoint.CALLS
    target = target_of(server_of({}), key, endpoint, os.environ.get(SERVER_VARIABLE))
    health, now = Health(), time_ns()
    span = WeaveSpan(
        trace_id=secrets.token_hex(16),
        span_id=secrets.token_hex(8),
        parent_id=None,
        name="openai-wandb doctor",
        start_ns=now,
        end_ns=now + 1,
        error=None,
        attributes={"inputs": '{"question": "Does this span reach Weave?"}'},
        events=(),
    )
    sender = WeaveSender(target, health)
    sender.send([span], (("wandb.entity", entity), ("wandb.project", project)))
    sender.flush(_SECONDS)
    sender.stop(0.1)
    counts = health.summary()
    if counts.get("otel/weave_sent"):
        return ok(_WHAT, f"{target.url} took a span, which is in {entity}/{project}")
    causes = [name.removeprefix("otel/weave_dropped_") for name in counts if "weave_dropped" in name]
    said = f"{target.url} did not take a span ({', '.join(causes) or 'no answer'})"
    return failed(_WHAT, said, "wandb login --relogin" if "unauthorized" in causes else f"curl -I {target.url}")


def _entity() -> str:
    import wandb

    try:
        return str(wandb.Api().default_entity or "")
    except Exception:  # noqa: BLE001  # the finding about W&B has the reason
        return ""
