"""The meaning of OTLP fields, for both encodings."""

from collections.abc import Mapping
from typing import Any, Final

from otel_wandb._spans.span import EventRecord

LATEST: Final = 2**63 - 1  # nanoseconds; the year 2262, the limit for spans of the SDK too
ERROR: Final = 2  # status code
EVENT_NAME: Final = "event.name"  # an attribute in log records without the field `event_name`

_TRACE_DIGITS, _SPAN_DIGITS = 32, 16
_IS_REMOTE: Final = 0x300  # span flags "is_remote is known" and "is_remote"
_PREFIX: Final = "gen_ai."


class MalformedError(ValueError):
    """A body is not OTLP. The message quotes nothing of the body."""


def has_ids(trace_id: str, span_id: str) -> bool:
    """Whether hex texts are valid ids of a trace and a span. Only zeros are invalid."""
    return _is_id(trace_id, _TRACE_DIGITS) and _is_id(span_id, _SPAN_DIGITS)


def parent_of(span_id: str) -> str | None:
    """The id of a parent; None if the text is not a valid span id, such as zeros or an empty text."""
    return span_id if _is_id(span_id, _SPAN_DIGITS) else None


def is_remote(flags: int) -> bool:
    """Whether the flags of a span say that its parent is in another process. Older SDKs do not set these flags."""
    return flags & _IS_REMOTE == _IS_REMOTE


def genai_event(name: str, time_ns: int, attributes: Mapping[str, Any], body: Any) -> EventRecord | None:
    """The event of a log record; None if it is not a GenAI event."""
    named = name or attributes.get(EVENT_NAME)
    if not isinstance(named, str) or not named.startswith(_PREFIX):
        return None
    return EventRecord(named, min(time_ns, LATEST), attributes, body)


def _is_id(text: str, digits: int) -> bool:
    return len(text) == digits and text.strip("0") != ""
