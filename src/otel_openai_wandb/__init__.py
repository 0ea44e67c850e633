"""W&B's one-line integration for openai 0.28, rebuilt on OpenTelemetry: `autolog({"project": "..."})`."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from otel_wandb._interface import require

if TYPE_CHECKING:
    from otel_openai_wandb._autolog import Autolog, autolog
    from otel_openai_wandb._feedback import log_feedback

__all__ = ["Autolog", "__version__", "autolog", "log_feedback"]

__version__: Final = version("otel-openai-wandb")


def __getattr__(name: str) -> Any:
    """Import each at its first use: the command beside them starts without the SDK, and says what is missing.

    Raises ImportError, with the command that installs it, where the SDK or wandb is missing.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require(name, "all", "opentelemetry-sdk", "wandb")
    from otel_openai_wandb._autolog import Autolog, autolog
    from otel_openai_wandb._feedback import log_feedback

    globals().update(Autolog=Autolog, autolog=autolog, log_feedback=log_feedback)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(__all__)
