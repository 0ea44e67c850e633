"""Counts the parts of a body before it is decoded, because decoding makes an object of each part.

An object takes some hundred bytes, even if its part has only two. So 16 MiB could become gigabytes.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from otel_openai_wandb._gateway.receiving.replies import Reason, RefusedError
from otel_wandb._interface.otlp import Encoding, Signal

MOST_PARTS: Final = 500_000
MOST_JSON_PARTS: Final = 2_000_000  # commas and brackets, including those within texts
_NEVER_MANY: Final = 256 * 1024  # bytes; the parts of a smaller body are not counted
_JSON_MARKS: Final = (b",", b"[", b"{")

# Wire types of protobuf.
_VARINT, _FIXED_64, _SIZED, _GROUP, _END_OF_GROUP, _FIXED_32 = range(6)
_MORE: Final = 0x80  # set in all bytes of a varint but the last


class _Part(NamedTuple):
    """A field to count, and its fields that are counted. `weight` is how many objects it becomes."""

    fields: Mapping[int, "_Part"]
    weight: int = 1


def _any_value() -> Mapping[int, _Part]:
    """The fields of an attribute's value. Lists and mappings contain values again."""
    value: dict[int, _Part] = {}
    pair = {2: _Part(value)}
    value.update({5: _Part({1: _Part(value)}), 6: _Part({1: _Part(pair)})})
    return value


_VALUE: Final = _any_value()
_PAIR: Final = _Part({2: _Part(_VALUE)})
_NAMES: Final = _Part({})  # a repeated text
_RESOURCE: Final = _Part({1: _PAIR, 3: _Part({3: _NAMES, 4: _NAMES})})
_SCOPE: Final = _Part({3: _PAIR})
_SPAN: Final = _Part({9: _PAIR, 11: _Part({3: _PAIR}), 13: _Part({4: _PAIR}), 15: _Part({})}, weight=5)
_RECORD: Final = _Part({5: _Part(_VALUE), 6: _PAIR}, weight=5)


def _request(leaf: _Part) -> Mapping[int, _Part]:
    return {1: _Part({1: _RESOURCE, 2: _Part({1: _SCOPE, 2: leaf})})}


_REQUESTS: Final = {Signal.TRACES: _request(_SPAN), Signal.LOGS: _request(_RECORD)}


def refuse_many_parts(data: bytes, encoding: Encoding, signal: Signal) -> None:
    """Raise RefusedError if reading the body would take too much memory."""
    if len(data) <= _NEVER_MANY:
        return
    if encoding is Encoding.JSON:
        too_many = sum(data.count(mark) for mark in _JSON_MARKS) > MOST_JSON_PARTS
    else:
        too_many = _counted(data, _REQUESTS[signal]) > MOST_PARTS
    if too_many:
        raise RefusedError(Reason.TOO_LARGE, "the body has too many parts: send fewer spans at once")


def _counted(data: bytes, fields: Mapping[int, _Part]) -> int:
    """Count the parts of a message, up to the limit. Raises RefusedError if it is not protobuf."""
    parts, left = 0, [(0, len(data), fields)]
    try:
        while left and parts <= MOST_PARTS:
            at, end, fields = left.pop()
            while at < end and parts <= MOST_PARTS:
                tag, at = _varint(data, at)
                kind = tag & 7
                if kind == _SIZED:
                    size, at = _varint(data, at)
                    part = fields.get(tag >> 3)
                    if part is not None:
                        parts += part.weight
                        if size and part.fields:
                            left.append((at, at + size, part.fields))
                    at += size
                else:
                    at = _after(data, at, kind)
    except IndexError:
        raise RefusedError(Reason.MALFORMED, "the body is not OTLP") from None
    return parts


def _after(data: bytes, at: int, kind: int) -> int:
    """Where a value without a length ends. The content of a group is read as if it were outside the group."""
    if kind == _VARINT:
        return _varint(data, at)[1]
    if kind == _FIXED_64:
        return at + 8
    if kind == _FIXED_32:
        return at + 4
    if kind in {_GROUP, _END_OF_GROUP}:
        return at
    raise RefusedError(Reason.MALFORMED, "the body is not OTLP")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The value of a varint, and where it ends. Raises IndexError at the end of `data`."""
    value = data[at]
    if value < _MORE:
        return value, at + 1
    value, shift = value & 0x7F, 7
    while True:
        at += 1
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value, at + 1
        shift += 7
        if shift > 63:  # noqa: PLR2004 - of 64 bits
            raise RefusedError(Reason.MALFORMED, "the body is not OTLP")
