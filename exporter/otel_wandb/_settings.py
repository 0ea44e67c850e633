"""What the exporter is told by the environment; what `wandb` reads itself (`WANDB_PROJECT`, ...) is not repeated."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

log: Final = logging.getLogger(__name__)

EXIT_TIMEOUT_VARIABLE: Final = "OTEL_WANDB_EXIT_TIMEOUT"
TABLE_INTERVAL_VARIABLE: Final = "OTEL_WANDB_TABLE_INTERVAL"


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds."""

    exit_timeout: float = 30.0
    """How long an exit may wait for W&B; what wandb was handed by then stays on disk, the rest is counted as lost."""
    table_interval: float = 30.0
    """How long a row may wait for others before its table is written."""


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings; one that cannot be read is replaced by its default with one warning."""
    default = Settings()
    return Settings(
        exit_timeout=_seconds(environ, EXIT_TIMEOUT_VARIABLE, default.exit_timeout),
        table_interval=_seconds(environ, TABLE_INTERVAL_VARIABLE, default.table_interval),
    )


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and value > 0:
        return value
    log.warning("%s=%r is no positive number of seconds; using %g", name, text, default)
    return default
