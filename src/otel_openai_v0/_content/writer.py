"""Writes prompts and completions as JSON: redacted, without secrets, within limits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.util.types import AttributeValue

from otel_openai_v0._base.attributes import Attributes
from otel_openai_v0._content.json import INT_BITS
from otel_openai_v0._content.limits import ContentLimits, cut_text, written
from otel_openai_v0._content.redaction import Redactor, redacted
from otel_openai_v0._content.secrets import without_keys


@dataclass(frozen=True, slots=True)
class ContentWriter:
    """Writes content as JSON. Its methods raise what `redact` raises. The content must then not be recorded."""

    redact: Redactor | None = None
    limits: ContentLimits = field(default_factory=ContentLimits)

    def write(self, kind: str, items: Sequence[Any]) -> str | None:
        """The JSON of `items`; None if there is nothing to record."""
        if self.limits.total == 0:
            return None
        items = redacted(self.redact, kind, items)
        if not items:
            return None
        return without_keys(written(items, self.limits))

    def attributes(self, found: Attributes) -> Attributes:
        """Redact attributes that may contain personal data or prompt text."""
        items = redacted(self.redact, "attributes", [found] if found else [])
        longest = self.limits.message
        return {
            name: _word(item[name], found[name], longest)
            for item in items
            for name in found
            if item.get(name) is not None
        }

    def error(self, message: str) -> str | None:
        """The text to record in place of an error message; None if the message itself may be recorded."""
        if self.redact is None:
            return None
        items = redacted(self.redact, "error", [{"message": message}] if message else [])
        return " ".join(str(item["message"]) for item in items if item.get("message"))


def _word(value: Any, found: AttributeValue, longest: int) -> AttributeValue:
    """A redacted value in the type of the attribute that it replaces, with no text longer than `longest`."""
    if isinstance(value, int) and isinstance(found, int) and value.bit_length() <= INT_BITS:
        return value
    if isinstance(value, (list, tuple)):
        return [cut_text(str(item), longest) for item in value]
    return cut_text(str(value), longest)
