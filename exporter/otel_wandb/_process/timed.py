"""The protocol of objects that act when a time is reached, in the pipeline's thread."""

from typing import Protocol


class Timed(Protocol):
    """An object with deadlines. Times are those of `time.monotonic`, in seconds."""

    def next_deadline(self) -> float | None:
        """The time of the next call of `tick`; None if nothing waits."""
        ...

    def tick(self, now: float) -> None:
        """Do everything that is due at `now`."""
        ...
