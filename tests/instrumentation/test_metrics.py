"""The four client metrics of the conventions."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

from otel_openai_v0._base.versions import HAS_BUCKETS, MEASURES_IN_CONTEXT
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, Caller, chunk, outcome, piece
from tests.instrumentation.test_instrumentor import SET_UP, run
from tests.instrumentation.watching import Watched, watch
from tests.support.openai_server import OpenAIServer, Reply, error

DURATION = "gen_ai.client.operation.duration"
TOKENS = "gen_ai.client.token.usage"
FIRST = "gen_ai.client.operation.time_to_first_chunk"
PER_CHUNK = "gen_ai.client.operation.time_per_output_chunk"
# The SDK's own, before OpenTelemetry 1.30.
DEFAULT = (0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0)
WANTED_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
WANTED_COUNTS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
SECONDS, COUNTS = (WANTED_SECONDS, WANTED_COUNTS) if HAS_BUCKETS else (DEFAULT, DEFAULT)
MODEL = {"gen_ai.request.model": "gpt-3.5-turbo", "gen_ai.response.model": "gpt-3.5-turbo"}
STREAMED = {**MODEL, "gen_ai.response.model": "gpt-3.5-turbo-0613"}

sampled = pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF], ids=["sampled", "unsampled"])


def dimensions(server: OpenAIServer, operation: str, **more: Any) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "openai",
        "server.address": "127.0.0.1",
        "server.port": int(server.url.split(":")[2].split("/")[0]),
        **more,
    }


def tokens(watched: Watched) -> dict[Any, tuple[int, float]]:
    """Count of calls and sum of tokens by type."""
    points = watched.metrics()[TOKENS].points
    return {(point.attributes or {})["gen_ai.token.type"]: (point.count, point.sum) for point in points}


@sampled
async def test_a_chat_is_measured(
    sampler: Sampler, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    watched = watch(instrument, sampler)
    await caller.answer()
    found = watched.metrics()
    assert {name: each.unit for name, each in found.items()} == {DURATION: "s", TOKENS: "{token}"}
    point = found[DURATION].only()
    assert point.attributes == dimensions(server, "chat", **MODEL)
    assert (point.count, point.explicit_bounds) == (1, SECONDS)
    assert 0 < point.sum < 60
    assert tokens(watched) == {"input": (1, 2), "output": (1, 4)}
    for each in found[TOKENS].points:
        kind = (each.attributes or {})["gen_ai.token.type"]
        assert each.attributes == {**dimensions(server, "chat", **MODEL), "gen_ai.token.type": kind}
        assert each.explicit_bounds == COUNTS


@sampled
async def test_an_error_is_measured_by_its_type(
    sampler: Sampler, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    watched = watch(instrument, sampler)
    server.answer_next(error(429, "no"))
    assert (await outcome(caller.answer())).error
    (point,) = watched.metrics()[DURATION].points
    more = {"gen_ai.request.model": "gpt-3.5-turbo", "error.type": "RateLimitError"}
    assert point.attributes == dimensions(server, "chat", **more)
    assert set(watched.metrics()) == {DURATION}


# Of these five chunks, those with a part of the answer are the second, third and fourth.
EVENTS = [
    chunk(piece("", role="assistant")),
    chunk(piece("a")),
    chunk(piece("b")),
    chunk(piece("c")),
    chunk(piece(finish="stop"), usage={"prompt_tokens": 5, "completion_tokens": 3}),
]


@sampled
async def test_a_stream_is_measured_by_its_chunks(
    sampler: Sampler, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    watched = watch(instrument, sampler)
    server.answer_next(Reply(events=EVENTS))
    assert await caller.answer(stream=True) == EVENTS
    found = watched.metrics()
    assert set(found) == {DURATION, TOKENS, FIRST, PER_CHUNK}
    assert [found[name].only().count for name in (DURATION, FIRST, PER_CHUNK)] == [1, 1, 2]
    assert [found[name].unit for name in (FIRST, PER_CHUNK)] == ["s", "s"]
    assert [found[name].only().explicit_bounds for name in (FIRST, PER_CHUNK)] == [SECONDS, SECONDS]
    assert found[FIRST].only().sum + found[PER_CHUNK].only().sum <= found[DURATION].only().sum
    for name in (DURATION, FIRST, PER_CHUNK):
        assert found[name].only().attributes == dimensions(server, "chat", **STREAMED)
    assert tokens(watched) == {"input": (1, 5), "output": (1, 3)}


async def test_a_stream_that_breaks_is_measured_once(
    caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    watched = watch(instrument)
    server.answer_next(Reply(events=[*EVENTS[:3], {"error": {"message": "no", "type": "x"}}]))
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    assert (await outcome(caller.consume(stream))).error
    found = watched.metrics()
    assert [found[name].only().count for name in (DURATION, FIRST, PER_CHUNK)] == [1, 1, 1]
    assert found[DURATION].only().attributes == dimensions(server, "chat", **STREAMED, **{"error.type": "APIError"})


async def test_a_stream_that_is_closed_early_is_measured_once(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument)
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    await caller.next(stream)
    await caller.close(stream)
    assert watched.metrics()[DURATION].only().count == 1
    assert FIRST not in watched.metrics()  # the first chunk has a role only


async def test_embeddings_have_no_output(caller: Caller, server: OpenAIServer, instrument: Instrument) -> None:
    watched = watch(instrument)
    await caller.create("Embedding", model="m", input=["a b", "c"])
    models = {"gen_ai.request.model": "m", "gen_ai.response.model": "m"}
    assert watched.metrics()[DURATION].only().attributes == dimensions(server, "embeddings", **models)
    assert tokens(watched) == {"input": (1, 3)}


async def test_management_is_not_measured(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument)
    await caller.call(openai.Model.alist if caller.is_async else openai.Model.list)
    assert (len(watched.spans), watched.metrics()) == (1, {})


async def test_calls_of_one_kind_add_up(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument)
    for _ in range(3):
        await caller.answer()
    await caller.create("Completion", model="m", prompt="p")
    counts = {
        (point.attributes or {})["gen_ai.operation.name"]: point.count for point in watched.metrics()[DURATION].points
    }
    assert counts == {"chat": 3, "text_completion": 1}


@pytest.mark.skipif(not MEASURES_IN_CONTEXT, reason="OpenTelemetry before 1.28 has no exemplars")
async def test_measurements_point_to_the_span(caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument)
    await caller.answer(stream=True)
    span, found = watched.only().context, watched.metrics()
    for name in (DURATION, FIRST):
        (exemplar,) = found[name].only().exemplars
        assert (exemplar.trace_id, exemplar.span_id) == (span.trace_id, span.span_id)


GLOBAL = """
import openai
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.sdk.trace import TracerProvider

