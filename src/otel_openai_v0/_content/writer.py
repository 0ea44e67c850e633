"""Writes prompts and completions for the record: redacted, without secrets, within limits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from opentelemetry.util.types import AttributeValue

from otel_openai_v0._base.attributes import Attributes
from otel_openai_v0._base.current import left_alone
from otel_openai_v0._content.json import INT_BITS, dumps, loads_strict
from otel_openai_v0._content.limits import ContentLimits, written
from otel_openai_v0._content.message import message_of
from otel_openai_v0._content.secrets import without_keys

Redactor: TypeAlias = Callable[[str, list[dict[str, Any]]], list[dict[str, Any]] | None]
"""`redact(kind, items)` returns what may be recorded of `items`, or None for nothing.

`kind` is "input" or "output" (messages `{"role": str, "parts": [{"type": str, ...}], ...}`), "instructions" (parts) or
"tools" (definitions), as in the GenAI conventions; "attributes" (one dict of those that may quote a prompt or a
person, or tell which file was sent, by their names: `user.id`, `openai.request.file.sha256`, ...) or "error" (one
`{"message": str}`). The items are its own to change.
"""


@dataclass(frozen=True, slots=True)
class ContentWriter:
    """Writes content as JSON. Raises what `redact` raises; the content must then not be recorded."""

    redact: Redactor | None = None
    limits: ContentLimits = field(default_factory=ContentLimits)

    def write(self, kind: str, items: Sequence[Any]) -> str | None:
        """The JSON of `items`; None where there is nothing to record."""
        if self.limits.total == 0:
            return None
        items = self._redacted(kind, items)
        if not items:
            return None
        return without_keys(written(items, self.limits))

    def attributes(self, found: Attributes) -> Attributes:
        """What may be recorded of attributes that may contain personal data or prompt text."""
        redacted = self._redacted("attributes", [found] if found else [])
        return {
            name: _word(item[name], found[name]) for item in redacted for name in found if item.get(name) is not None
        }

    def error(self, message: str) -> str | None:
        """The text to record in place of an error message; None: the message itself."""
        if self.redact is None:
            return None
        redacted = self._redacted("error", [{"message": message}] if message else [])
        return " ".join(str(item["message"]) for item in redacted if item.get("message"))

    def _redacted(self, kind: str, items: Sequence[Any]) -> Sequence[Any]:
        if self.redact is None or not items:
            return items
        with left_alone():  # the redactor's own calls of openai would be passed to it again
            return _checked(self.redact(kind, [loads_strict(dumps(message_of(item))) for item in items]))


def _checked(redacted: Any) -> Sequence[Any]:
    """Check what a redactor returned. Anything unexpected is refused, because it could be unredacted."""
    if redacted is None:
        return ()
    if not isinstance(redacted, (list, tuple)) or not all(isinstance(item, Mapping) for item in redacted):
        raise TypeError("redact() returned no list of dicts")
    return redacted


def _word(value: Any, found: AttributeValue) -> AttributeValue:
    """A redacted value in the type of the attribute that it replaces."""
    if isinstance(value, int) and isinstance(found, int) and value.bit_length() <= INT_BITS:
        return value
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else str(value)
