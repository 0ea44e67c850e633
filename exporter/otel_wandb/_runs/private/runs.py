"""Private parts of wandb: the state of a run, and the list of active runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from otel_wandb._runs.private.missing import attribute, without

if TYPE_CHECKING:
    import wandb

_OF_THEIR_RUN: Final = (
    "sweep_id",
    "sweep_param_path",
    "launch",
    "launch_config_path",
    "resume",
    "fork_from",
    "resume_from",
)


def call_before_finish(run: "wandb.Run", callback: Callable[[], None]) -> None:
    """Call `callback` before the run is finished: by `run.finish()`, `wandb.finish()` or the end of a `with`.

    Without this part of wandb, spans that are still waiting go to our own run.
    """
    try:
        from wandb.sdk.wandb_run import TeardownHook, TeardownStage

        vars(run)["_teardown_hooks"].append(TeardownHook(callback, TeardownStage.EARLY))
    except Exception as error:  # noqa: BLE001
        without("writing before a run is finished", error)


def leave_active_runs(run: "wandb.Run") -> None:
    """Remove our run from the list of active runs; otherwise the user's next `wandb.init()` may return it."""
    try:
        from wandb.sdk import wandb_setup

        wandb_setup.singleton().remove_active_run(run)
    except Exception as error:  # noqa: BLE001
        without("keeping our run out of wandb's active runs", error)


@contextmanager
def apart_from_their_run() -> Iterator[None]:
    """Hide the program's sweep, launch, resume and fork from wandb while our run is made.

    wandb has them in its global settings, and no argument of `wandb.init` can override them with "none".
    """
    kept: list[tuple[Any, str, Any]] = []
    try:
        import wandb
        from wandb.sdk import wandb_setup

        settings, setup = wandb.setup().settings, wandb_setup.singleton()
        owners: list[tuple[Any, str]] = [*((settings, name) for name in _OF_THEIR_RUN), (setup, "_sweep_config")]
        for owner, name in owners:
            if value := attribute(owner, name):
                setattr(owner, name, False if value is True else None)
                kept.append((owner, name, value))
    except Exception as error:  # noqa: BLE001
        without("keeping our run apart from a sweep, a launch or a resumed run", error)
    try:
        yield
    finally:
        for owner, name, value in kept:
            setattr(owner, name, value)


def is_run(value: object) -> bool:
    """Whether `value` is a run. wandb 0.20 does not export the class."""
    import wandb

    exported = getattr(wandb, "Run", None)
    if exported is not None:
        return isinstance(value, exported)
    from wandb.sdk.wandb_run import Run

    return isinstance(value, Run)


def is_finished(run: "wandb.Run") -> bool | None:
    """Whether the run is finished; None if unknown."""
    found = attribute(run, "_is_finished")
    return found if isinstance(found, bool) else None


def process_of(run: "wandb.Run") -> int | None:
    """The id of the process that made the run; None if unknown."""
    found = attribute(run, "_init_pid")
    return found if isinstance(found, int) else None
