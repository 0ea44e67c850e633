"""Measures the overhead of a call: instrumented by us, and with a hand-written span of the same attributes.

Both are compared with the bare call. There is no server: `APIRequestor.request` returns a prepared response at once.
Run it with `python -m tests.benchmarks.calls`.
"""

import importlib
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON, ParentBasedTraceIdRatio, Sampler
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, use_span

from otel_openai_v0 import OpenAIInstrumentor
from tests.benchmarks.measuring import microseconds

REQUEST: dict[str, Any] = {
    "model": "gpt-3.5-turbo",
    "messages": [
        {"role": "system", "content": "You are a helpful assistant. " * 4},
        {"role": "user", "content": "Who won the world series in 2020? " * 8},
        {"role": "assistant", "content": "The Los Angeles Dodgers. " * 8},
        {"role": "user", "content": "Where was it played? " * 8},
    ],
    "temperature": 0.5,
    "max_tokens": 100,
    "api_key": "none",
}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-3.5-turbo-0613",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "At Globe Life Field. " * 8},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100},
}


class Nowhere(SpanExporter):
    """Accepts spans and drops them."""

    def export(self, spans: Any) -> SpanExportResult:  # noqa: ARG002
        return SpanExportResult.SUCCESS


def fresh_openai() -> Any:
    """A separate copy of openai, which answers at once, so that the network is not measured.

    The bare call needs a second copy, because in an instrumented one every method is wrapped.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] == "openai"]:
        del sys.modules[name]
    openai = importlib.import_module("openai")
    response = importlib.import_module("openai.openai_response").OpenAIResponse

    def request(self: Any, *_: Any, stream: bool = False, **__: Any) -> Any:
        return (stream_of(100, response) if stream else response(ANSWER, {})), stream, "none"

    openai.api_requestor.APIRequestor.request = request
    return openai


def stream_of(count: int, response: Any) -> Any:
    """The chunks of a stream with `count` pieces of text."""
    for _ in range(count):
        piece = {"index": 0, "delta": {"content": "word "}, "finish_reason": None}
        yield response({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [piece]}, {})


def provider(**options: Any) -> TracerProvider:
    """An SDK provider with the usual processor, whose exporter drops all spans."""
    made = TracerProvider(shutdown_on_exit=False, **options)
    made.add_span_processor(BatchSpanProcessor(Nowhere()))
    return made


def unsampled_by_hand(bare: Callable[..., Any], tracer: Any) -> Callable[[], object]:
    """An unsampled call with a hand-written span, which has only the attributes for the sampler."""

    def call() -> object:
        with tracer.start_as_current_span(f"chat {REQUEST['model']}", kind=SpanKind.CLIENT, attributes=start()):
            return bare(**REQUEST)

    return call


def start() -> dict[str, Any]:
    """The attributes at the start of a span."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "server.address": "api.openai.com",
        "server.port": 443,
        "gen_ai.request.model": REQUEST["model"],
    }


def by_hand(bare: Callable[..., Any], tracer: Any) -> Callable[[], object]:
    """A call with a hand-written span, as a careful developer would write it."""

    def call() -> object:
        with tracer.start_as_current_span(
            f"chat {REQUEST['model']}",
            kind=SpanKind.CLIENT,
            attributes=start(),
        ) as span:
            span.set_attribute("openai.api.type", "chat_completions")
            span.set_attribute("gen_ai.request.temperature", REQUEST["temperature"])
            span.set_attribute("gen_ai.request.max_tokens", REQUEST["max_tokens"])
            asked = [
                {"role": message["role"], "parts": [{"type": "text", "content": message["content"]}]}
                for message in REQUEST["messages"]
            ]
            span.set_attribute("gen_ai.input.messages", json.dumps(asked, ensure_ascii=False))
            response = bare(**REQUEST)
            span.set_attribute("gen_ai.response.id", response["id"])
            span.set_attribute("gen_ai.response.model", response["model"])
            span.set_attribute(
                "gen_ai.response.finish_reasons", [choice["finish_reason"] for choice in response["choices"]]
            )
            span.set_attribute("gen_ai.usage.input_tokens", response["usage"]["prompt_tokens"])
            span.set_attribute("gen_ai.usage.output_tokens", response["usage"]["completion_tokens"])
            answered = [
                {
                    "role": choice["message"]["role"],
                    "parts": [{"type": "text", "content": choice["message"]["content"]}],
                    "finish_reason": choice["finish_reason"],
                }
                for choice in response["choices"]
            ]
            span.set_attribute("gen_ai.output.messages", json.dumps(answered, ensure_ascii=False))
            return response

    return call


