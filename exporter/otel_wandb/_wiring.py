"""Puts the pipeline together: its sinks, its limits and the user's choices. Imported at the first span."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import environ
from typing import Any

from otel_wandb._pipeline import Choices, Pipeline
from otel_wandb._process.health import Health
from otel_wandb._runs.account import key_of, server_of
from otel_wandb._runs.sink import OpenRunFor, RunSink
from otel_wandb._settings import Settings, Weave
from otel_wandb._spans.log_records import LogStore
from otel_wandb._traces.assembly import Limits
from otel_wandb._traces.routes import Route
from otel_wandb._traces.sink import Sink


@dataclass(frozen=True, slots=True)
class Options:
    """What the exporter was told."""

    choices: Choices
    settings: Settings
    route: Route | None
    """The project of traces that name none; None where all go to one run."""
    init: Mapping[str, Any]
    """The arguments of `wandb.init` for runs of our own."""
    weave: Weave


def wired(open_run: OpenRunFor, options: Options, health: Health, logs: LogStore) -> tuple[Pipeline, RunSink]:
    """The pipeline, and the sink that knows its runs."""
    settings = options.settings
    runs = RunSink(
        open_run,
        options.route,
        health,
        table_interval=settings.table_interval,
        has_calls_in_weave=options.weave is True,
    )
    limits = Limits(quiet=settings.quiet, idle=settings.idle, max_age=settings.max_age)
    sinks = [runs, *_weave_sinks(options, health)]
    return Pipeline(sinks, options.choices, limits, health=health, logs=logs), runs


def _weave_sinks(options: Options, health: Health) -> Sequence[Sink]:
    if not options.weave:
        return ()
    from otel_wandb._weave.sink import WeaveSink
    from otel_wandb._weave.spans import Endpoint
    from otel_wandb._weave.target import SERVER_VARIABLE, Target, target_of

    endpoint = Endpoint.AGENTS if options.weave == "agents" else Endpoint.CALLS

    def target() -> Target | None:
        key = key_of(options.init)
        return None if key is None else target_of(server_of(options.init), key, endpoint, environ.get(SERVER_VARIABLE))

    return [WeaveSink(target, endpoint, health)]
