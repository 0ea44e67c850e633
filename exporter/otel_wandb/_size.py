"""About how much memory a finished span holds: what waits is bounded in bytes, for a prompt may have megabytes."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

_SPAN: Final = 1_000  # bytes of a span and its attributes' names, without their values
_VALUE: Final = 50
_DEEPEST: Final = 4


def size_of(span: ReadableSpan) -> int:
    """Bytes, roughly: a character counts as one. Cheap, for it runs where the span ended."""
    size = _SPAN + _size_of_all((span.attributes or {}).values(), _DEEPEST)
    for event in span.events:
        size += _SPAN + _size_of_all((event.attributes or {}).values(), _DEEPEST)
    return size


def _size_of_all(values: Iterable[Any], depth: int) -> int:
    size = 0
    for value in values:
        if isinstance(value, (str, bytes)):
            size += len(value)
        elif isinstance(value, (list, tuple)) and depth:
            size += _size_of_all(value, depth - 1)
        elif isinstance(value, Mapping) and depth:
            size += _size_of_all(value.values(), depth - 1)
        else:
            size += _VALUE
    return size
