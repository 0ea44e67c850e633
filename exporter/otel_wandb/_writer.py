"""The writer of the exporter: makes the pipeline and its sinks, and opens the runs.

Imported for the first span or for a given run, so that a program starts faster.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan

from otel_wandb._costs.prices import PRICES
from otel_wandb._options import Options
from otel_wandb._pipeline import Choices, Pipeline
from otel_wandb._process.health import Health
from otel_wandb._runs.account import key_of, server_of
from otel_wandb._runs.opening import RunOptions, given_run, init_beside, open_run
from otel_wandb._runs.private.service import forget_service
from otel_wandb._runs.run import OpenRun
from otel_wandb._runs.sink import RunSink
from otel_wandb._spans.log_records import LogStore
from otel_wandb._spans.source import SdkSpans
from otel_wandb._traces.assembly import Limits
from otel_wandb._traces.routes import Route
from otel_wandb._traces.selection import KEEPS
from otel_wandb._traces.sink import Sink

if TYPE_CHECKING:
    import wandb


@dataclass(frozen=True, slots=True)
class Events:
    """Callbacks for events of a run."""

    opened: Callable[[], None]
    """A run was opened, or was given."""
    ending: Callable[[], None]
    """The program finishes a run: write what is waiting."""


class TraceWriter:
    """Writes traces to runs. Each process has its own; a forked child makes another one."""

    def __init__(self, options: Options, events: Events, *, health: Health, logs: LogStore) -> None:
        self._options = options
        self._events = events
        self._health = health
        self._logs = logs
        run = options.run
        self._init = options.init if run is None else init_beside(run)
        self._given = None if run is None else self._attached(given_run(run))
        self._next_run: Callable[[], wandb.Run | None] | None = None
        self._runs: RunSink | None = None
        self._pipeline: Pipeline[ReadableSpan] | None = None

    @property
    def init(self) -> Mapping[str, Any]:
        """The arguments of `wandb.init` for our own run. With a given run, it is in the same project and group."""
        return self._init

    @property
    def runs(self) -> Sequence[OpenRun]:
        """The open runs that were written to."""
        return [] if self._runs is None else self._runs.runs

    @property
    def given(self) -> OpenRun | None:
        """The user's run to write to, if one was given."""
        return self._given

    @property
    def unused(self) -> OpenRun | None:
        """The given run, if no trace was written to it. Its summary gets the counters too."""
        return None if self._pipeline is None or self.runs else self._given

    def follow(self, next_run: "Callable[[], wandb.Run | None]") -> None:
        """If the given run is ended from outside, continue in the run that `next_run` returns, if any."""
        self._next_run = next_run

    def pipeline(self, *, comes_at_once: bool = False) -> Pipeline[ReadableSpan]:
        """The pipeline. `comes_at_once`: spans are exported when they end. Raises RuntimeError without a thread."""
        if self._pipeline is None:
            settings, keep, weave = self._options.settings, self._options.keep, self._options.weave
            runs = RunSink(
                self._open_run,
                _route_of(self._init) if self._options.is_routed else None,
                self._health,
                table_interval=settings.table_interval,
                has_calls_in_weave=weave is True,
            )
            self._pipeline = Pipeline(
                SdkSpans(self._logs),
                [runs, *self._weave_sinks()],
                Choices(keep if callable(keep) else KEEPS[keep], {**PRICES, **self._options.prices}),
                Limits(
                    quiet=settings.quiet_at_once if comes_at_once else settings.quiet,
                    idle=settings.idle,
                    max_age=settings.max_age,
                ),
                health=self._health,
                timed=[runs],
            )
            self._runs = runs
        return self._pipeline

    def flush(self, timeout: float) -> bool:
        """Write everything that was submitted. Returns whether that was done within `timeout` seconds."""
        return self._pipeline is None or self._pipeline.flush(timeout)

    def summarise(self) -> None:
        """Write the counters to the summaries of the runs. Call this after a flush."""
        for run in self.runs or filter(None, [self.unused]):
            run.summarise(self._health.summary())

    def close_runs(self, timeout: float) -> None:
        """Close our open runs when their rows are written. The next trace opens another."""
        if self._pipeline is not None:
            self._pipeline.close_runs(timeout)

    def close(self, timeout: float) -> bool:
        """Write everything, and close our own runs. Returns whether that was done within `timeout` seconds."""
        return self._pipeline is None or self._pipeline.close(timeout)

    def abandon(self) -> None:
        """Release the runs in a forked child, because they belong to the parent."""
        for run in filter(None, {self._given, *self.runs}):
            run.abandon()
            forget_service()

    def _open_run(self, route: Route, resource: Mapping[str, Any], number: int) -> OpenRun:
        if self._given is not None and number == 1:
            return self._given
        following = None if self._next_run is None else self._next_run()
        if following is not None:
            return self._attached(given_run(following))
        init = {**self._init, **{key: value for key, value in asdict(route).items() if value is not None}}
        options = RunOptions(init, number, self._options.settings.exit_timeout, is_forked=self._options.is_forked)
        return self._attached(open_run(options, resource))

    def _attached(self, run: OpenRun) -> OpenRun:
        """Prepare a run: open its journal, and write waiting traces before the program ends it."""
        if self._options.settings.journal:
            run.keep_journal(self._health.journal_failed, html=self._options.settings.html)
        run.tells_steps = bool(self._options.weave)
        run.before_finish(self._events.ending)
        self._events.opened()
        return run

    def _weave_sinks(self) -> Sequence[Sink]:
        if not self._options.weave:
            return ()
        from otel_wandb._weave.sink import WeaveSink  # needs protobuf
        from otel_wandb._weave.spans import Endpoint
        from otel_wandb._weave.target import SERVER_VARIABLE, Target, target_of

        endpoint = Endpoint.AGENTS if self._options.weave == "agents" else Endpoint.CALLS

        def target() -> Target | None:
            key, named = key_of(self._init), os.environ.get(SERVER_VARIABLE)
            return None if key is None else target_of(server_of(self._init), key, endpoint, named)

        return [WeaveSink(target, endpoint, self._health)]


def _route_of(init: Mapping[str, Any]) -> Route:
    return Route(init.get("project"), init.get("entity"))
