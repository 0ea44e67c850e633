"""Feedback on a trace, and its checks."""

import re
from dataclasses import dataclass
from typing import Final

_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Feedback:
    """A number or a text under a name. `seconds` is the time in seconds since the epoch."""

    trace_id: str
    name: str
    value: float | str
    seconds: float


def feedback_of(trace_id: object, name: str, value: float | str, seconds: float) -> Feedback:
    """Check feedback. Raises ValueError for a malformed trace id, and what `check_said` raises."""
    check_said(name, value)
    if not isinstance(trace_id, str) or not _TRACE_ID.fullmatch(trace_id):
        raise ValueError(f"{trace_id!r} is not a trace id, which has 32 hex digits: see current_trace_id()")
    return Feedback(trace_id, name, value, seconds)


def check_said(name: str, value: float | str) -> None:
    """Raise TypeError if the name is no text, or if the value is no number and no text."""
    if not isinstance(name, str):
        raise TypeError(f"the name of feedback must be a text, not {type(name).__name__}")
    if not isinstance(value, (bool, int, float, str)):
        raise TypeError(f"feedback must be a number or a text, not {type(value).__name__}")
