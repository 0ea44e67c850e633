"""What `otel_openai_wandb` uses of this package beyond its public names; a test holds it to that."""

from otel_openai_v0._instrumentation import Guest
from otel_openai_v0._telemetry.sampling import Sampling
from otel_openai_v0._telemetry.settings import (
    CAPTURE_CONTENT_VARIABLE,
    Choices,
    read_choices,
    read_variables,
    settings_of,
)

__all__ = [
    "CAPTURE_CONTENT_VARIABLE",
    "Choices",
    "Guest",
    "Sampling",
    "read_choices",
    "read_variables",
    "settings_of",
]
