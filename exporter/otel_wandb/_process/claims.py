"""Reserves the spans of a provider for one exporter of this process, so that no other exporter writes them too."""

import threading
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider


class Claims:
    """The claims of exporters on providers. One object for the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claims: tuple[tuple[TracerProvider, object], ...] = ()

    def has(self, provider: TracerProvider, exporter: object) -> bool:
        """Whether the exporter has claimed the provider."""
        return any(claimed is provider and owner is exporter for claimed, owner in self._claims)

    def add(self, provider: TracerProvider, exporter: object) -> None:
        """Reserve the spans of the provider for one exporter."""
        with self._lock:
            self._claims = (*self._claims, (provider, exporter))

    def release(self, exporter: object) -> None:
        """Remove all claims of the exporter."""
        with self._lock:
            self._claims = tuple(claim for claim in self._claims if claim[1] is not exporter)

    def left_to_another(self, span: ReadableSpan, exporter: object) -> bool:
        """Whether the span's provider is claimed by another exporter.

        A span of the SDK has no reference to its provider, but it has the provider's resource, the same object.
        """
        return any(owner is not exporter and span.resource is claimed.resource for claimed, owner in self._claims)


CLAIMS: Final = Claims()
