"""openai pointed at the server, and what the calls of a library leave behind.

The libraries pin what they need against each other and against ours: `.ci/run` has an environment for them, and where
one cannot be imported its tests are not collected.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import openai
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span

from otel_openai_v0 import OpenAIInstrumentor
from tests.support.openai_server import OpenAIServer

LIBRARIES: Final = ("guidance", "instructor", "langchain", "llama_index")
ENCODINGS: Final = ("gpt2", "cl100k_base", "p50k_base")

collect_ignore = [f"test_{name}.py" for name in LIBRARIES if find_spec(name) is None]


def _encoding(name: str) -> dict[str, Any]:
    """tiktoken fetches its encodings when they are first asked for; here a byte is a token."""
    ranks = {bytes([byte]): byte for byte in range(256)}
    return {"name": name, "pat_str": r"[\s\S]", "mergeable_ranks": ranks, "special_tokens": {"<|endoftext|>": 256}}


if len(collect_ignore) < len(LIBRARIES):  # llama_index asks while it is imported
    from tiktoken import registry

    registry.ENCODING_CONSTRUCTORS = {name: partial(_encoding, name) for name in ENCODINGS}


@dataclass(frozen=True, slots=True)
class Watch:
    """A span of the program's own, and the calls below it."""

    server: OpenAIServer
    provider: TracerProvider
    finished: InMemorySpanExporter

    def program(self) -> AbstractContextManager[Span]:
        """What the program does, for calls to be made in it."""
        return self.provider.get_tracer("program").start_as_current_span("program")

    def calls(self) -> list[str]:
        """The calls, in their order: one for each request that arrived, and each directly below the program's span."""
        spans = sorted(self.finished.get_finished_spans(), key=lambda span: span.start_time or 0)
        (program,) = [span for span in spans if span.name == "program"]
        calls = [span for span in spans if span is not program]
        assert [call.parent for call in calls] == [program.context] * len(self.server.requests)
        return [_described(call) for call in calls]


def _described(call: ReadableSpan) -> str:
    end = (call.attributes or {}).get("openai.stream.end")
    return call.name if end is None else f"{call.name}, stream {end}"


@pytest.fixture
def watch(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """openai instrumented, and pointed at the server by all the ways in which libraries look for it."""
    for name, value in {"api_key": "sk-test", "api_base": server.url}.items():
        monkeypatch.setenv(f"OPENAI_{name.upper()}", value)
        monkeypatch.setattr(openai, name, value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    finished, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(finished))
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield Watch(server, provider, finished)
    instrumentor.uninstrument()


@pytest.fixture
def threads_with_context() -> Iterator[None]:
    """OpenTelemetry's own remedy for a library that works in threads: they are started with the caller's context."""
    from opentelemetry.instrumentation.threading import ThreadingInstrumentor

    instrumentor = ThreadingInstrumentor()
    instrumentor.instrument()
    yield
    instrumentor.uninstrument()
