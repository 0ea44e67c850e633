"""Opens runs: wraps a run of the user, or opens our own run beside it.

Our run must not get what is meant for the user's run: its id, group, tags, notes, sweep, launch or resume. wandb takes
these from the environment and from `wandb.setup`. An argument of `wandb.init` overrides both, unless it is None. So
all of them are given as arguments, some with an empty value.
"""

import inspect
import logging
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from otel_wandb._runs.account import lacks_key, mode_of, settings_given
from otel_wandb._runs.private.runs import apart_from_their_run, is_run, leave_active_runs, process_of
from otel_wandb._runs.private.service import means_gone
from otel_wandb._runs.private.tables import skip_artifact_check
from otel_wandb._runs.run import OpenRun
from otel_wandb._spans import attributes as names
from otel_wandb._spans.clean import clean, clean_text

if TYPE_CHECKING:
    import wandb

log: Final = logging.getLogger(__name__)

_LONGEST_NAME: Final = 100  # characters
_UNKNOWN_SERVICE: Final = "unknown_service"  # the SDK's default, alone or with the name of the executable
_DISABLE_WEAVE: Final = "WANDB_DISABLE_WEAVE"
_ID_BYTES: Final = 5
_OF_ONE_RUN: Final = frozenset({"id", "run_id", "resume", "resume_from", "fork_from"})
RECORDS_NOTHING: Final[Mapping[str, Any]] = {
    "silent": True,
    "console": "off",
    "disable_git": True,
    "disable_code": True,
    "x_disable_stats": True,
    "x_disable_meta": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}
"""Settings with which wandb records nothing about the process: no output, code, git state or machine."""


class DisabledError(Exception):
    """W&B is disabled: nothing is written."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The arguments of `wandb.init` for our run, the number of the run, and the timeout in seconds."""

    init: Mapping[str, Any]
    number: int
    timeout: float
    is_forked: bool = False
    """Whether the arguments were given to a process that this one was forked from."""

    @property
    def is_another(self) -> bool:
        """Whether the arguments may name an existing run, so that this run needs a new id."""
        return self.number > 1 or self.is_forked


def check_run(run: object) -> None:
    """Raise TypeError if `run` is not a run."""
    if run is not None and not is_run(run):
        raise TypeError(f"run={run!r} is not a wandb.Run")


def check_init(init: Mapping[str, Any]) -> None:
    """Raise TypeError for an argument that `wandb.init` does not take.

    Without arguments wandb is not imported, because the import takes seconds.
    """
    if init:
        import wandb

        try:
            inspect.signature(wandb.init).bind(**init)
        except TypeError as error:
            raise TypeError(f"wandb.init() {error}") from None


def given_run(run: "wandb.Run") -> OpenRun:
    """Wrap a run that the user made and will finish."""
    return OpenRun(run, owned=False)


def is_of_this_process(run: "wandb.Run") -> bool:
    """Whether this process made `run`. A forked child inherits `wandb.run`, but cannot write to it."""
    return process_of(run) in (None, os.getpid())


def init_beside(run: "wandb.Run") -> Mapping[str, Any]:
    """The arguments of `wandb.init` for our own run that continues a user's run, in the same project and group."""
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
    """Open our own run beside runs of the user. If W&B cannot be used, it is offline, with one warning.

    Raises DisabledError if W&B is disabled. Raises the errors of `wandb.init` for wrong arguments, and for an offline
    run that cannot be written.
    """
    import wandb

    mode = mode_of(options.init)
    if mode == "disabled":
        raise DisabledError("W&B is disabled: no trace is written")
    init = {"reinit": "create_new", **options.init}
    init["config"] = {**_config(resource), **(options.init.get("config") or {})}
    init.pop("settings", None)  # `_settings` has them
    if options.is_another:
        init = {name: value for name, value in init.items() if name not in _OF_ONE_RUN}
    if mode == "shared" and "mode" not in options.init:
        mode = init["mode"] = "online"  # only the user's runs are shared, not ours
    is_makeshift = False
    with without_weave(), apart_from_their_run():
        if lacks_key(options.init):
            run = _offline(init, options, resource, "there is no W&B API key")
        else:
            try:
                run = _init({**init, "settings": _settings(options, resource)})
            except wandb.Error as error:
                is_makeshift = True
                run = _offline(init, options, resource, str(error).partition("\n")[0].rstrip("."))
    skip_artifact_check(run)
    leave_active_runs(run)
    if not run.offline and run.url:  # asking an offline run for its address prints a warning
        wandb.termlog(f"OpenTelemetry traces are written to {run.url}")
    return OpenRun(run, owned=True, is_makeshift=is_makeshift)


