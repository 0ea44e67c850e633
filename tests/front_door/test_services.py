"""Services that have OpenTelemetry already: their provider, instrumentors and collector stay as they are."""

from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.openai_server import OpenAIServer
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.program import run_program
from tests.support.run_file import stats_rows, traces

TELEMETRY: Final = """
import os, sys, threading
from urllib.request import Request, urlopen
import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": "answers"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
RequestsInstrumentor().instrument()

# What is added:
from otel_openai_v0 import OpenAIInstrumentor
from otel_wandb import WandbSpanExporter
provider.add_span_processor(BatchSpanProcessor(WandbSpanExporter(project="answers")))
OpenAIInstrumentor().instrument()

tracer = trace.get_tracer("answers")

def look_up(question):
    with tracer.start_as_current_span("look_up", attributes={
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "look_up",
        "gen_ai.tool.call.arguments": question,
        "gen_ai.tool.call.result": "notes",
    }):
        return "notes"

def answer(question):
    with tracer.start_as_current_span("chain"):
        look_up(question)
        messages = [{"role": "user", "content": question}]
        found = openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=messages)
        return found["choices"][0]["message"]["content"]

def get(address, **headers):
    return urlopen(Request(address, headers=headers)).read().decode()

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""
FLASK: Final = """
from flask import Flask
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from werkzeug.serving import make_server

app = Flask("answers")
FlaskInstrumentor().instrument_app(app)
app.get("/answer", endpoint="answer")(lambda: answer("hi"))
app.get("/health", endpoint="health")(lambda: "ok")
server = make_server("127.0.0.1", 0, app)
port, run, stop = server.server_port, server.serve_forever, server.shutdown
"""
FASTAPI: Final = """
import socket, uvicorn
from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

app = FastAPI()
app.get("/answer")(lambda: answer("hi"))
app.get("/health")(lambda: "ok")
FastAPIInstrumentor().instrument_app(app)
listening = socket.create_server(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
port, run = listening.getsockname()[1], lambda: server.run([listening])
def stop():
    server.should_exit = True
"""
DRIVE: Final = """
thread = threading.Thread(target=run)
thread.start()
address = f"http://127.0.0.1:{port}"
try:
    for _ in range(5):
        get(address + "/health")
    print(get(address + "/answer"))
    print(get(address + "/answer", traceparent=TRACEPARENT))
finally:
    stop()
    thread.join()
print(trace.get_tracer_provider() is provider)
"""


@pytest.mark.parametrize(("service", "web"), [(FLASK, 1), (FASTAPI, 3)], ids=["flask", "fastapi"])
def test_a_service_with_its_own_telemetry(tmp_path: Path, server: OpenAIServer, service: str, web: int) -> None:
    """`web` is how many spans a request has of the framework's instrumentor."""
    with OtlpReceiver() as collector:
        env = {
            "OPENAI_API_BASE": server.url,
            "OPENAI_API_KEY": "sk-canary-0123456789",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "WANDB_MODE": "offline",
        }
        done = run_program(tmp_path, TELEMETRY + service + DRIVE, env=env)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "True"), done.stderr
    assert done.stdout.count("You said: hi") == 2

    everything = Counter(collector.names)
    assert everything["GET /health"] == 5
    assert everything["GET /answer"] == everything["chain"] == everything["look_up"] == everything["POST"] == 2
    assert everything["chat gpt-3.5-turbo"] == 2
    assert everything.total() == 7 * web + 2 * 4

    found = sorted(traces(done.run), key=lambda trace: "remote_parent_id" in trace.root["attributes"])
    assert [names(trace.root) for trace in found] == [
        {"GET /answer": {"chain": {"look_up": {}, "chat gpt-3.5-turbo": {}}}}
    ] * 2
    local, remote = found
    assert remote.row["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    parents = {row["trace_id"]: row["remote_parent_id"] for row in stats_rows(done.run, "traces")}
    assert parents == {local.row["trace_id"]: None, "0af7651916cd43dd8448eb211c80319c": "b7ad6b7169203331"}
    assert {row["service"] for row in stats_rows(done.run, "traces")} == {"answers"}


def names(node: dict[str, Any]) -> dict[str, Any]:
    """The tree by its names alone."""
    return {node["name"]: {name: below for child in node["child_spans"] for name, below in names(child).items()}}
