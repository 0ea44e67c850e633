"""The protocol of sinks, to which the pipeline writes traces. Each sink counts its own losses."""

from dataclasses import dataclass
from typing import Protocol

from otel_wandb._traces.completion import Completion
from otel_wandb._traces.feedback import Feedback
from otel_wandb._traces.read_trace import ReadTrace


@dataclass(frozen=True, slots=True)
class Place:
    """The W&B run that a trace was written to."""

    entity: str
    project: str
    run_id: str
    is_online: bool
    step: int | None = None
    """The step of its history row; None if unknown."""


class NotNowError(Exception):
    """A trace cannot be written now, but later. Nothing of it was written or counted."""


class Sink(Protocol):
    """Writes traces. The pipeline's thread writes; any thread may flush and close."""

    def write(self, read: ReadTrace, place: Place | None) -> Place | None:
        """Write a trace. `place` is the run to which an earlier sink wrote it. Returns the run where it is now.

        Raises NotNowError, only if the spans have positions.
        """
        ...

    def complete(self, read: ReadTrace, completion: Completion) -> None:
        """Write the remaining rows of a trace."""
        ...

    def write_feedback(self, said: Feedback) -> None:
        """Write feedback about a trace."""
        ...

    def summarise(self) -> None:
        """Write the rows that wait for later pieces, and the counters."""
        ...

    def flush(self, timeout: float) -> bool:
        """Finish all writes. Returns False if that takes longer than `timeout` seconds."""
        ...

    def close_runs(self) -> None:
        """Close the open runs when their writes are finished. The next trace opens another run."""
        ...

    def close(self, timeout: float) -> bool:
        """Flush and end. Returns False if that takes longer than `timeout` seconds."""
        ...

    def abandon(self) -> None:
        """End without writing anything more."""
        ...

    def say_late(self) -> None:
        """Log the losses of a `close` that took too long."""
        ...
