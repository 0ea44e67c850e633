"""The rest of a trace of which a killed process wrote the timeline, but not all rows of tables."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from otel_wandb._traces.assembly import Trace


@dataclass(frozen=True, slots=True)
class Completion:
    """A trace, and the rows of tables that were written."""

    trace: Trace
    calls: AbstractSet[str]
    """The ids of the calls that have their row of `stats`."""
    has_row: bool
    """Whether it has its row of `traces`."""
