"""Estimates the memory of a finished span. The bytes of waiting spans are limited: a prompt may have megabytes."""

from collections.abc import Iterable, Mapping
from itertools import islice
from sys import getsizeof
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from otel_wandb._spans.span import EventRecord, SpanRecord

_SPAN: Final = 1_000  # bytes of a span and the names of its attributes, without values
_VALUE: Final = 50
_RECORD: Final = 1_200  # bytes of a record without attributes, and of its trace
_EVENT: Final = 200
_MOST_VALUES: Final = 100_000  # values that are counted, because a list may contain itself


def size_of(span: ReadableSpan) -> int:
    """Roughly the bytes of a span; a character counts as one. Fast, because the program waits for it. Never raises."""
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
    """The bytes of memory of a record that waits for its trace. It only has Python's own types."""
    return _RECORD + _memory_of([span.attributes]) + sum(map(size_of_event, (*span.events, *span.logs)))


def size_of_event(event: EventRecord) -> int:
    """The bytes of memory of an event or a log record."""
    return _EVENT + _memory_of([event.attributes, event.body])


def _memory_of(waiting: list[Any]) -> int:
    size = 0
    for value in waiting:  # grows while it is walked through
        size += getsizeof(value)
        if isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, tuple):
            waiting += value
    return size


def size_of_values(*values: Any) -> int:
    """Roughly the bytes of any values."""
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
