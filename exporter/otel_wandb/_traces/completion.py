"""The remaining rows of a trace. A killed process wrote its timeline, but not all its rows of tables."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from otel_wandb._traces.assembly import Trace


@dataclass(frozen=True, slots=True)
class Completion:
    """A trace, and the rows of tables that were already written."""

    trace: Trace
    calls: AbstractSet[str]
    """The span ids of calls whose row of `stats` was written."""
    has_row: bool
    """Whether its row of `traces` was written."""
