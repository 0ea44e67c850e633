"""All three signals of one instrumented openai, kept in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import Json, Recording


@dataclass(frozen=True)
class Measured:
    """One histogram as it was exported; its points by their attributes."""

    unit: str
    points: list[HistogramDataPoint]

    def only(self) -> HistogramDataPoint:
        (point,) = self.points
        return point


class Watched(Recording):
    """Spans, metrics and events."""

    def __init__(self, sampler: Sampler = ALWAYS_ON, span_limits: SpanLimits | None = None) -> None:
        super().__init__(sampler, span_limits)
        self._reader = InMemoryMetricReader()
        self._logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK's own
        self.meter_provider = MeterProvider([self._reader])
        self.logger_provider = LoggerProvider()
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self._logs))

    def providers(self) -> dict[str, Any]:
        return {"meter_provider": self.meter_provider, "logger_provider": self.logger_provider}

    def metrics(self) -> dict[str, Measured]:
        """By name; of openai's calls only."""
        found = self._reader.get_metrics_data()
        scopes = [] if found is None else [scope for each in found.resource_metrics for scope in each.scope_metrics]
        return {
            metric.name: Measured(metric.unit or "", list(metric.data.data_points))  # type: ignore[arg-type]
            for scope in scopes
            for metric in scope.metrics
        }

    def events(self) -> tuple[ReadableLogRecord, ...]:
        return self._logs.get_finished_logs()

    def event(self) -> ReadableLogRecord:
        (record,) = self.events()
        return record

    def event_attributes(self) -> Json:
        return dict(self.event().log_record.attributes or {})

    def everything(self) -> str:
        """All that left the process, as text."""
        spans = "".join(span.to_json() for span in self.spans)
        points = [point.attributes for measured in self.metrics().values() for point in measured.points]
        return spans + "".join(record.to_json() for record in self.events()) + str(points)


def watch(instrument: Instrument, sampler: Sampler = ALWAYS_ON, **kwargs: Any) -> Watched:
    watched = Watched(sampler)
    instrument(watched, **watched.providers(), **kwargs)
    return watched
