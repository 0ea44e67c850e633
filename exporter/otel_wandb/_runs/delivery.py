"""The reports of the run sink about received spans, whose sender keeps them until they are on the disk."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from otel_wandb._runs.destination import Rotation
from otel_wandb._runs.run import OpenRun
from otel_wandb._spans.span import SpanRecord


class Delivery(Protocol):
    """Settles spans that are on the disk. Thread safe."""

    @property
    def rotation(self) -> Rotation:
        """When another run follows."""
        ...

    @property
    def most_runs(self) -> int:
        """The maximum number of open runs."""
        ...

    def begun(self, spans: Sequence[SpanRecord]) -> None:
        """The timeline of `spans` was logged. Their table rows follow."""
        ...

    def written(self, runs: Sequence[OpenRun], spans: Sequence[SpanRecord]) -> None:
        """All data of `spans` was logged to `runs`, or counted as lost."""
        ...

    def closed(self, run: OpenRun) -> None:
        """A run was finished. Nothing more is written to it."""
        ...

    def lost(self, why: str) -> None:
        """The service process of wandb died. Everything that it had not written is lost."""
        ...

    def settle(self, spans: Iterable[SpanRecord]) -> None:
        """The spans were counted as dropped."""
        ...

    def flush(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until everything is on the disk. Returns whether it is."""
        ...

    def abandon(self) -> None:
        """Settle nothing more."""
        ...

    def stop(self, timeout: float) -> bool:
        """Flush for the last time, and end."""
        ...
