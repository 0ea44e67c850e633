"""What acts when a time is reached, in the pipeline's thread."""

from typing import Protocol


class Timed(Protocol):
    """Something that waits. Times are those of `time.monotonic`, in seconds."""

    def next_deadline(self) -> float | None:
        """When `tick` has something to do; None if nothing waits."""
        ...

    def tick(self, now: float) -> None:
        """Do what is due."""
        ...
