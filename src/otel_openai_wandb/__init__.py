"""W&B's one-line integration for openai 0.28, rebuilt on OpenTelemetry: `autolog({"project": "..."})`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otel_openai_wandb._autolog import Autolog
    from otel_openai_wandb._feedback import log_feedback

    autolog: Autolog

__all__ = ["autolog", "log_feedback"]


def __getattr__(name: str) -> Any:
    """Make each at its first use: the command beside them starts without the SDK, and says what is missing."""
    if name == "autolog":
        from otel_openai_wandb._autolog import Autolog

        return globals().setdefault(name, Autolog())
    if name == "log_feedback":
        from otel_openai_wandb._feedback import log_feedback

        return globals().setdefault(name, log_feedback)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
