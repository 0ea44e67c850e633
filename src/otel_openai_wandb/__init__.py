"""W&B's one-line integration for openai 0.28, rebuilt on OpenTelemetry: `autolog({"project": "..."})`."""

from otel_openai_wandb._autolog import Autolog

__all__ = ["autolog"]

autolog = Autolog()
"""Log every call of openai to a W&B run; see `Autolog`."""
