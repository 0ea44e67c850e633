"""Opens a run, writes to it, finishes it. Only this and `_shared_history` touch wandb, from the first span on.

`check_run` and `check_init` are asked before, and import it only for what they are given.
"""

import inspect
import logging
import os
import shutil
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from otel_wandb import _attributes as names
from otel_wandb._clean import clean, clean_text
from otel_wandb._history import USAGE
from otel_wandb._journal.schema import RunOfFile
from otel_wandb._journal.writer import Journal
from otel_wandb._shared_history import SharedHistory
from otel_wandb._table import Row, Table
from otel_wandb._tables import FeedbackSource, TraceSource
from otel_wandb._tree_json import TreeJson

if TYPE_CHECKING:
    import wandb

log: Final = logging.getLogger(__name__)

# An incremental table names all its increments in every history row, and W&B shows the latest 100; wandb keeps all rows
# of a table in memory. A table is therefore given up for a new one in time.
_MOST_INCREMENTS: Final = 90
_MOST_ROWS: Final = 10_000
_LEAST_SPACE: Final = 16 << 20  # bytes, for one more trace, twice, and what wandb-core holds back

_LONGEST_NAME: Final = 100  # characters
_UNKNOWN_SERVICE: Final = "unknown_service"  # the SDK's default, alone or with the name of the executable
_DISABLE_WEAVE: Final = "WANDB_DISABLE_WEAVE"

# wandb has one service process for all runs of a process: who takes it down has to know who else writes.
_OPEN: Final["weakref.WeakSet[OpenRun]"] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `wandb.init` is called with for a run of ours, which number it has, and how many seconds it may take."""

    init: Mapping[str, Any]
    number: int
    timeout: float


class DiskFullError(Exception):
    """There is no room for the run's file, which wandb does not say."""


class OpenRun:
    """A run to write to. `owned` runs are ours to finish."""

    def __init__(self, run: "wandb.Run", *, owned: bool) -> None:
        self._run = run
        self.owned = owned
        self._is_closing = False
        self._journal: Journal | None = None
        self._counters: Mapping[str, int] = {}
        self._tables: dict[str, _GrowingTable] = {}
        self._log: Callable[[dict[str, Any]], None] = run.log if owned else SharedHistory(run).log
        # A pattern is matched with what `run.log` is given.
        for metric in ("usage/*",) if owned else USAGE:
            run.define_metric(metric, step_metric="_timestamp")
        _OPEN.add(self)

    @property
    def id(self) -> str:
        """The run's id."""
        return str(self._run.id)

    @property
    def directory(self) -> str:
        """Where wandb keeps the run's data, which `wandb sync` uploads."""
        return os.path.dirname(self._run.dir)

    @property
    def address(self) -> str:
        """The run's page, or the directory of an offline run."""
        return self.directory if self._run.offline else str(self._run.url or self.directory)

    @property
    def whereabouts(self) -> str:
        """Where the run's data is, and how it is uploaded."""
        online = "" if self._run.offline else "--include-online "
        return f"it is in {self.directory}; upload it with: wandb sync {online}{self.directory}"

    def keep_journal(self, failed: Callable[[object], None]) -> None:
        """Keep the traces as files of the run, too; `failed(why)` is called for each that could not be written.

        Such a file is uploaded only if wandb is told of it: then by `wandb sync` as well, and when the run ends.
        """
        run = self._run
        if run.disabled:
            return
        about: RunOfFile = {
            "id": self.id,
            "project": str(run.project or ""),
            "entity": str(run.entity or ""),
            "url": None if run.offline else run.url,
        }
        keep = partial(run.save, base_path=run.dir, policy="end")
        self._journal = Journal(run.dir, about, keep=keep, failed=failed)

    def log_trace(self, tree: TreeJson, row: Mapping[str, Any], source: TraceSource) -> None:
        """Write a trace to the journal, and one history row with the tree under `trace`.

        Raises DiskFullError, and what wandb raises.

        An online run sends what it cannot write to its file.
        """
        if self._run.offline and shutil.disk_usage(self.directory).free < _LEAST_SPACE:
            raise DiskFullError(f"{self.directory} has less than {_LEAST_SPACE >> 20} MB left")
        if self._journal is not None:
            self._journal.add_trace(source)
        self._log({"trace": _trace_tree_class()(tree), **row})

    def note_feedback(self, said: FeedbackSource) -> None:
        """Write what somebody said of a trace to the journal."""
        if self._journal is not None:
            self._journal.add_feedback(said)

    def log_rows(self, table: Table[Any], rows: Sequence[Row]) -> None:
        """Add rows to a table. Blocks for a request when the run is online. Raises what wandb raises."""
        growing = self._tables.get(table.key)
        if growing is None:
            growing = self._tables[table.key] = _GrowingTable(table)
        growing.add(rows, self._log)

    def was_ended(self, error: Exception) -> bool:
        """Whether `error` means that somebody finished the run, or that wandb's service process is gone."""
        from wandb.errors import UsageError
        from wandb.sdk.lib.asyncio_manager import AlreadyJoinedError
        from wandb.sdk.mailbox import MailboxClosedError

        if isinstance(error, (ConnectionError, AlreadyJoinedError, MailboxClosedError)):
            return True
        return isinstance(error, UsageError) and bool(getattr(self._run, "_is_finished", False))

    def summarise(self, values: Mapping[str, int]) -> None:
        """Write counters to the run's summary; a fault of wandb's is said, for the data may be on disk."""
        self._counters = values
        try:
            self._run.summary.update(dict(values))
        except Exception as error:  # noqa: BLE001
            log.debug("the summary of the W&B run could not be written: %s", error)

    def before_finish(self, flush: Callable[[], None]) -> None:
        """Call `flush` when somebody else finishes the run: `run.finish()`, `wandb.finish()`, the end of a `with`.

        wandb has no public hook for this; `_teardown_hooks` is the same from 0.20 to 0.31. The run of the mode
        "disabled" has none, and nothing to write.
        """
        from wandb.sdk.wandb_run import TeardownHook, TeardownStage

        def flush_unless_closing() -> None:
            if not self._is_closing:
                flush()
                self._end_journal()

        hooks = getattr(self._run, "_teardown_hooks", None)
        if hooks is not None:
            hooks.append(TeardownHook(flush_unless_closing, TeardownStage.EARLY))

    def close(self, summary: Mapping[str, int]) -> None:
        """Write the last of the summary, and finish the run if it is ours."""
        self._is_closing = True
        self.summarise(summary)
        self._end_journal()
        _OPEN.discard(self)
        if not self.owned:
            return
        try:
            self._run.finish()
        except Exception as error:  # noqa: BLE001
            log.warning("the W&B run %s could not be finished (%s); its data is in %s", self.id, error, self.directory)

    def finish(self) -> None:
        """Finish a run of the user's, in a process that ends without a word to wandb: nothing of it would be kept."""
        self.abandon()
        try:
            self._run.finish()
            stop_unused_service()
        except Exception as error:  # noqa: BLE001
            log.warning("the W&B run %s could not be finished (%s)", self.id, error)

    def abandon(self) -> None:
        """Forget the run: it was ended, or it is the parent's of this forked child."""
        _OPEN.discard(self)
        if self._journal is not None:
            self._journal.release()

    def _end_journal(self) -> None:
        if self._journal is not None:
            self._journal.close(self._counters)


