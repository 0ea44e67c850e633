"""The one module that touches wandb: opens a run, writes to it, finishes it. wandb is imported at the first span."""

import logging
import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from otel_wandb import _attributes as names
from otel_wandb._tables import STATS, STATS_COLUMNS, Row
from otel_wandb._tree_json import TreeJson

if TYPE_CHECKING:
    import wandb

log: Final = logging.getLogger(__name__)

# An incremental table names all its increments in every history row, and W&B shows the latest 100; wandb keeps all rows
# of a table in memory. A table is therefore given up for a new one in time.
_MOST_INCREMENTS: Final = 90
_MOST_ROWS: Final = 10_000

_DISABLE_WEAVE: Final = "WANDB_DISABLE_WEAVE"

# wandb has one service process for all runs of a process: who takes it down has to know who else writes.
_OPEN: Final["weakref.WeakSet[OpenRun]"] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `wandb.init` is called with for a run of ours, and how long it may take, in seconds."""

    init: Mapping[str, Any]
    timeout: float


class OpenRun:
    """A run to write to. `owned` runs are ours to finish."""

    def __init__(self, run: "wandb.Run", *, owned: bool) -> None:
        self._run = run
        self.owned = owned
        self._tables = 0
        self._increments = 0
        self._table: wandb.Table | None = None
        run.define_metric("usage/*", step_metric="_timestamp")
        _OPEN.add(self)

    @property
    def id(self) -> str:
        """The run's id."""
        return str(self._run.id)

    def log_trace(self, tree: TreeJson, row: Mapping[str, Any]) -> None:
        """Write one history row with the tree under `trace`. Raises what wandb raises."""
        self._run.log({"trace": _trace_tree_class()(tree), **row})

    def log_rows(self, rows: Sequence[Row]) -> None:
        """Add rows to the `stats` table. Blocks for a request when the run is online. Raises what wandb raises."""
        table = self._table
        if table is None or self._increments >= _MOST_INCREMENTS or len(table.data) >= _MOST_ROWS:
            table = self._new_table()
        for row in rows:
            table.add_data(*row)
        key = STATS if self._tables == 1 else f"{STATS}_{self._tables}"
        try:
            self._run.log({key: table})
        except FileNotFoundError as error:
            # A forked child inherits wandb's temporary directory, and removes it at its exit.
            os.makedirs(os.path.dirname(error.filename), exist_ok=True)
            self._run.log({key: table})
        self._increments += 1

    def summarise(self, values: Mapping[str, Any]) -> None:
        """Write to the run's summary."""
        if values:
            self._run.summary.update(dict(values))

    def before_finish(self, flush: Callable[[], None]) -> None:
        """Call `flush` when somebody else finishes the run: `run.finish()`, `wandb.finish()`, the end of a `with`.

        wandb has no public hook for this; `_teardown_hooks` is the same from 0.20 to 0.31. The run of the mode
        "disabled" has none, and nothing to write.
        """
        from wandb.sdk.wandb_run import TeardownHook, TeardownStage

        hooks = getattr(self._run, "_teardown_hooks", None)
        if hooks is not None:
            hooks.append(TeardownHook(flush, TeardownStage.EARLY))

    def close(self) -> None:
        """Finish the run if it is ours, and leave no process of wandb behind if no other run needs it."""
        _OPEN.discard(self)
        if self.owned:
            self._run.finish()
            stop_unused_service()

    def abandon(self) -> None:
        """Forget the run in a forked child: it is the parent's."""
        _OPEN.discard(self)

    def _new_table(self) -> "wandb.Table":
        import wandb

        self._table = wandb.Table(
            columns=[column.name for column in STATS_COLUMNS],
            dtype=[column.type for column in STATS_COLUMNS],
            optional=True,
            log_mode="INCREMENTAL",
        )
        self._tables += 1
        self._increments = 0
        return self._table


def given_run(run: "wandb.Run") -> OpenRun:
    """A run that the user made, and finishes."""
    return OpenRun(run, owned=False)


