"""The private names of this package that `otel_openai_wandb` may use. A test checks that it uses no others."""

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