class _GrowingTable:
    """A table that rows are added to, and the ones that take over from it."""

    def __init__(self, table: Table[Any]) -> None:
        self._table = table
        self._made = 0
        self._increments = 0
        self._current: wandb.Table | None = None

    def add(self, rows: Sequence[Row], log_to_run: Callable[[dict[str, Any]], None]) -> None:
        current = self._current
        if current is None or self._increments >= _MOST_INCREMENTS or len(current.data) >= _MOST_ROWS:
            current = self._next()
        for row in rows:
            current.add_data(*row)
        key = self._table.key if self._made == 1 else f"{self._table.key}_{self._made}"
        try:
            log_to_run({key: current})
        except FileNotFoundError as error:
            # A forked child inherits wandb's temporary directory, and removes it at its exit.
            os.makedirs(os.path.dirname(error.filename), exist_ok=True)
            log_to_run({key: current})
        self._increments += 1

    def _next(self) -> "wandb.Table":
        import wandb

        if self._current is not None:
            self._current.data = []  # wandb keeps the last 100 tables that were logged, each with all its rows
        self._current = wandb.Table(
            columns=[column.name for column in self._table.columns],
            dtype=[column.type for column in self._table.columns],
            optional=True,
            log_mode="INCREMENTAL",
        )
        self._made += 1
        self._increments = 0
        return self._current


def check_run(run: object) -> None:
    """Raise TypeError for one that is given and is none."""
    if run is not None:
        import wandb

        if not isinstance(run, wandb.Run):
            raise TypeError(f"run={run!r} is no wandb.Run")


def check_init(init: Mapping[str, Any]) -> None:
    """Raise TypeError for an argument that `wandb.init` does not take.

    Without any, wandb is not imported: that takes seconds.
    """
    if init:
        import wandb

        try:
            inspect.signature(wandb.init).bind(**init)
        except TypeError as error:
            raise TypeError(f"wandb.init() {error}") from None


def given_run(run: "wandb.Run") -> OpenRun:
    """A run that the user made, and finishes."""
    return OpenRun(run, owned=False)


def is_of_this_process(run: "wandb.Run") -> bool:
    """Whether `run` was made here; a forked child inherits the name `wandb.run`, and nothing that is behind it."""
    return getattr(run, "_init_pid", None) in (None, os.getpid())


