"""Reads the exporter's settings from the environment. wandb reads its own (`WANDB_PROJECT`, ...)."""

import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

from otel_wandb._install import require
from otel_wandb._spans.span import SpanRecord

if TYPE_CHECKING:
    from otel_wandb._costs.prices import Price

T = TypeVar("T")
Keep: TypeAlias = Literal["llm", "all"] | Callable[[SpanRecord], bool]
"""Which spans are written: see `WandbSpanExporter`."""
Weave: TypeAlias = bool | Literal["agents"]

log: Final = logging.getLogger(__name__)

EXIT_TIMEOUT_VARIABLE: Final = "OTEL_WANDB_EXIT_TIMEOUT"
TABLE_INTERVAL_VARIABLE: Final = "OTEL_WANDB_TABLE_INTERVAL"
KEEP_VARIABLE: Final = "OTEL_WANDB_KEEP"
HANDLE_SIGTERM_VARIABLE: Final = "OTEL_WANDB_HANDLE_SIGTERM"
PRICES_VARIABLE: Final = "OTEL_WANDB_PRICES"
QUIET_VARIABLE: Final = "OTEL_WANDB_QUIET"
IDLE_VARIABLE: Final = "OTEL_WANDB_IDLE"
MAX_AGE_VARIABLE: Final = "OTEL_WANDB_MAX_AGE"
JOURNAL_VARIABLE: Final = "OTEL_WANDB_JOURNAL"
HTML_VARIABLE: Final = "OTEL_WANDB_HTML"
WEAVE_VARIABLE: Final = "OTEL_WANDB_WEAVE"

_KEEPS: Final[Mapping[str, Keep]] = {"llm": "llm", "all": "all"}
_SWITCH: Final = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


_WEAVES: Final[Mapping[str, Weave]] = {**_SWITCH, "agents": "agents"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The exporter's settings. Times are in seconds."""

    exit_timeout: float = 30.0
    """How long an exit may wait for W&B. Data that wandb has by then stays on the disk; the rest is counted as lost."""
    table_interval: float = 30.0
    """How long a row may wait for more rows before its table is written."""
    keep: Keep = "llm"
    """Which spans are written if the argument `keep` is not given: "llm" or "all"."""
    handle_sigterm: bool = True
    """Whether everything is written after a SIGTERM, before the program ends."""
    quiet: float = 1.0
    """How long a trace waits for more spans after its root has ended."""
    quiet_at_once: float = 0.05
    """As `quiet`, if each span is exported when it ends and open spans are known. Then only spans that a task begins
    after the end of the root can still come."""
    idle: float = 30.0
    """How long a trace without its root waits for its next span, if no span of it is known to be open."""
    max_age: float = 600.0
    """The maximum time that a trace waits, from its first span."""
    prices: str | None = None
    """A JSON file of prices, which are added to the built-in prices and override them."""
    journal: bool = True
    """Whether the run has a journal of its traces."""
    html: bool = True
    """Whether a panel with the latest traces is logged at the end of a run."""
    weave: Weave = False
    """Whether traces of online runs are sent to Weave as well: as calls, or as "agents"."""


RECEIVED: Final = Settings(quiet=6.0, table_interval=5.0)
"""The defaults for received spans. An SDK sends them every five seconds, and their sender keeps them."""


def read_settings(environ: Mapping[str, str], default: Settings = Settings()) -> Settings:  # frozen
    """Read the settings. A malformed one is replaced by its default, with a warning."""
    return Settings(
        exit_timeout=_seconds(environ, EXIT_TIMEOUT_VARIABLE, default.exit_timeout),
        table_interval=_seconds(environ, TABLE_INTERVAL_VARIABLE, default.table_interval),
        quiet=_seconds(environ, QUIET_VARIABLE, default.quiet),
        quiet_at_once=_seconds(environ, QUIET_VARIABLE, default.quiet_at_once),
        idle=_seconds(environ, IDLE_VARIABLE, default.idle),
        max_age=_seconds(environ, MAX_AGE_VARIABLE, default.max_age),
        keep=_chosen(environ, KEEP_VARIABLE, _KEEPS, default.keep),
        handle_sigterm=_chosen(environ, HANDLE_SIGTERM_VARIABLE, _SWITCH, default.handle_sigterm),
        prices=environ.get(PRICES_VARIABLE, "").strip() or None,
        journal=_chosen(environ, JOURNAL_VARIABLE, _SWITCH, default.journal),
        html=_chosen(environ, HTML_VARIABLE, _SWITCH, default.html),
        weave=_chosen(environ, WEAVE_VARIABLE, _WEAVES, default.weave),
    )


def checked_keep(keep: Keep) -> Keep:
    """Check the argument `keep`. Raises ValueError unless it is a function, "llm" or "all"."""
    if callable(keep) or keep in _KEEPS:
        return keep
    raise ValueError(f"keep={keep!r} is none of 'llm', 'all' and a function of a span")


def checked_weave(weave: Weave) -> Weave:
    """Check the argument `weave`. Raises ValueError for an unknown value, and ImportError for a missing package."""
    if not (weave is True or weave is False or weave == "agents"):
        raise ValueError(f"weave={weave!r} is none of True, False and 'agents'")
    if weave:
        require("weave", "weave", "opentelemetry-proto")
    return weave


def chosen_weave(weave: Weave | None, settings: Settings) -> Weave:
    """The argument `weave`, else the setting. Raises the errors of `checked_weave` for the argument.

    If the setting needs a missing package, only a warning is logged, because the run is more important.
    """
    if weave is not None:
        return checked_weave(weave)
    try:
        return checked_weave(settings.weave)
    except ImportError as error:
        log.warning("%s is not used: %s", WEAVE_VARIABLE, error)
        return False


def chosen_prices(prices: Mapping[str, Mapping[str, float]] | None, settings: Settings) -> "Mapping[str, Price]":
    """The argument `prices`, else the prices of the file in the settings.

    Raises ValueError for a malformed argument. A file that cannot be used only logs a warning.
    """
    if prices is None and settings.prices is None:
        return {}
    from otel_wandb._costs.prices import read_prices

    if prices is not None:
        return read_prices(json.dumps(dict(prices)))
    try:
        return read_prices(Path(settings.prices or "").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        log.warning("%s=%s is not used: %s", PRICES_VARIABLE, settings.prices, error)
        return {}


def _chosen(environ: Mapping[str, str], name: str, choices: Mapping[str, T], default: T) -> T:
    text = environ.get(name, "").strip().lower()
    if not text:
        return default
    if text in choices:
        return choices[text]
    log.warning("%s=%r is none of %s; using %s", name, text, ", ".join(choices), str(default).lower())
    return default


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
    log.warning("%s=%r is not a positive number of seconds; using %g", name, text, default)
    return default