def open_run(options: RunOptions, resource: Mapping[str, Any]) -> OpenRun:
    """Make a run of our own, beside any of the user's; offline with one warning where W&B cannot be used.

    Raises what `wandb.init` raises for wrong arguments, and for an offline run that cannot be written.
    """
    import wandb
    from wandb.sdk import wandb_setup

    init = {"reinit": "create_new", "job_type": "traces", **_group(resource), **options.init}
    init["settings"] = _settings(options)
    mode = init.get("mode") or os.environ.get("WANDB_MODE")
    with _without_weave():
        if mode is None and not has_credentials(_base_url(options)):
            run = _offline(init, "there is no W&B API key")
        else:
            try:
                run = wandb.init(**init)
            except wandb.Error as error:
                run = _offline(init, str(error).rstrip("."))
    # Else the user's next `wandb.init()` would be given this run (`reinit` defaults to the latest active one).
    wandb_setup.singleton().remove_active_run(run)
    if not run.offline and run.url:  # asking an offline run for its address prints a warning
        wandb.termlog(f"OpenTelemetry traces are written to {run.url}")
    return OpenRun(run, owned=True)


def stop_unused_service() -> None:
    """Take wandb's service process down, unless a run of the user or of ours is active.

    It is also what makes an offline run's file complete: `finish()` returns before it is.
    """
    import wandb
    from wandb.sdk import wandb_setup

    if not _OPEN and wandb_setup.singleton().most_recent_active_run is None:
        wandb.teardown()


def _offline(init: Mapping[str, Any], why: str) -> "wandb.Run":
    import wandb

    run = wandb.init(**{**init, "mode": "offline"})
    directory = os.path.dirname(run.dir)
    log.warning(
        "W&B is not used online: %s. Traces are kept in %s; upload them with: wandb sync %s", why, directory, directory
    )
    return run


@contextmanager
def _without_weave() -> Iterator[None]:
    """Keep `wandb.init` from starting Weave, or advertising it, for a run that the user did not start.

    Only the environment can say so; a value of the user's is left alone.
    """
    if _DISABLE_WEAVE in os.environ:
        yield
        return
    os.environ[_DISABLE_WEAVE] = "true"
    try:
        yield
    finally:
        os.environ.pop(_DISABLE_WEAVE, None)


def _group(resource: Mapping[str, Any]) -> Mapping[str, str]:
    service = str(resource.get(names.SERVICE_NAME) or "unknown_service")
    return {} if service.startswith("unknown_service") else {"group": service}


def _settings(options: RunOptions) -> "wandb.Settings":
    """Capture nothing of the user's process: no output, code, git state or machine. The user's settings win."""
    import wandb

    wanted = {
        "silent": True,
        "console": "off",
        "disable_git": True,
        "disable_code": True,
        "x_disable_stats": True,
        "x_disable_meta": True,
        "x_disable_machine_info": True,
        "x_save_requirements": False,
        "init_timeout": options.timeout / 2,  # the other half is for the offline run, where there is no server
        "finish_timeout": options.timeout,
        "x_transaction_log_flush_interval": 1,  # seconds; a killed process loses no more
    }
    known = {name: value for name, value in wanted.items() if name in wandb.Settings.model_fields}
    given = options.init.get("settings") or {}
    if isinstance(given, wandb.Settings):
        given = given.model_dump(exclude_unset=True)
    return wandb.Settings(**{**known, **given})


def _base_url(options: RunOptions) -> str:
    """The server that `wandb.init` will use: the environment and wandb's settings files have a say."""
    from wandb.sdk import wandb_setup

    given = options.init.get("settings") or {}
    chosen = (
        given.get("base_url") if isinstance(given, Mapping) else given.model_dump(exclude_unset=True).get("base_url")
    )
    return str(chosen or wandb_setup.singleton().settings.base_url)


def has_credentials(base_url: str) -> bool:
    """Whether `wandb.init` would find a key; it would ask for one at a terminal, in the middle of a program."""
    from requests.utils import get_netrc_auth

    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    return get_netrc_auth(base_url) is not None


@cache
def _trace_tree_class() -> Any:
    from wandb.sdk.data_types.trace_tree import Span, WBTraceTree

    class WrittenTraceTree(WBTraceTree):
        """A WBTraceTree whose JSON is already written."""

        def __init__(self, tree: TreeJson) -> None:
            super().__init__(Span())
            self._written = tree

        def to_json(self, run: object) -> dict[str, Any]:  # noqa: ARG002
            return {
                "_type": self._log_type,
                "model_hash": self._written.model_hash,
                "model_dict_dumps": self._written.model,
                "root_span_dumps": self._written.root,
            }

    return WrittenTraceTree
