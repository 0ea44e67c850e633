"""What the sink reports about spans whose sender keeps them until they are on the disk."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from otel_wandb._runs.destination import Rotation
from otel_wandb._runs.run import OpenRun
from otel_wandb._spans.span import SpanRecord


class Delivery(Protocol):
    """Settles spans. Thread safe."""

    @property
    def rotation(self) -> Rotation:
        """When a run is full."""
        ...

    @property
    def most_runs(self) -> int:
        """How many runs may be open."""
        ...

    def begun(self, spans: Sequence[SpanRecord]) -> None:
        """The timeline of `spans` was logged; the rows of tables follow."""
        ...

    def written(self, runs: Sequence[OpenRun], spans: Sequence[SpanRecord]) -> None:
        """Everything of `spans` was logged to `runs`, or counted."""
        ...

    def closed(self, run: OpenRun) -> None:
        """A run was finished. Nothing more is written to it."""
        ...

    def lost(self, why: str) -> None:
        """The service process of wandb has gone, with what it had not written."""
        ...

    def settle(self, spans: Iterable[SpanRecord]) -> None:
        """The spans were counted as dropped."""
        ...

    def flush(self, timeout: float) -> bool:
        """Whether everything that was written is on the disk; it waits `timeout` seconds for it."""
        ...

    def abandon(self) -> None:
        """Settle nothing more."""
        ...

    def stop(self, timeout: float) -> bool:
        """Flush, for the last time."""
        ...
