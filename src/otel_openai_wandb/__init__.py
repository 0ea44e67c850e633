"""W&B's one-line integration for openai 0.28, rebuilt on OpenTelemetry: `autolog({"project": "..."})`."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from otel_wandb._interface.install import require

if TYPE_CHECKING:
    from otel_openai_wandb._autolog import Autolog, autolog
    from otel_openai_wandb._feedback import log_feedback
    from otel_openai_wandb._traces import Traces, traces

__all__ = ["Autolog", "Traces", "__version__", "autolog", "log_feedback", "traces"]

__version__: Final = version("otel-openai-wandb")


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that the command `openai-wandb` starts without the SDK.

    Raises ImportError with the command that installs it, if the SDK or wandb is missing.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require(name, "all", "opentelemetry-sdk", "wandb")
    from otel_openai_wandb._autolog import Autolog, autolog
    from otel_openai_wandb._feedback import log_feedback
    from otel_openai_wandb._traces import Traces, traces

    globals().update(Autolog=Autolog, Traces=Traces, autolog=autolog, log_feedback=log_feedback, traces=traces)
    return globals()[name]


def load_ipython_extension(shell: object) -> None:  # noqa: ARG001  # the name and the argument are IPython's
    """Run by `%load_ext otel_openai_wandb`: `from wandb.integration.openai import autolog` then imports ours."""
    from otel_openai_wandb._old_import import install

    install()


def __dir__() -> list[str]:
    return sorted(__all__)
