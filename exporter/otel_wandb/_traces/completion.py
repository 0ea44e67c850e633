"""What is left to write of a trace that a killed process had written the timeline of, but not all rows of tables."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from otel_wandb._traces.assembly import Trace


@dataclass(frozen=True, slots=True)
class Completion:
    """A trace, and which rows of tables there are."""

    trace: Trace
    calls: AbstractSet[str]
    """The ids of the calls that have their row of `stats`."""
    has_row: bool
    """Whether it has its row of `traces`."""
