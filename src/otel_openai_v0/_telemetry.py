"""What the calls that start now are told to, and share with each other."""

from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.trace import Tracer

from otel_openai_v0._content import ContentWriter
from otel_openai_v0._events import Events
from otel_openai_v0._guard import Faults
from otel_openai_v0._metrics import Metrics
from otel_openai_v0._sampling import Sampling
from otel_openai_v0._settings import Settings


@dataclass(frozen=True, slots=True)
class Telemetry:
    """A call keeps the one that it started with: what is said about content later is about the calls that come."""

    tracer: Tracer
    sampling: Sampling
    metrics: Metrics
    events: Events
    settings: Settings
    content: ContentWriter
    faults: Faults
    environ: Mapping[str, str]
