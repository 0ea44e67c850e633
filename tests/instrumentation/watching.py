"""All three signals of one instrumented openai, kept in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

from otel_openai_v0 import OpenAIInstrumentor
from otel_openai_v0._base.versions import HAS_EVENTS
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import Json, Recording

if TYPE_CHECKING:  # before 1.38 they have other names
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter


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
        self._measured: dict[str, Measured] = {}
        self.meter_provider = MeterProvider([self._reader])
        self.logger_provider = LoggerProvider()
        self._logs = _watched_logs(self.logger_provider) if HAS_EVENTS else None

    def providers(self) -> dict[str, Any]:
        return {"meter_provider": self.meter_provider, "logger_provider": self.logger_provider}

    def metrics(self) -> dict[str, Measured]:
        """By name; of openai's calls only."""
        found = self._reader.get_metrics_data()
        scopes = [] if found is None else [scope for each in found.resource_metrics for scope in each.scope_metrics]
        self._measured |= {
            metric.name: Measured(metric.unit or "", list(metric.data.data_points))  # type: ignore[arg-type]
            for scope in scopes
            for metric in scope.metrics
            if metric.data.data_points
        }
        return dict(self._measured)  # an old SDK tells of each measurement once

    def events(self) -> tuple[ReadableLogRecord, ...]:
        """Before OpenTelemetry 1.38 there are none: a test that asks for them goes no further there."""
        if self._logs is None and _any_event_is_wanted():
            pytest.skip("OpenTelemetry before 1.38 has no events")
        return self._records()

    def _records(self) -> tuple[ReadableLogRecord, ...]:
        return () if self._logs is None else self._logs.get_finished_logs()

    def event(self) -> ReadableLogRecord:
        (record,) = self.events()
        return record

    def event_attributes(self) -> Json:
        return dict(self.event().log_record.attributes or {})

    def everything(self) -> str:
        """All that left the process, as text."""
        spans = "".join(span.to_json() for span in self.spans)
        points = [point.attributes for measured in self.metrics().values() for point in measured.points]
        return spans + "".join(record.to_json() for record in self._records()) + str(points)


def _watched_logs(provider: LoggerProvider) -> InMemoryLogRecordExporter:
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

    kept = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK's own
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
    return kept


def _any_event_is_wanted() -> bool:
    instrumentation = OpenAIInstrumentor()._instrumentation
    return instrumentation is not None and instrumentation._telemetry.settings.emit_event


def watch(instrument: Instrument, sampler: Sampler = ALWAYS_ON, **kwargs: Any) -> Watched:
    watched = Watched(sampler)
    instrument(watched, **watched.providers(), **kwargs)
    return watched
