"""Programs with the exporter, and what they leave behind."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_program
from tests.support.run_file import RunFile, stats_rows, traces

SETUP = """
import os, sys, threading, time
import openai
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from otel_openai_v0 import OpenAIInstrumentor
from otel_wandb import WandbSpanExporter

def ask(text, **more):
    return openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": text}], **more)

def fork():
    # With connections of its own: parent and child would read each other's answers.
    child = os.fork()
    if child == 0:
        vars(openai.api_requestor._thread_context).clear()
    return child

def set_up(processor=BatchSpanProcessor, set_global=False, **options):
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    exporter = WandbSpanExporter(**options)
    provider.add_span_processor(processor(exporter))
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    if set_global:
        trace.set_tracer_provider(provider)
    return provider, exporter
"""


def settings(server: OpenAIServer) -> dict[str, str]:
    """The environment of a program that asks `server`."""
    return {"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-canary-0123456789", "WANDB_MODE": "offline"}


def program(tmp_path: Path, server: OpenAIServer, body: str, **env: str) -> Finished:
    """Run `body` with the exporter."""
    return run_program(tmp_path, SETUP + body, env={**settings(server), **env})


def asked(done: Finished) -> list[str]:
    """What was asked, as all runs of the program tell it."""
    return sorted(str(row["request"]) for run in done.runs for row in stats_rows(run))


def assert_all_accounted_for(runs: list[RunFile]) -> None:
    """Every span that the exporter received is in a record, or counted; `runs` are all those of one process."""
    counts = max((count_of(run) for run in runs), key=lambda count: (count["otel/received"], count["otel/logged"]))
    told = Counter(span["span_id"] for run in runs for trace in traces(run) for span in _spans(trace.root))
    assert all(times == 1 for times in told.values())
    assert counts["otel/logged"] == len(told)
    assert counts["otel/received"] == sum(
        count
        for name, count in counts.items()
        if name != "otel/received" and not name.startswith(("otel/rows_", "otel/journal_"))
    )


def count_of(run: RunFile) -> dict[str, int]:
    """The counters of a run."""
    return {name: int(str(value)) for name, value in run.summary.items() if name.startswith("otel/")}


def _spans(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The spans of a tree; a root that joins several has the id of the trace."""
    if len(str(node["span_id"])) == 16:
        yield node
    for child in node["child_spans"]:
        yield from _spans(child)
