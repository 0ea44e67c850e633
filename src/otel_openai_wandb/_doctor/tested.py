"""The versions that were tested, as requirements. Other versions may work."""

from typing import Final

TESTED: Final = (
    "openai >= 0.27.8, < 0.29",
    "opentelemetry-api >= 1.20, < 1.46",
    "opentelemetry-instrumentation >= 0.41b0, < 0.67",
    "opentelemetry-sdk >= 1.27, < 1.46",
    "wandb >= 0.20.1, < 0.32",
    "wrapt >= 1.11, < 2.6",
)
