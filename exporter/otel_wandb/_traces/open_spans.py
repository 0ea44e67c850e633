"""Tracks the open spans of this process. A trace with an open span is not finished."""

import threading
import weakref
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import get_tracer_provider

_MOST: Final = 100_000  # spans; further ones are not tracked, so their traces are finished by time alone


class OpenSpans(SpanProcessor):
    """Counts the open spans of each trace. One object for the process, shared by all providers and exporters.

    It runs in the thread that starts and ends spans, and takes about two microseconds for each span.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a garbage collection may end a span anywhere
        self._open: dict[int, set[int]] = {}
        self._number = 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Note a span that has started."""
        context = span.get_span_context()
        with self._lock:
            if self._number >= _MOST:
                return
            spans = self._open.setdefault(context.trace_id, set())
            if context.span_id not in spans:
                spans.add(context.span_id)
                self._number += 1

    def on_end(self, span: ReadableSpan) -> None:
        """Forget a span that has ended."""
        context = span.get_span_context()
        if context is None:
            return
        with self._lock:
            spans = self._open.get(context.trace_id)
            if spans is None:
                return
            if context.span_id in spans:
                spans.remove(context.span_id)
                self._number -= 1
            if not spans:
                del self._open[context.trace_id]

    def has(self, trace_id: str) -> bool:
        """Whether a span of the trace is open."""
        return int(trace_id, 16) in self._open

    def forget(self) -> None:
        """Reset the state in a forked child, because the parent ends the open spans."""
        self._lock = threading.RLock()
        self._open = {}
        self._number = 0

    def shutdown(self) -> None:
        """There is nothing to write."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002
        """There is nothing to write."""
        return True


OPEN_SPANS: Final = OpenSpans()
"""The open spans of this process, of all providers that report here."""

_LISTENED_TO: Final["weakref.WeakSet[TracerProvider]"] = weakref.WeakSet()


def listen_to_program() -> bool:
    """Add `OPEN_SPANS` to the global provider, once. Returns False if there is no SDK provider yet."""
    provider = get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        return False
    if provider not in _LISTENED_TO:
        _LISTENED_TO.add(provider)
        provider.add_span_processor(OPEN_SPANS)
    return True
