"""W&B's one-line integration for openai 0.28, rebuilt on OpenTelemetry: `autolog({"project": "..."})`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otel_openai_wandb._autolog import Autolog

    autolog: Autolog

__all__ = ["autolog"]


def __getattr__(name: str) -> Any:
    """Make `autolog` at its first use: the command beside it starts without the SDK, and says what is missing."""
    if name != "autolog":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from otel_openai_wandb._autolog import Autolog

    return globals().setdefault("autolog", Autolog())
