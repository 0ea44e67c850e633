"""Checks the options of the exporter: its arguments and its settings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from otel_wandb._costs.prices import Price
from otel_wandb._install import require
from otel_wandb._settings import Keep, Settings, Weave, checked_keep, chosen_prices, chosen_weave, read_settings

if TYPE_CHECKING:
    import wandb


@dataclass(frozen=True, slots=True)
class Options:
    """Checked options of an exporter."""

    settings: Settings
    keep: Keep
    prices: Mapping[str, Price]
    """The user's own prices."""
    weave: Weave
    init: Mapping[str, Any]
    """The arguments of `wandb.init` for our own runs."""
    is_routed: bool
    """Whether spans may name their project. If not, all traces go to one run."""
    run: "wandb.Run | None" = None
    """The user's run to write to, if one was given."""
    is_forked: bool = False
    """Whether this is a child of the process that made the exporter."""


def checked_options(
    init: Mapping[str, Any],
    run: "wandb.Run | None",
    *,
    keep: Keep | None,
    prices: Mapping[str, Mapping[str, float]] | None,
    weave: Weave | None,
) -> Options:
    """Check the options. Raises the errors of `WandbSpanExporter`. Imports wandb only if its arguments need a check."""
    given = {key: value for key, value in init.items() if value is not None}
    if run is not None and given:
        raise TypeError(f"{', '.join(given)} cannot be given with run=, because that run exists already")
    require("WandbSpanExporter", "wandb", "wandb")
    others = {key: value for key, value in init.items() if key not in ("project", "entity")}
    if run is not None or others:
        from otel_wandb._runs.opening import check_init, check_run

        check_run(run)
        check_init(others)
    settings = read_settings(os.environ)
    return Options(
        settings,
        checked_keep(keep or settings.keep),
        chosen_prices(prices, settings),
        chosen_weave(weave, settings),
        given,
        is_routed=run is None,
        run=run,
    )
