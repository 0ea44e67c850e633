"""Everything of the exporter that depends on the version of OpenTelemetry's SDK.

Each feature is detected by itself, never by a version number.
"""

from typing import Any

from opentelemetry.context import Context


def event_name(record: Any) -> str | None:
    """Return the name of a log record that is an event. A field of its own since 1.35; before that an attribute."""
    named = getattr(record, "event_name", None) or (record.attributes or {}).get("event.name")
    return named if isinstance(named, str) else None


def context_of(record: Any) -> Context | None:
    """Return the context that a log record was emitted in. Since 1.35; before that the current one."""
    found: Context | None = getattr(record, "context", None)
    return found
