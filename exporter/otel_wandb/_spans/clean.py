"""Converts any value to plain JSON that wandb accepts.

Seen with wandb 0.31: one byte that is not UTF-8 makes a whole trace empty, infinity makes its JSON unreadable in the
browser, a mapping proxy or a cycle makes `run.log` raise an error, and a string over 100 kB prints a warning on the
user's terminal.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

LONGEST_TEXT: Final = 50_000  # characters; below 100 kB of UTF-8 unless they have more than two bytes on average
_DEEPEST: Final = 12
_MOST_ITEMS: Final = 1_000
_LARGEST_INT: Final = 2**63 - 1
_KEY_LIKE: Final = re.compile(r"(?<![\w-])sk-(?=[\w*-]*[\d*])[\w*-]{16,}|(?<=[Bb]earer )[\w.~+/=*-]{6,}")


def clean(value: Any, longest: int = LONGEST_TEXT, depth: int = _DEEPEST) -> Json:
    """`value` as plain JSON: texts up to `longest` characters, `depth` levels, 1,000 items in each."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean_text(value, longest)
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST_INT else clean_text(_digits(value), longest)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    if depth <= 0:
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        return _mapping(value, longest, depth)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _items(value, longest, depth)
    return f"<{type(value).__name__}>"


def clean_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """`text`, encodable and without secrets, cut at `longest` characters with a note about the number cut.

    A server may quote a key in an error. The SDK then records that error on each span through which it is raised.
    """
    if "sk-" in text or "earer " in text:
        text = _KEY_LIKE.sub("[scrubbed]", text)
    if len(text) > longest:
        text = f"{text[:longest]}… [{len(text) - longest} characters cut]"
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def _mapping(value: Mapping[Any, Any], longest: int, depth: int) -> Json:
    found: dict[str, Json] = {}
    for count, (key, item) in enumerate(value.items()):
        if count == _MOST_ITEMS:
            found["…"] = f"{len(value) - count} more"
            break
        found[clean_text(key if isinstance(key, str) else str(clean(key)), longest)] = clean(item, longest, depth - 1)
    return found


def _items(value: Any, longest: int, depth: int) -> Json:
    items = [clean(item, longest, depth - 1) for item, _ in zip(value, range(_MOST_ITEMS), strict=False)]
    if len(value) > _MOST_ITEMS:
        items.append(f"… {len(value) - _MOST_ITEMS} more")
    return items


def _digits(value: int) -> str:
    """The digits of an integer. `str(int)` refuses more than 4,300 digits."""
    return str(value) if value.bit_length() < 10_000 else f"<integer of {value.bit_length()} bits>"  # noqa: PLR2004
