"""What the pipeline asks of a place that traces are written to. Each sink counts its own losses."""

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
    """The step of its history row, where wandb says it."""


class NotNowError(Exception):
    """A trace could not be written, and can be later. Nothing of it was written or counted."""


class Sink(Protocol):
    """Somewhere that traces are written to. The pipeline's thread writes; any thread may flush and close."""

    def write(self, read: ReadTrace, place: Place | None) -> Place | None:
        """Write a trace. `place` is where a sink before this one wrote it; the answer is where it is now.

        Raises NotNowError, where spans have positions.
        """
        ...

    def complete(self, read: ReadTrace, completion: Completion) -> None:
        """Write the rest of a trace."""
        ...

    def write_feedback(self, said: Feedback) -> None:
        """Write feedback about a trace."""
        ...

    def summarise(self) -> None:
        """Write rows that wait for more, and the counters."""
        ...

    def flush(self, timeout: float) -> bool:
        """Finish what was written; False if that takes longer than `timeout` seconds."""
        ...

    def close_runs(self) -> None:
        """Close what is open when it is finished. The next trace opens another."""
        ...

    def close(self, timeout: float) -> bool:
        """Flush, and end."""
        ...

    def abandon(self) -> None:
        """End without writing anything more."""
        ...

    def say_late(self) -> None:
        """Log what a close that took too long has left behind."""
        ...
