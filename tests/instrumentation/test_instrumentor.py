"""The instrumentor in processes of its own: what it imports, and openai imported after it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from otel_openai_v0 import OpenAIInstrumentor
from tests.support.openai_server import OpenAIServer

SET_UP = """
import sys
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otel_openai_v0 import OpenAIInstrumentor

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
one, given = OpenAIInstrumentor(), {"tracer_provider": provider}

def ask():
    import openai
    openai.ChatCompletion.create(model="m", messages=[{"role": "user", "content": "a"}])

def names():
    return [span.name for span in exporter.get_finished_spans()]
"""


def run(program: str, url: str = "") -> str:
    environment = {**os.environ, "OPENAI_API_BASE": url, "OPENAI_API_KEY": "sk-test", "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_instrumenting_imports_neither_openai_nor_wandb() -> None:
    assert run(SET_UP + "one.instrument(**given); print({'openai', 'wandb', 'numpy'} & set(sys.modules))") == "set()"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("one.instrument(**given); ask()", ["chat m"]),
        ("ask(); one.instrument(**given); ask()", ["chat m"]),
        ("one.instrument(**given); one.uninstrument(); ask()", []),
        ("one.instrument(**given); one.uninstrument(); one.instrument(**given); ask()", ["chat m"]),
        ("one.instrument(**given); ask(); one.uninstrument(); ask()", ["chat m"]),
        ("from opentelemetry import trace; one.instrument(); trace.set_tracer_provider(provider); ask()", ["chat m"]),
    ],
    ids=[
        "openai after",
        "openai before",
        "undone before openai",
        "twice before openai",
        "undone after",
        "provider set later",
    ],
)
def test_openai_may_be_imported_at_any_time(program: str, expected: list[str], server: OpenAIServer) -> None:
    assert run(f"{SET_UP}{program}; print(names())", server.url) == str(expected)


def test_a_stream_left_at_exit_is_recorded(server: OpenAIServer) -> None:
    program = """
import atexit, openai
atexit.register(lambda: print(names()))
one.instrument(**given)
stream = openai.ChatCompletion.create(model="m", messages=[{"role": "user", "content": "a"}], stream=True)
next(stream)
"""
    assert run(SET_UP + program, server.url) == "['chat m']"


def test_the_entry_point_is_the_instrumentor() -> None:
    (found,) = entry_points(group="opentelemetry_instrumentor", name="openai_v0")
    assert found.load() is OpenAIInstrumentor
    assert OpenAIInstrumentor().instrumentation_dependencies() == ("openai >= 0.27.8, < 1",)


def test_openai_stays_untouched_if_it_comes_after_the_undoing() -> None:
    program = """
one.instrument(**given)
one.uninstrument()
import openai
print({type(vars(getattr(openai, name))["create"]) for name in ("ChatCompletion", "Completion", "Edit", "Embedding")})
"""
    assert run(SET_UP + program) == "{<class 'classmethod'>}"


def test_limits_are_those_of_the_provider_that_comes_later(server: OpenAIServer) -> None:
    program = """
import json
import openai
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanLimits

one.instrument()
openai.ChatCompletion.create(model="m", messages=[{"role": "user", "content": "nobody hears it"}])
provider = TracerProvider(span_limits=SpanLimits(max_span_attribute_length=700))
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
openai.ChatCompletion.create(model="m", messages=[{"role": "user", "content": "x" * 5000}])
assert one.tracer_provider is provider
(span,) = exporter.get_finished_spans()
text = span.attributes["gen_ai.input.messages"]
assert len(text) <= 700
print(json.loads(text)[0]["role"])
"""
    assert run(SET_UP + program, server.url) == "user"


def test_a_provider_that_comes_later_and_samples_nothing_is_not_asked(server: OpenAIServer) -> None:
    program = """
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

one.instrument()
trace.set_tracer_provider(provider := TracerProvider(sampler=ALWAYS_OFF))
ask()
asked = []
provider.get_tracer("x")
type(provider.get_tracer("x")).start_span = lambda *_, **__: asked.append(1)
ask()
print(asked)
"""
    assert run(SET_UP + program, server.url) == "[]"