def instrumented(tracer_provider: TracerProvider) -> Callable[..., Any]:
    """An instrumented `create`."""
    create = fresh_openai().ChatCompletion
    OpenAIInstrumentor().instrument(tracer_provider=tracer_provider)
    found: Callable[..., Any] = create.create
    return found


def measure(batches: int, calls: int) -> dict[str, float]:
    """Microseconds per call, and per chunk of a stream."""
    bare = fresh_openai().ChatCompletion.create
    ours = instrumented(provider())
    found = microseconds(
        {
            "bare call": lambda: bare(**REQUEST),
            "span by hand": by_hand(bare, provider().get_tracer("hand")),
            "instrumented": lambda: ours(**REQUEST),
        },
        batches,
        calls,
    )
    streams = microseconds(
        {
            "bare stream": lambda: sum(1 for _ in bare(**REQUEST, stream=True)),
            "instrumented stream": lambda: sum(1 for _ in ours(**REQUEST, stream=True)),
        },
        batches,
        max(1, calls // 20),
    )
    OpenAIInstrumentor().uninstrument()
    return {**found, **streams}


UNSAMPLED: dict[str, tuple[Sampler, bool]] = {
    "its parent was left out": (DEFAULT_ON, True),
    "nothing is sampled": (ALWAYS_OFF, False),
    "a ratio left it out": (ParentBasedTraceIdRatio(0.0), False),
}
"""The reasons why a call is not sampled: the sampler, and whether the call has a parent."""


def measure_unsampled(sampler: Sampler, below: bool, batches: int, calls: int) -> dict[str, float]:
    """Microseconds per call that is not sampled."""
    bare = fresh_openai().ChatCompletion.create
    ours = instrumented(provider(sampler=sampler))
    parent = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(0)))
    with use_span(parent) if below else nullcontext():
        found = microseconds(
            {
                "bare": lambda: bare(**REQUEST),
                "by hand": unsampled_by_hand(bare, provider(sampler=sampler).get_tracer("hand")),
                "instrumented": lambda: ours(**REQUEST),
            },
            batches,
            calls,
        )
    OpenAIInstrumentor().uninstrument()
    return found


def report(found: dict[str, float]) -> list[str]:
    """The ratios, as lines."""
    hand = found["span by hand"] - found["bare call"]
    ours = found["instrumented"] - found["bare call"]
    chunk = (found["instrumented stream"] - found["bare stream"] - ours) / 100
    return [
        f"bare call {found['bare call']:.0f} us; a span by hand adds {hand:.0f} us, ours {ours:.0f} us",
        f"ours / by hand = {ours / hand:.2f}",
        f"a chunk of a stream adds {chunk:.2f} us",
    ]


def report_unsampled(why: str, found: dict[str, float]) -> str:
    """The ratio for calls that are not sampled, as a line."""
    hand, ours = found["by hand"] - found["bare"], found["instrumented"] - found["bare"]
    return f"unsampled ({why}): a span by hand adds {hand:.1f} us, ours {ours:.1f} us"


if __name__ == "__main__":
    size = (20, 200) if "--quick" in sys.argv else (60, 500)
    print("\n".join(report(measure(*size))))
    for why, given in UNSAMPLED.items():
        print(report_unsampled(why, measure_unsampled(*given, *size)))
