"""Estimates the memory of a finished span. What waits is bounded in bytes, because a prompt may have megabytes."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from otel_wandb._spans.span import SpanRecord

_SPAN: Final = 1_000  # bytes of a span and its attributes' names, without their values
_VALUE: Final = 50
_MOST_VALUES: Final = 100_000  # that are looked at: a list may contain itself


def size_of(span: ReadableSpan) -> int:
    """Rough bytes; a character counts as one. It is cheap, because it runs where the span ended, and never raises."""
    waiting: list[Iterable[Any]] = []
    size = _SPAN
    try:
        waiting.append((span.attributes or {}).values())
        for event in span.events:
            size += _SPAN
            waiting.append((event.attributes or {}).values())
        return size + _size_of_all(waiting)
    except Exception:  # noqa: BLE001  # a value's own code was called
        return size


def size_of_record(span: SpanRecord) -> int:
    """The same of a record, which has only Python's own types."""
    events = (*span.events, *span.logs)
    values = [span.attributes.values(), *(event.attributes.values() for event in events)]
    return _SPAN * (1 + len(events)) + _size_of_all([*values, [event.body for event in span.logs]])


def size_of_values(*values: Any) -> int:
    """The same for any values."""
    try:
        return _SPAN + _size_of_all([values])
    except Exception:  # noqa: BLE001  # as above
        return _SPAN


def _size_of_all(waiting: list[Iterable[Any]]) -> int:
    size = 0
    seen = 0
    for values in waiting:  # grows while it is walked through
        if seen > _MOST_VALUES:
            break
        for value in islice(values, _MOST_VALUES):
            seen += 1
            if isinstance(value, (str, bytes)):
                size += len(value)
                continue
            size += _VALUE
            if isinstance(value, (list, tuple)):
                waiting.append(value)
            elif isinstance(value, Mapping):
                waiting.append(value.values())
    return size
