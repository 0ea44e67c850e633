"""Copies foreign values into Python's own types. Never raises.

The SDK copies attribute values. Values of a span processor, of another SDK and of a log record's body are not copied: a
mapping there may raise an error, contain itself, or change.
"""

from collections.abc import Iterator, Mapping
from itertools import islice, repeat
from types import NoneType
from typing import Any, Final

from otel_wandb._spans.clean import clean

_PLAIN: Final = frozenset({str, int, float, bool, bytes, NoneType})
_DEEPEST: Final = 20
_MOST_VALUES: Final = 20_000  # of one attribute on all levels, because a value may contain itself


def plain_mapping(value: Any) -> dict[str, Any]:
    """Attributes with text names. Empty if `value` is no mapping or cannot be iterated."""
    try:
        return _attributes(value) if isinstance(value, Mapping) else {}
    except Exception:  # noqa: BLE001  # as in `_taken`
        return {}


def plain_text(value: Any) -> str:
    """A name as text. Empty for None."""
    if type(value) is str:
        return value
    return "" if value is None else str(clean(plain(value)))


def plain(value: Any) -> Any:
    """`value` as None, numbers, texts, bytes, tuples and dicts. Any other value becomes the name of its type."""
    return value if type(value) in _PLAIN else _taken(value, _DEEPEST, repeat(None, _MOST_VALUES))


def _attributes(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        (key if type(key) is str else plain_text(key)): (item if type(item) in _PLAIN else plain(item))
        for key, item in islice(value.items(), _MOST_VALUES)
    }


def _taken(value: Any, depth: int, budget: Iterator[None]) -> Any:
    try:
        return _read(value, depth, budget)
    except Exception:  # noqa: BLE001  # the value's own code was called
        return _named(value)


def _read(value: Any, depth: int, budget: Iterator[None]) -> Any:
    if isinstance(value, Mapping):
        return _named(value) if depth <= 0 else _mapping(value, depth - 1, budget)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _named(value) if depth <= 0 else _items(value, depth - 1, budget)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__index__(value)
    if isinstance(value, float):
        return float.__float__(value)
    return bytes(value) if isinstance(value, bytearray) else _named(value)


def _mapping(value: Mapping[Any, Any], depth: int, budget: Iterator[None]) -> dict[str, Any]:
    return {
        (key if type(key) is str else plain_text(key)): (item if type(item) in _PLAIN else _taken(item, depth, budget))
        for (key, item), _ in zip(value.items(), budget, strict=False)
    }


def _items(value: Any, depth: int, budget: Iterator[None]) -> tuple[Any, ...]:
    return tuple(
        [item if type(item) in _PLAIN else _taken(item, depth, budget) for item, _ in zip(value, budget, strict=False)]
    )


def _named(value: Any) -> str:
    return f"<{type(value).__name__}>"
