"""Which providers have all their spans written by one exporter of this process, so that no other writes them too."""

import threading
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider


class Claims:
    """One for the process, however many providers and exporters there are, and whichever was made first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claims: tuple[tuple[TracerProvider, object], ...] = ()

    def has(self, provider: TracerProvider, exporter: object) -> bool:
        """Whether the exporter has claimed the provider."""
        return any(claimed is provider and owner is exporter for claimed, owner in self._claims)

    def add(self, provider: TracerProvider, exporter: object) -> None:
        """Leave the spans of the provider to one exporter."""
        with self._lock:
            self._claims = (*self._claims, (provider, exporter))

    def release(self, exporter: object) -> None:
        """Leave nothing to the exporter any more."""
        with self._lock:
            self._claims = tuple(claim for claim in self._claims if claim[1] is not exporter)

    def left_to_another(self, span: ReadableSpan, exporter: object) -> bool:
        """Whether another exporter writes the span.

        The SDK gives a span no reference to its provider, but it has the very resource that the provider has.
        """
        return any(owner is not exporter and span.resource is claimed.resource for claimed, owner in self._claims)


CLAIMS: Final = Claims()
