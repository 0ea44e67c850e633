"""The exporter's settings from the environment. What wandb reads itself (`WANDB_PROJECT`, ...) is not repeated."""

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
    """Times in seconds."""

    exit_timeout: float = 30.0
    """How long an exit may wait for W&B. What wandb has by then stays on disk; the rest is counted as lost."""
    table_interval: float = 30.0
    """How long a row may wait for others before its table is written."""
    keep: Keep = "llm"
    """Which spans are written if no argument says so: "llm" or "all"."""
    handle_sigterm: bool = True
    """Whether a SIGTERM writes everything before it ends the program."""
    quiet: float = 1.0
    """How long a trace waits for more spans after its root has ended."""
    quiet_at_once: float = 0.05
    """The same, where each span comes when it ends, and those that are open are known: only what a task begins after
    the root has ended can still come."""
    idle: float = 30.0
    """How long a trace without its root waits for its next span, where no span of it is known to be open."""
    max_age: float = 600.0
    """How long a trace waits at most, from its first span."""
    prices: str | None = None
    """A JSON file of prices, which are added to the built-in ones and win over them."""
    journal: bool = True
    """Whether the run also keeps its traces as files."""
    html: bool = True
    """Whether a run ends with a panel that shows its latest traces."""
    weave: Weave = False
    """Whether traces of online runs are sent to Weave as well: as calls, or as "agents"."""


RECEIVED: Final = Settings(quiet=6.0, table_interval=5.0)
"""The defaults for spans that are received: an SDK sends each five seconds, and somebody keeps them until then."""


def read_settings(environ: Mapping[str, str], default: Settings = Settings()) -> Settings:  # frozen
    """Read the settings. One that cannot be read is replaced by its default, with one warning."""
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
    """The argument `keep`. Raises ValueError unless it is a function, "llm" or "all"."""
    if callable(keep) or keep in _KEEPS:
        return keep
    raise ValueError(f"keep={keep!r} is none of 'llm', 'all', and a function of a span")


def checked_weave(weave: Weave) -> Weave:
    """A choice of Weave. Raises ValueError unless it is True, False or "agents", ImportError if it needs a package."""
    if not (weave is True or weave is False or weave == "agents"):
        raise ValueError(f"weave={weave!r} is none of True, False and 'agents'")
    if weave:
        require("weave", "weave", "opentelemetry-proto")
    return weave


def chosen_weave(weave: Weave | None, settings: Settings) -> Weave:
    """The argument `weave`, else the environment's choice. Raises what `checked_weave` raises for the argument.

    A choice of the environment that lacks a package gives a warning: the run matters more.
    """
    if weave is not None:
        return checked_weave(weave)
    try:
        return checked_weave(settings.weave)
    except ImportError as error:
        log.warning("%s is not used: %s", WEAVE_VARIABLE, error)
        return False


def chosen_prices(prices: Mapping[str, Mapping[str, float]] | None, settings: Settings) -> "Mapping[str, Price]":
    """The argument `prices`, else those of the file that the environment names.

    Raises ValueError for an argument that is malformed. A file that cannot be used gives a warning.
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
