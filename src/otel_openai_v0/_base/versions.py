"""Everything that depends on the version of OpenTelemetry; no other module checks versions.

Each feature is detected by itself, never by a version number. The oldest tested version is API 1.20 with
instrumentation 0.41b0, of September 2023. Code for a version is removed when support for that version ends.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final

from opentelemetry import context as contexts
from opentelemetry._logs import Logger, LogRecord
from opentelemetry.context import Context
from opentelemetry.instrumentation import utils
from opentelemetry.metrics import Histogram, Meter


def _takes(function: Callable[..., Any], name: str) -> bool:
    return name in inspect.signature(function).parameters


HAS_EVENTS: Final = _takes(Logger.emit, "event_name")
"""Whether a logger takes events, as from API 1.38 on. With an older API no event is emitted.

A record has an event name since 1.35, but the SDK's exporters fail on such a record of the API up to 1.37.
"""

NO_EVENTS: Final = "no event is emitted: this OpenTelemetry has none (they came with version 1.38)"

MEASURES_IN_CONTEXT: Final = _takes(Histogram.record, "context")
"""Whether a measurement takes a context, as from API 1.28 on. It is for exemplars, which older SDKs lack."""

HAS_BUCKETS: Final = _takes(Meter.create_histogram, "explicit_bucket_boundaries_advisory")
"""Whether a meter takes a histogram's buckets, as from API 1.30 on. Before, only a view of the program sets them."""


def create_histogram(meter: Meter, name: str, unit: str, description: str, buckets: Sequence[float]) -> Histogram:
    """Create a histogram of `meter`, with `buckets` if the API supports them."""
    more: dict[str, Any] = {"explicit_bucket_boundaries_advisory": buckets} if HAS_BUCKETS else {}
    return meter.create_histogram(name, unit, description, **more)


def in_context(context: Context) -> tuple[Context, ...]:
    """Return the arguments of an instrument's `record` after the value and its attributes."""
    return (context,) if MEASURES_IN_CONTEXT else ()


def event(name: str, attributes: dict[str, Any], context: Context) -> LogRecord | None:
    """Return an event to emit; None if this API has no events."""
    return LogRecord(event_name=name, attributes=attributes, context=context) if HAS_EVENTS else None


def _is_instrumentation_enabled() -> bool:
    keys = (getattr(contexts, "_SUPPRESS_INSTRUMENTATION_KEY", ""), "suppress_instrumentation")
    return not any(contexts.get_value(key) for key in keys)


is_instrumentation_enabled: Final[Callable[[], bool]] = getattr(
    utils, "is_instrumentation_enabled", _is_instrumentation_enabled
)
"""Whether telemetry is not suppressed in this context. Since instrumentation 0.44b0; before that we read the keys."""
