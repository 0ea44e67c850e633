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
