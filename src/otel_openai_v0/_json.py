"""JSON for span attributes: always valid, always encodable, whatever is in it."""

import json
import math
from typing import Any, Final


def _describe(value: object) -> str:
    return f"<{type(value).__name__}>"


_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, skipkeys=True, default=_describe
)
_ASCII_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=True, separators=(",", ":"), allow_nan=False, skipkeys=True, default=_describe
)


def dumps(value: Any) -> str:
    """Compact JSON of `value`; foreign objects become `<TypeName>`, infinities and NaN become strings.

    Text is not escaped, unless it holds lone surrogates, which no exporter could encode.
    """
    try:
        text = _ENCODER.encode(value)
    except ValueError:
        value = _finite(value)
        text = _ENCODER.encode(value)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _ASCII_ENCODER.encode(value)
    return text


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def loads_strict(text: str) -> Any:
    """Parse JSON as the standard has it; raises ValueError for NaN and Infinity too."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
