"""Redaction by the user's function: what it is given, and what it may return."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from otel_openai_v0._base.current import left_alone
from otel_openai_v0._content.json import dumps, loads_strict
from otel_openai_v0._content.message import message_of

Redactor: TypeAlias = Callable[[str, list[dict[str, Any]]], list[dict[str, Any]] | None]
"""`redact(kind, items)` returns what may be recorded of `items`, or None for nothing.

`kind` is "input" or "output" (messages `{"role": str, "parts": [{"type": str, ...}], ...}`), "instructions" (parts) or
"tools" (definitions), as in the GenAI conventions; "attributes" (one dict of those that may quote a prompt or a
person, or tell which file was sent, by their names: `user.id`, `openai.request.file.sha256`, ...) or "error" (one
`{"message": str}`). The items are its own to change.
"""


def redacted(redact: Redactor | None, kind: str, items: Sequence[Any]) -> Sequence[Any]:
    """What `redact` leaves of `items`; all of them without a redactor.

    Raises what `redact` raises, and TypeError for anything else than a list of dicts. Then no content may be recorded.
    """
    if redact is None or not items:
        return items
    with left_alone():  # the redactor's own calls of openai would be passed to it again
        return _checked(redact(kind, [loads_strict(dumps(message_of(item))) for item in items]))


def _checked(redacted: Any) -> Sequence[Any]:
    """Check what a redactor returned. Anything unexpected is refused, because it could be unredacted."""
    if redacted is None:
        return ()
    if not isinstance(redacted, (list, tuple)) or not all(isinstance(item, Mapping) for item in redacted):
        raise TypeError("redact() must return a list of dicts, or None")
    return redacted
