"""The findings of the doctor, and their report as text or JSON."""

import enum
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_USER: Final = re.compile(r"(?<=://)[^/\s]+@")  # the user information of an address; it may be a password


class State(enum.Enum):
    """The result of a check."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `remedy` is a command or advice that fixes it."""

    what: str
    state: State
    text: str
    remedy: str | None = None

    def line(self) -> str:
        """The finding as a line of text."""
        remedy = "" if self.remedy is None else f": {self.remedy}"
        return f"{self.state.value:>6}  {self.what:<16}  {self.text}{remedy}\n"


def as_json(findings: Sequence[Finding]) -> str:
    """The findings as JSON: `{"ok": bool, "findings": [{"what", "state", "text", "remedy"}, ...]}`."""
    rows = [
        {"what": found.what, "state": found.state.value, "text": found.text, "remedy": found.remedy}
        for found in findings
    ]
    return json.dumps({"ok": is_well(findings), "findings": rows}, indent=2) + "\n"


def is_well(findings: Sequence[Finding]) -> bool:
    """Whether nothing failed."""
    return all(found.state is not State.FAILED for found in findings)


def ok(what: str, text: str) -> Finding:
    """A finding without a problem."""
    return Finding(what, State.OK, text)


def note(what: str, text: str) -> Finding:
    """A finding that may be intended."""
    return Finding(what, State.NOTE, text)


def failed(what: str, text: str, remedy: str) -> Finding:
    """A finding that prevents traces, with the command that fixes it."""
    return Finding(what, State.FAILED, text, remedy)


def first_line(error: Exception) -> str:
    """The first line of an error's message, as short as a finding needs it."""
    return without_user(str(error).strip().partition("\n")[0].rstrip(".:")) or type(error).__name__


def without_user(text: str) -> str:
    """A text without the user information of addresses, which may be a password."""
    return _USER.sub("", text)
