"""Writes JSON for span attributes. It is valid and encodable for any values."""

import json
import math
from collections.abc import Mapping
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, Final

DEEPEST: Final = 20
INT_BITS: Final = 63  # without the sign; exporters cannot write longer numbers
_LONGEST_INT: Final = 10_000  # bits; `str(int)` refuses more than 4,300 digits


def _describe(value: object) -> str:
    return f"<{type(value).__name__}>"


_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, skipkeys=True, default=_describe
)
_ASCII_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=True, separators=(",", ":"), allow_nan=False, skipkeys=True, default=_describe
)


def text_of(value: object) -> str:
    """`value` as text. A str is taken as it is: `str()` of an enumeration's member would be its name."""
    if type(value) is str:
        return value
    return str.__str__(value) if isinstance(value, str) else str(value)


def dumps(value: Any) -> str:
    """Compact JSON of `value`.

    Foreign objects become `<TypeName>`; infinities and NaN become strings. Text is not escaped, unless it holds lone
    surrogates, which no exporter could encode.
    """
    try:
        text = _ENCODER.encode(value)
    except (ValueError, RecursionError):
        value = _plain(value, DEEPEST)
        text = _ENCODER.encode(value)
    return text if text.isascii() or is_encodable(text) else _ASCII_ENCODER.encode(value)


def quoted(text: str) -> str:
    """The JSON of a text, as `dumps` writes it."""
    if text.isascii():
        return encode_basestring_ascii(text)  # 25 % faster
    return encode_basestring(text) if is_encodable(text) else encode_basestring_ascii(text)


def is_encodable(text: str) -> bool:
    """Whether `text` can be encoded as UTF-8, that is, has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any, depth: int) -> Any:
    """`value` without infinities, cycles, and integers that Python refuses to print, which JSON cannot express."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and value.bit_length() > _LONGEST_INT:
        return f"<integer of {value.bit_length()} bits>"
    if not isinstance(value, (Mapping, list, tuple)):
        return value
    if depth == 0:
        return _describe(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth - 1) for key, item in value.items()}
    return [_plain(item, depth - 1) for item in value]


def loads_strict(text: str) -> Any:
    """Parse JSON strictly. Raises ValueError for NaN and Infinity too."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
