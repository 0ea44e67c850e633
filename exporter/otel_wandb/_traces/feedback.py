"""Feedback on a trace."""

import re
from dataclasses import dataclass
from typing import Final

_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Feedback:
    """A number or a text under a name; `seconds` are since the epoch."""

    trace_id: str
    name: str
    value: float | str
    seconds: float


def feedback_of(trace_id: str, name: str, value: float | str, seconds: float) -> Feedback:
    """Check feedback. Raises ValueError for a malformed trace id, TypeError for others."""
    if not _TRACE_ID.fullmatch(trace_id):
        raise ValueError(f"{trace_id!r} is not a trace id, which has 32 hex digits: see current_trace_id()")
    if not isinstance(name, str):
        raise TypeError(f"the name of feedback must be a text, not {type(name).__name__}")
    if not isinstance(value, (bool, int, float, str)):
        raise TypeError(f"feedback must be a number or a text, not {type(value).__name__}")
    return Feedback(trace_id, name, value, seconds)