def init_beside(run: "wandb.Run") -> Mapping[str, Any]:
    """What `wandb.init` is called with for a run of ours that goes on where one of the user's cannot be written to."""
    settings = run.settings
    mode = "disabled" if run.disabled else "offline" if run.offline else None
    said = {
        "project": run.project,
        "entity": run.entity,
        "group": run.group,
        "mode": mode,
        "dir": settings.root_dir,
        "settings": {"base_url": settings.base_url},
    }
    return {name: value for name, value in said.items() if value}


def open_run(options: RunOptions, resource: Mapping[str, Any]) -> OpenRun:
    """Make a run of our own, beside any of the user's; offline with one warning where W&B cannot be used.

    Raises what `wandb.init` raises for wrong arguments, and for an offline run that cannot be written.
    """
    import wandb
    from wandb.sdk import wandb_setup

    init = {"reinit": "create_new", "job_type": "traces", **_described(resource, options.number), **options.init}
    init["config"] = {**_config(resource), **(options.init.get("config") or {})}
    init["settings"] = _settings(options)
    mode = init.get("mode") or os.environ.get("WANDB_MODE")
    with without_weave():
        if mode is None and not has_credentials(_base_url(options)):
            run = _offline(init, "there is no W&B API key")
        else:
            try:
                run = _init(init)
            except wandb.Error as error:
                run = _offline(init, str(error).partition("\n")[0].rstrip("."))
    # wandb asks the server, and waits for it, whether an artifact of the table's name has another type: ours has not.
    vars(run)["_assert_can_log_artifact"] = lambda _: None
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


def bound_wait_for_service(timeout: float, *, is_late: bool) -> None:
    """Let the program end while wandb's service process goes on: at its exit wandb waits for it without a bound.

    Not at all where W&B was late already, for our data is on disk and the process still tries to upload it; ten times
    `timeout` seconds where a run of the user's is active. (wandb 0.31 waits for ever, once in some hundred exits, if a
    table was logged to an online run that is not finished: its process drops the connection, and never hears the end.)
    """
    from wandb.sdk import wandb_setup

    setup = wandb_setup.singleton()
    service: Any = getattr(getattr(setup, "_connection", None), "_proc", None)
    process = getattr(service, "_process", None)
    if process is not None:
        limit = 0.0 if is_late and setup.most_recent_active_run is None else 10 * timeout
        service.join = partial(_wait, process, limit)


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> int:
    with suppress(subprocess.TimeoutExpired):
        return process.wait(seconds)
    return 0


def _init(init: Mapping[str, Any]) -> "wandb.Run":
    """`wandb.init`; again where wandb has not noticed yet that its service process died."""
    import wandb
    from wandb.sdk.mailbox import MailboxClosedError

    try:
        return wandb.init(**init)
    except (MailboxClosedError, ConnectionError):
        with suppress(ConnectionError):
            wandb.teardown()
        return wandb.init(**init)


def _offline(init: Mapping[str, Any], why: str) -> "wandb.Run":
    run = _init({**init, "mode": "offline"})
    directory = os.path.dirname(run.dir)
    log.warning(
        "W&B is not used online: %s. Traces are kept in %s; upload them with: wandb sync %s", why, directory, directory
    )
    return run


@contextmanager
def without_weave() -> Iterator[None]:
    """Keep `wandb.init` from advertising Weave, which leads nowhere on openai 0.28, for a run that we start.

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


def _described(resource: Mapping[str, Any], number: int) -> Mapping[str, str]:
    """A name that says what is in the run, and the group of all that one service writes."""
    service = _service(resource)
    program = service or os.path.basename(sys.argv[0]) or "python"
    name = f"{program} traces {os.getpid()}" + (f" ({number})" if number > 1 else "")
    return {"name": name, **({} if service is None else {"group": service})}


def _service(resource: Mapping[str, Any]) -> str | None:
    service = clean_text(str(resource.get(names.SERVICE_NAME) or _UNKNOWN_SERVICE), _LONGEST_NAME)
    return None if service.startswith(_UNKNOWN_SERVICE) else service


def _config(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The resource, by which runs can be filtered and grouped."""
    return {"resource": {str(key): clean(value) for key, value in resource.items()}}


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


def configured_server() -> str:
    """W&B's server by the environment and wandb's settings files; raises ValueError for a setting that is none."""
    from wandb.sdk import wandb_setup

    return str(wandb_setup.singleton().settings.base_url)


def _base_url(options: RunOptions) -> str:
    """The server that `wandb.init` will use."""
    given = options.init.get("settings") or {}
    chosen = (
        given.get("base_url") if isinstance(given, Mapping) else given.model_dump(exclude_unset=True).get("base_url")
    )
    return str(chosen or configured_server())


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
