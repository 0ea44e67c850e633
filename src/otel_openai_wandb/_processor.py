"""A span processor that can be switched off, because a provider of the SDK cannot remove one."""

import threading
import weakref
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

_OUR_SCOPE: Final = "otel_openai_v0"


class SwitchableProcessor(SpanProcessor):
    """Passes spans to `target`, if it is not None."""

    def __init__(self) -> None:
        self.target: SpanProcessor | None = None
        self._lock = threading.RLock()  # a garbage collection may start a span anywhere
        self._calls: weakref.WeakSet[Span] = weakref.WeakSet()  # begun while there was a target

    @property
    def open_calls(self) -> int:
        """How many calls of openai, and streams, have begun and not ended."""
        with self._lock:
            calls = list(self._calls)
        return sum(call.is_recording() and call.get_span_context().trace_flags.sampled for call in calls)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        target = self.target
        if target is None:
            return
        scope = span.instrumentation_scope
        if scope is not None and scope.name == _OUR_SCOPE:
            with self._lock:
                self._calls.add(span)
        target.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        target = self.target
        if target is not None:
            target.on_end(span)

    def shutdown(self) -> None:
        target = self.target
        if target is not None:
            target.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        target = self.target
        return True if target is None else target.force_flush(timeout_millis)