def _init(init: Mapping[str, Any]) -> "wandb.Run":
    """Call `wandb.init`, and once more if wandb's service process had died, which ends all runs."""
    import wandb

    try:
        return wandb.init(**init)
    except Exception as error:
        if not means_gone(error):
            raise
        with suppress(ConnectionError):
            wandb.teardown()
        return wandb.init(**init)


def _offline(init: Mapping[str, Any], options: RunOptions, resource: Mapping[str, Any], why: str) -> "wandb.Run":
    run = _init({**init, "mode": "offline", "settings": _settings(options, resource)})  # with a new id
    directory = os.path.dirname(run.dir)
    log.warning(
        "W&B is not used online: %s. Traces are kept in %s; upload them with: wandb sync %s", why, directory, directory
    )
    return run


@contextmanager
def without_weave() -> Iterator[None]:
    """Prevent `wandb.init` from starting or advertising Weave for our run: its patch does nothing on openai 0.28.

    There is only an environment variable for it. If the user has set it, it is not changed.
    """
    if _DISABLE_WEAVE in os.environ:
        yield
        return
    os.environ[_DISABLE_WEAVE] = "true"
    try:
        yield
    finally:
        os.environ.pop(_DISABLE_WEAVE, None)


def _described(resource: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """Settings that describe our run, with the group of its service and nothing of the user's run."""
    service = _service(resource)
    program = service or os.path.basename(sys.argv[0]) or "python"
    name = f"{program} traces {os.getpid()}" + (f" ({number})" if number > 1 else "")
    return {
        "run_name": name,
        "run_group": service or "",
        "run_job_type": "traces",
        "run_tags": (),
        "run_notes": "",
        "run_id": secrets.token_hex(_ID_BYTES),
    }


def _service(resource: Mapping[str, Any]) -> str | None:
    service = clean_text(str(resource.get(names.SERVICE_NAME) or _UNKNOWN_SERVICE), _LONGEST_NAME)
    return None if service.startswith(_UNKNOWN_SERVICE) else service


def _config(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The run's config: the resource, for filtering and grouping, and the id of the user's run."""
    theirs = os.environ.get("WANDB_RUN_ID")
    beside = {} if theirs is None else {"beside_run": theirs}
    return {"resource": {str(key): clean(value) for key, value in resource.items()}, **beside}


def _settings(options: RunOptions, resource: Mapping[str, Any]) -> "wandb.Settings":
    """Settings that record nothing about the process: no output, code, git state or machine.

    The user's settings override them. The id is new each time, because wandb keeps the id of an `init` that failed.
    """
    import wandb

    wanted: dict[str, Any] = {
        **RECORDS_NOTHING,
        "symlink": False,  # the link `latest-run` is for the user's run
        "init_timeout": options.timeout / 2,  # the other half is for an offline run, if there is no server
        "finish_timeout": options.timeout,
        "x_transaction_log_flush_interval": 1,  # seconds; the most that a killed process loses
        "x_label": "",
        **_described(resource, options.number),
    }
    known = {name: value for name, value in wanted.items() if name in wandb.Settings.model_fields}
    given = settings_given(options.init)
    if options.is_another:
        given = {name: value for name, value in given.items() if name not in _OF_ONE_RUN}
    return wandb.Settings(**{**known, **given})
