"""Redacts content by the user's function."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from otel_openai_v0._base.current import left_alone
from otel_openai_v0._content.json import dumps, loads_strict
from otel_openai_v0._content.message import message_of

Redactor: TypeAlias = Callable[[str, list[dict[str, Any]]], list[dict[str, Any]] | None]
"""`redact(kind, items)` returns the items to record in place of `items`, or None to record none.

Items by `kind`, the first four as in the GenAI conventions:

- "input", "output": messages `{"role": str, "parts": [{"type": str, ...}], ...}`;
- "instructions": parts; "tools": definitions;
- "attributes": one dict of span attributes that may quote a prompt, name a person or identify a file, by name
  (`user.id`, `openai.request.file.sha256`, ...);
- "error": one `{"message": str}`.

The function may change the items that it gets.
"""


def redacted(redact: Redactor | None, kind: str, items: Sequence[Any]) -> Sequence[Any]:
    """The items that `redact` returns for `items`; all of `items` if there is no redactor.

    Raises what `redact` raises, and TypeError if it does not return a list of dicts or None. Then no content may be
    recorded.
    """
    if redact is None or not items:
        return items
    with left_alone():  # else the redactor's own calls of openai would be passed to it
        return _checked(redact(kind, [loads_strict(dumps(message_of(item))) for item in items]))


def _checked(redacted: Any) -> Sequence[Any]:
    """Check the result of a redactor. An unexpected one is refused, because it may be unredacted."""
    if redacted is None:
        return ()
    if not isinstance(redacted, (list, tuple)) or not all(isinstance(item, Mapping) for item in redacted):
        raise TypeError("redact() must return a list of dicts, or None")
    return redacted
