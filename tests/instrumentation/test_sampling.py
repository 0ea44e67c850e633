"""What is said without asking the sampler is what it would say; and nothing is said for one that is not the SDK's."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Span, SpanContext, TraceFlags, Tracer

from otel_openai_v0._telemetry.sampling import Sampling
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, Caller, Recording


class Counting(Sampler):
    """A program's own sampler: it lets every second span through, so that asking it changes what it says."""

    def __init__(self) -> None:
        self.asked = 0

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        self.asked += 1
        return SamplingResult(Decision.DROP if self.asked % 2 else Decision.RECORD_AND_SAMPLE)

    def get_description(self) -> str:
        return ALWAYS_OFF.get_description()


class Contrary(ParentBased):
    """Samples what its base would not."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        return SamplingResult(Decision.RECORD_AND_SAMPLE)


class Pretending(Sampler):
    """Samples, and says that it does not: a description alone is not believed."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        return SamplingResult(Decision.RECORD_AND_SAMPLE)

    def get_description(self) -> str:
        return ALWAYS_OFF.get_description()


ON_AND_OFF = (ALWAYS_ON, ALWAYS_OFF)
DELEGATES = [
    ParentBased(ALWAYS_ON, remote_on, remote_off, local_on, local_off)
    for remote_on, remote_off, local_on, local_off in itertools.product(ON_AND_OFF, repeat=4)
]
# Not in OpenTelemetry 1.43.
AlwaysRecord: Any = getattr(sampling, "AlwaysRecordSampler", None)
RECORDING: list[Sampler] = (
    []
    if AlwaysRecord is None
    else [
        AlwaysRecord(ALWAYS_OFF),
        AlwaysRecord(DEFAULT_ON),
        ParentBased(AlwaysRecord(DEFAULT_ON), local_parent_not_sampled=AlwaysRecord(ALWAYS_OFF)),
    ]
)
SAMPLERS: Sequence[Sampler] = (
    ALWAYS_ON,
    ALWAYS_OFF,
    DEFAULT_ON,
    DEFAULT_OFF,
    TraceIdRatioBased(0.0),
    TraceIdRatioBased(1.0),
    ParentBasedTraceIdRatio(0.0),
    ParentBasedTraceIdRatio(1.0),
    ParentBased(DEFAULT_ON, remote_parent_not_sampled=ALWAYS_ON),
    *RECORDING,
    Contrary(ALWAYS_OFF),
    ParentBased(ALWAYS_ON, local_parent_not_sampled=Pretending(), remote_parent_not_sampled=Pretending()),
    *DELEGATES,
)
PARENTS: dict[str, Span] = {
    "none": INVALID_SPAN,
    **{
        f"{'remote' if remote else 'local'}, flags {flags}": NonRecordingSpan(
            SpanContext(1, 2, is_remote=remote, trace_flags=TraceFlags(flags))
        )
        for remote in (False, True)
        for flags in (0, 1, 2, 3)
    },
}


def tracer_of(sampler: Sampler) -> Tracer:
    return TracerProvider(sampler, shutdown_on_exit=False).get_tracer("test")


@pytest.mark.parametrize("parent", PARENTS.values(), ids=PARENTS)
def test_what_is_known_is_what_the_sampler_says(parent: Span) -> None:
    known = 0
    for sampler in SAMPLERS:
        tracer = tracer_of(sampler)
        with trace.use_span(parent):
            if Sampling(tracer, {}).says_no(get_current()):
                known += 1
                assert not tracer.start_span("s").is_recording(), sampler.get_description()
    assert known >= 1


@pytest.mark.parametrize(
    "sampler",
    [
        DEFAULT_ON,
        DEFAULT_OFF,
        ParentBasedTraceIdRatio(0.5),
        ParentBased(TraceIdRatioBased(0.5)),
        ParentBased(Counting()),
    ],
    ids=lambda sampler: sampler.get_description()[:50],
)
@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_below_a_parent_that_was_left_out_the_usual_samplers_need_not_be_asked(sampler: Sampler, remote: bool) -> None:
    with trace.use_span(NonRecordingSpan(SpanContext(1, 2, is_remote=remote, trace_flags=TraceFlags(0)))):
        assert Sampling(tracer_of(sampler), {}).says_no(get_current())


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, DEFAULT_OFF, ParentBased(ALWAYS_OFF, local_parent_sampled=Counting())])
def test_a_root_that_is_never_sampled_needs_not_be_asked(sampler: Sampler) -> None:
    assert Sampling(tracer_of(sampler), {}).says_no(get_current())


@pytest.mark.parametrize(
    "tracer", [trace.NoOpTracer(), trace.ProxyTracer("test"), tracer_of(Counting())], ids=["no-op", "proxy", "own"]
)
def test_nothing_is_known_of_other_tracers(tracer: Tracer) -> None:
    assert not Sampling(tracer, {}).says_no(get_current())


class Silent(Sampler):
    """Cannot say what it is."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        return SamplingResult(Decision.RECORD_AND_SAMPLE)

    def get_description(self) -> str:
        raise NotImplementedError


async def test_a_sampler_that_cannot_describe_itself_is_asked(caller: Caller, instrument: Instrument) -> None:
    recording = instrument(Recording(ParentBased(Silent())))
    await caller.answer()
    assert len(recording.spans) == 1


def test_a_sdk_that_counts_its_spans_is_asked() -> None:
    """`otel.sdk.span.started` counts those that are left out."""
    counting = {"OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "True"}
    assert not Sampling(tracer_of(ALWAYS_OFF), counting).says_no(get_current())
    assert Sampling(tracer_of(ALWAYS_OFF), {"OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "false"}).says_no(get_current())


async def test_a_sampler_of_the_programs_own_is_asked_once_for_each_call(
    caller: Caller, instrument: Instrument
) -> None:
    sampler = Counting()
    recording = instrument(Recording(sampler))
    for _ in range(4):
        await caller.answer()
    assert (sampler.asked, len(recording.spans)) == (4, 2)


async def test_spans_of_http_clients_are_left_out_with_the_call(caller: Caller, instrument: Instrument) -> None:
    """The parent that was left out stays current, and leaves them out as it left out the call."""
    recording = instrument(Recording(ParentBased(ALWAYS_ON)))
    clients = (RequestsInstrumentor(), AioHttpClientInstrumentor())
    for client in clients:
        client.instrument(tracer_provider=recording.provider)
    try:
        with trace.use_span(NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(0)))):
            await caller.create("ChatCompletion", **CHAT)
        assert recording.spans == []
        await caller.create("ChatCompletion", **CHAT)
        assert len(recording.spans) == 2
    finally:
        for client in clients:
            client.uninstrument()
