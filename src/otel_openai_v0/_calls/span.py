"""The current span while openai runs, as other instrumentations see it. It drops the SDK's span when the call ends.

aiohttp keeps a connection open after the call that opened it, and asyncio keeps the context in which it was opened.
Without this class that context would keep the SDK's span in memory, together with the prompt.
"""

from typing import Any, Protocol

from opentelemetry.trace import Span, SpanContext


class Holder(Protocol):
    """Has the SDK's span until the call ends, then a span that does nothing. The span's context is always available."""

    span: Span
    span_context: SpanContext


class CurrentSpan(Span):
    """Behaves as the holder's span in everything: methods, attributes, and the class that `isinstance` sees.

    The methods of the API are written out because `__getattr__` costs a microsecond.
    """

    def __init__(self, holder: Holder) -> None:
        self._holder = holder

    @property  # type: ignore[misc]  # what `isinstance` asks for
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return type(self._holder.span)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._holder.span, name)

    def get_span_context(self) -> SpanContext:
        """The span's context, also after its end: later spans may have it as their parent."""
        return self._holder.span_context

    def is_recording(self) -> bool:
        return self._holder.span.is_recording()

    def set_attribute(self, *args: Any, **kwargs: Any) -> None:
        self._holder.span.set_attribute(*args, **kwargs)

    def set_attributes(self, *args: Any, **kwargs: Any) -> None:
        self._holder.span.set_attributes(*args, **kwargs)

    def add_event(self, *args: Any, **kwargs: Any) -> None:
        self._holder.span.add_event(*args, **kwargs)

    def add_link(self, *args: Any, **kwargs: Any) -> None:
        self._holder.span.add_link(*args, **kwargs)

    def update_name(self, *args: Any, **kwargs: Any) -> None:
        self._holder.span.update_name(*args, **kwargs)

    def set_status(self, *args: Any, **kwargs: Any) -> None:
        self._holder.span.set_status(*args, **kwargs)

    def record_exception(self, *args: Any, **kwargs: Any) -> None:
        self._holder.span.record_exception(*args, **kwargs)

    def end(self, *args: Any, **kwargs: Any) -> None:
        self._holder.span.end(*args, **kwargs)
