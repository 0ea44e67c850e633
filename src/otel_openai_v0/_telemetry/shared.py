"""The objects that all calls share: tracer, sampling, metrics, events, settings, content writer, faults."""

from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.trace import Tracer

from otel_openai_v0._content.writer import ContentWriter
from otel_openai_v0._telemetry.events import Events
from otel_openai_v0._telemetry.faults import Faults
from otel_openai_v0._telemetry.metrics import Metrics
from otel_openai_v0._telemetry.sampling import Sampling
from otel_openai_v0._telemetry.settings import Settings


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The shared objects. A call keeps those that it started with, so a change of settings affects later calls only."""

    tracer: Tracer
    sampling: Sampling
    metrics: Metrics
    events: Events
    settings: Settings
    content: ContentWriter
    faults: Faults
    environ: Mapping[str, str]
