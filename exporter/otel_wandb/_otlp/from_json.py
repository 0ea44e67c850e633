"""Decodes OTLP in JSON: ids in hex, bytes in base64, integers of 64 bits as texts or numbers, names in camelCase.

A value of a wrong type makes a body malformed, as in protobuf. Unknown fields are ignored.
"""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from sys import intern
from typing import Any, Final

from otel_wandb._otlp.fields import ERROR, LATEST, MalformedError, genai_event, has_ids, is_remote, parent_of
from otel_wandb._spans.plain import plain
from otel_wandb._spans.span import EventRecord, SpanRecord

_DEEPEST: Final = 50  # levels of nested values; about the limit of protobuf
_BITS: Final = 64
_HEX: Final = frozenset("0123456789abcdef")
_ERRORS: Final = frozenset({ERROR, "STATUS_CODE_ERROR"})  # OTLP forbids the name, but protobuf's own JSON has it

Fields = Mapping[str, Any]


def spans(body: bytes) -> Iterator[SpanRecord | None]:
    """The spans of a trace request; None for each span without valid ids. Raises MalformedError."""
    for of_resource in _objects(_parsed(body), "resourceSpans"):
        resource = _attributes(_object(of_resource, "resource"))
        for of_scope in _objects(of_resource, "scopeSpans"):
            scope = _text(_object(of_scope, "scope"), "name")
            for span in _objects(of_scope, "spans"):
                yield _span(span, scope, resource)


def events(body: bytes) -> Iterator[tuple[str, str, EventRecord]]:
    """The GenAI events of spans in a log request, each with its trace id and span id. Raises MalformedError."""
    for of_resource in _objects(_parsed(body), "resourceLogs"):
        for of_scope in _objects(of_resource, "scopeLogs"):
            for record in _objects(of_scope, "logRecords"):
                trace_id, span_id = _hex(record, "traceId"), _hex(record, "spanId")
                event = _event(record) if has_ids(trace_id, span_id) else None
                if event is not None:
                    yield trace_id, span_id, event


def _parsed(body: bytes) -> Fields:
    try:
        found = json.loads(body.decode())
    except (ValueError, RecursionError):  # malformed text, a number with too many digits, or too deep
        raise _malformed() from None
    fields: Fields = _checked(found, dict)
    return fields


def _span(span: Fields, scope: str, resource: dict[str, Any]) -> SpanRecord | None:
    trace_id, span_id = _hex(span, "traceId"), _hex(span, "spanId")
    if not has_ids(trace_id, span_id):
        return None
    start = _time(span, "startTimeUnixNano")
    status = _object(span, "status")
    return SpanRecord(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_of(_hex(span, "parentSpanId")),
        parent_is_remote=is_remote(_number(span.get("flags"))),
        name=_text(span, "name"),
        start_ns=start,
        end_ns=max(_time(span, "endTimeUnixNano"), start),
        is_error=_is_error(status.get("code")),
        status_message=_text(status, "message") or None,
        attributes=_attributes(span),
        events=tuple(
            [
                EventRecord(_text(event, "name"), _time(event, "timeUnixNano"), _attributes(event))
                for event in _objects(span, "events")
            ]
        ),
        scope=scope,
        resource=resource,
    )


def _event(record: Fields) -> EventRecord | None:
    time_ns = _time(record, "timeUnixNano") or _time(record, "observedTimeUnixNano")
    body = plain(_value(_object(record, "body"), _DEEPEST))
    return genai_event(_text(record, "eventName"), time_ns, _attributes(record), body)


def _attributes(of: Fields) -> dict[str, Any]:
    return {intern(key): plain(value) for key, value in _pairs(of, "attributes", _DEEPEST)}


def _pairs(of: Fields, name: str, depth: int) -> list[tuple[str, Any]]:
    return [(_text(pair, "key"), _value(_object(pair, "value"), depth)) for pair in _objects(of, name)]


def _value(value: Fields, depth: int) -> Any:
    if depth <= 0:
        raise _malformed()
    for name, given in value.items():
        if name in _SCALARS and given is not None:
            return _SCALARS[name](given)
        if name == "arrayValue":
            return tuple([_value(item, depth - 1) for item in _objects(_checked(given or {}, dict), "values")])
        if name == "kvlistValue":
            return dict(_pairs(_checked(given or {}, dict), "values", depth - 1))
    return None


def _objects(of: Fields, name: str) -> list[Fields]:
    found: list[Fields] = _checked(of.get(name) or [], list)
    return [_checked(item, dict) for item in found]


def _object(of: Fields, name: str) -> Fields:
    found: Fields = _checked(of.get(name) or {}, dict)
    return found


def _text(of: Fields, name: str) -> str:
    found: str = _checked(of.get(name) or "", str)
    return found


def _hex(of: Fields, name: str) -> str:
    """An id in lower case; empty if it is not hex."""
    found = _text(of, name).lower()
    return found if _HEX.issuperset(found) else ""


def _time(of: Fields, name: str) -> int:
    return min(max(_number(of.get(name)), 0), LATEST)


def _is_error(code: Any) -> bool:
    return isinstance(code, (int, str)) and code in _ERRORS


def _number(given: Any) -> int:
    """An integer, which may be a text in JSON; 0 for None."""
    if given is None:
        return 0
    if isinstance(given, bool) or not isinstance(given, (int, str)):
        raise _malformed()
    try:
        found = int(given)
    except ValueError:
        raise _malformed() from None
    if found.bit_length() > _BITS:
        raise _malformed()
    return found


def _fraction(given: Any) -> float:
    """A floating-point number. NaN and infinity are texts in JSON."""
    if isinstance(given, bool) or not isinstance(given, (int, float, str)):
        raise _malformed()
    try:
        return float(given)
    except (ValueError, OverflowError):
        raise _malformed() from None


def _bytes(given: Any) -> bytes:
    try:
        return b64decode(_checked(given, str))
    except ValueError:
        raise _malformed() from None


def _checked(given: Any, kind: type) -> Any:
    if not isinstance(given, kind):
        raise _malformed()
    return given


def _malformed() -> MalformedError:
    return MalformedError("the body is not OTLP in JSON")


_SCALARS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "stringValue": lambda given: _checked(given, str),
    "boolValue": lambda given: _checked(given, bool),
    "intValue": _number,
    "doubleValue": _fraction,
    "bytesValue": _bytes,
}