reader, given = InMemoryMetricReader(), {"tracer_provider": TracerProvider(sampler=ALWAYS_OFF)}
SET = lambda: metrics.set_meter_provider(MeterProvider([reader]))
"""


@pytest.mark.parametrize(
    "program", ["SET(); one.instrument(**given)", "one.instrument(**given); SET()"], ids=["set before", "set after"]
)
def test_the_global_provider_is_the_default(program: str, server: OpenAIServer) -> None:
    """A stream too: `Metrics.enabled` is asked at each call, for the provider may come late."""
    ask = 'list(openai.ChatCompletion.create(model="m", messages=[{"role": "user", "content": "a"}], stream=True))'
    names = "sorted(m.name for m in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics)"
    found = run(f"{SET_UP}{GLOBAL}{program}; {ask}; print({names})", server.url)
    assert found == str(sorted([DURATION, FIRST, PER_CHUNK]))


async def test_without_a_provider_an_unsampled_call_is_not_read(
    caller: Caller, server: OpenAIServer, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other side of measuring unsampled calls: nobody pays who has no metrics."""
    watched = Watched(ALWAYS_OFF)
    instrument(watched)
    monkeypatch.setattr("otel_openai_v0._calls.recorder.read_response", lambda _: pytest.fail("read"))
    await caller.answer()
    assert watched.metrics() == {}
