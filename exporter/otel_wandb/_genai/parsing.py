"""Reads the value of one attribute. The result is None if the value has another form.

A limit may have cut a JSON text, and the SDK accepts mappings, sequences and bytes. No function raises an error for any
value.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Final, TypeVar

from otel_wandb._spans.clean import clean

T = TypeVar("T")

MAPPING: Final = (dict, Mapping)  # `dict` is first, because the check of the abstract class takes ten times as long

_decode: Final = json.JSONDecoder().decode
_BRACKETS: Final = frozenset("{[")
_QUOTED: Final = _BRACKETS | {'"'}
_LARGEST: Final = 2**63 - 1
_MOST_DIGITS: Final = 18  # of a count; Python refuses to parse thousands of digits
_MOST_DOLLARS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def parsed(value: Any) -> Any:
    """The content of a JSON text. Any other value is returned unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return _decode(value)
    except (ValueError, RecursionError):
        return value


def document(value: Any) -> Any:
    """The content of a JSON object, list or string. Any other value is returned unchanged, so "5" stays a text."""
    return parsed(value) if isinstance(value, str) and value.lstrip()[:1] in _QUOTED else value


def is_cut(value: Any) -> bool:
    """Whether a text is a JSON object or list that was cut."""
    return isinstance(value, str) and value.lstrip()[:1] in _BRACKETS and parsed(value) is value


def inline(value: Any) -> str:
    """A text unchanged, or any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(clean(value), ensure_ascii=False)


def text(value: Any) -> str | None:
    """A text, or a number as one."""
    if isinstance(value, str):
        return value
    return inline(value) if isinstance(value, (int, float)) else None


def unquoted(value: Any) -> str | None:
    """A text, also one that a dialect writes as JSON, with quotes."""
    return text(document(value))


def texts(value: Any) -> tuple[str, ...] | None:
    """A list of texts, a JSON text of one, or a single text."""
    found = document(value)
    if isinstance(found, (list, tuple)):
        return tuple([item if isinstance(item, str) else inline(item) for item in found])
    return (found,) if isinstance(found, str) else None


def number(value: Any) -> float | None:
    """A finite number, or a text of one. Integers stay integers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST else None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, float) and math.isfinite(value) else None


def count(value: Any) -> int | None:
    """A count: an integer that is not negative."""
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) <= _MOST_DIGITS else None
    found = number(value)
    if found is None or found < 0 or found != int(found):
        return None
    return int(found)


def amount(value: Any) -> float | None:
    """An amount of seconds or money: a number that is not negative."""
    found = number(value)
    return float(found) if found is not None and found >= 0 else None


def dollars(value: Any) -> float | None:
    """The cost of a call in US dollars. A million or more is taken for an error."""
    found = amount(value)
    return None if found is None or found > _MOST_DOLLARS else found


def milliseconds(value: Any) -> float | None:
    """A time in milliseconds, as seconds."""
    found = amount(value)
    return None if found is None else found / 1e3


def flag(value: Any) -> bool | None:
    """True or false."""
    return value if isinstance(value, bool) else None


def moment(value: Any) -> int | None:
    """A time in ISO 8601 as nanoseconds since the epoch. Without a time zone it is UTC."""
    said = unquoted(value)
    if said is None:
        return None
    try:
        found = datetime.fromisoformat(said.replace("Z", "+00:00"))  # Python 3.10 does not know the Z
        if found.tzinfo is None:
            found = found.replace(tzinfo=timezone.utc)
        return (found - _EPOCH) // timedelta(microseconds=1) * 1_000
    except (ValueError, OverflowError):
        return None


def listed(value: Any) -> Sequence[Any]:
    """The items of a list, or of a JSON text of one. Any other value is the only item."""
    found = document(value)
    if isinstance(found, (list, tuple)):
        return found
    return () if found is None else (found,)


def length(value: Any) -> int | None:
    """The number of items in a list."""
    found = document(value)
    return len(found) if isinstance(found, (list, tuple)) else None


def first_of(found: Mapping[str, Any], *names: str) -> Any:
    """The value of the first of `names` that is present and not null."""
    return next((found[name] for name in names if found.get(name) is not None), None)


def at(value: Any, *path: str) -> Any:
    """The value at `path` in a document, or in a JSON text of one; None if there is no such path."""
    found = document(value)
    for name in path:
        if not isinstance(found, MAPPING):
            return None
        found = found.get(name)
    return found


def always(answer: T) -> Callable[[Any], T]:
    """A reader that returns `answer` for every value."""
    return lambda _: answer


def one_of(answers: Mapping[str, T]) -> Callable[[Any], T | None]:
    """A reader that looks up a word. Case and the quotes of JSON are ignored."""

    def read(value: Any) -> T | None:
        said = unquoted(value)
        return None if said is None else answers.get(said.lower())

    return read


def other_than(default: float, read: Callable[[Any], T | None]) -> Callable[[Any], T | None]:
    """A reader that ignores `default`: some dialects write it for a parameter that the caller did not set."""

    def disbelieve(value: Any) -> T | None:
        return None if number(value) == default else read(value)

    return disbelieve
