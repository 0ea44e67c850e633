"""The span that is current while openai runs, as others see it: it holds nothing once it has ended.

aiohttp keeps a connection open after the call that opened it, and asyncio keeps the context in which that was done. The
SDK's span stays in the memory with that context, and the prompt with the span.
"""

from typing import Any

from opentelemetry.trace import NonRecordingSpan, Span, SpanContext


class CurrentSpan(Span):
    """Another span in everything: its methods, its attributes and its class, which instrumentations ask for.

    The methods of the API are written out, for `__getattr__` costs a microsecond.
    """

    def __init__(self, span: Span) -> None:
        self._span = span

    def let_go(self) -> None:
        """From now on be what is left of an ended span: its context, which later spans may have as their parent."""
        self._span = NonRecordingSpan(self._span.get_span_context())

    @property  # type: ignore[misc]  # what `isinstance` asks for
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return type(self._span)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._span, name)

    def get_span_context(self) -> SpanContext:
        return self._span.get_span_context()

    def is_recording(self) -> bool:
        return self._span.is_recording()

    def set_attribute(self, *args: Any, **kwargs: Any) -> None:
        self._span.set_attribute(*args, **kwargs)

    def set_attributes(self, *args: Any, **kwargs: Any) -> None:
        self._span.set_attributes(*args, **kwargs)

    def add_event(self, *args: Any, **kwargs: Any) -> None:
        self._span.add_event(*args, **kwargs)

    def add_link(self, *args: Any, **kwargs: Any) -> None:
        self._span.add_link(*args, **kwargs)

    def update_name(self, *args: Any, **kwargs: Any) -> None:
        self._span.update_name(*args, **kwargs)

    def set_status(self, *args: Any, **kwargs: Any) -> None:
        self._span.set_status(*args, **kwargs)

    def record_exception(self, *args: Any, **kwargs: Any) -> None:
        self._span.record_exception(*args, **kwargs)

    def end(self, *args: Any, **kwargs: Any) -> None:
        self._span.end(*args, **kwargs)
