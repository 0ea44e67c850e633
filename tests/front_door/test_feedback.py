"""Feedback on a trace, from the process that made it and from another."""

from pathlib import Path

import pytest

from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_program
from tests.support.run_file import stats_rows

SETUP = """
import asyncio, os, sys
import openai
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from otel_openai_v0 import OpenAIInstrumentor, current_trace_id
from otel_openai_wandb import autolog, log_feedback
from otel_wandb import WandbSpanExporter

MESSAGES = [{"role": "user", "content": "hi"}]

def exporter():
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(WandbSpanExporter(project="p")))
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    return provider
"""


def program(tmp_path: Path, server: OpenAIServer, body: str) -> Finished:
    env = {"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-canary-0123456789", "WANDB_MODE": "offline"}
    done = run_program(tmp_path, SETUP + body, env=env)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("start", ["exporter()", "autolog({'project': 'p'})"])
def test_feedback_joins_the_call_that_it_is_about(tmp_path: Path, server: OpenAIServer, start: str) -> None:
    body = f"""
{start}
assert current_trace_id() is None
openai.ChatCompletion.create(model="m", messages=MESSAGES)
first = current_trace_id()
for chunk in openai.ChatCompletion.create(model="m", messages=MESSAGES, stream=True):
    second = current_trace_id()
log_feedback(first, "thumbs", True)
log_feedback(second, "comment", "too long")
log_feedback(second, "score", 0.5)
log_feedback(second, "score", float("nan"))
"""
    run = program(tmp_path, server, body).run
    first, second = (row["trace_id"] for row in stats_rows(run))
    assert [(row["trace_id"], row["name"], row["value"], row["text"]) for row in stats_rows(run, "feedback")] == [
        (first, "thumbs", 1.0, None),
        (second, "comment", None, "too long"),
        (second, "score", 0.5, None),
        (second, "score", None, "nan"),
    ]


def test_each_task_has_its_own_latest_call_and_a_span_its_trace(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider = exporter()
async def ask(name):
    with provider.get_tracer("app").start_as_current_span(name) as span:
        await openai.ChatCompletion.acreate(model="m", messages=MESSAGES)
        assert current_trace_id() == f"{span.get_span_context().trace_id:032x}"
    return current_trace_id(), f"{span.get_span_context().trace_id:032x}"
async def main():
    return await asyncio.gather(*(ask(str(number)) for number in range(5)))
found = asyncio.run(main())
print(all(after == of_span for after, of_span in found), len({after for after, _ in found}), current_trace_id())
"""
    assert program(tmp_path, server, body).stdout == "True 5 None\n"


@pytest.mark.parametrize(
    "between", ["", "autolog({'project': 'q'})\nautolog.disable()\n"], ids=["last", "not the last"]
)
def test_feedback_after_disable_is_in_the_project_of_the_last_run(
    tmp_path: Path, server: OpenAIServer, between: str
) -> None:
    body = f"""
autolog({{"project": "p"}})
openai.ChatCompletion.create(model="m", messages=MESSAGES)
trace_id = current_trace_id()
autolog.disable()
log_feedback(trace_id, "first", 1)
{between}
log_feedback(trace_id, "second", 1)
"""
    done = program(tmp_path, server, body)
    found = sorted(
        (run.project, row["name"])
        for run in done.runs
        if "feedback" in run.tables
        for row in stats_rows(run, "feedback")
    )
    assert found == [("p", "first"), ("q" if between else "p", "second")], done.stderr


def test_feedback_before_autolog_changes_nothing_after_it(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
log_feedback("0" * 32, "early", 1)
autolog({"project": "p"})
openai.ChatCompletion.create(model="m", messages=MESSAGES)
autolog.disable()
log_feedback(current_trace_id() or "1" * 32, "after", 1)
"""
    done = program(tmp_path, server, body)
    said = [
        (run.project, row["name"])
        for run in done.runs
        if "feedback" in run.tables
        for row in stats_rows(run, "feedback")
    ]
    assert sorted(said) == [("p", "after"), ("uncategorized", "early")], done.stderr


def test_feedback_on_a_call_that_was_not_recorded_is_none(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
OpenAIInstrumentor().instrument(tracer_provider=TracerProvider(sampler=ALWAYS_OFF))
openai.ChatCompletion.create(model="m", messages=MESSAGES)
log_feedback(current_trace_id(), "thumbs", 1)
"""
    assert program(tmp_path, server, body).runs == []


def test_another_process_can_say_it(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, "log_feedback('0' * 31 + '1', 'thumbs', 0)")
    assert [(row["trace_id"], row["value"]) for row in stats_rows(done.run, "feedback")] == [("0" * 31 + "1", 0.0)]
    assert done.run.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("'abc', 'thumbs', 1", "ValueError: 'abc' is not a trace id, which has 32 hex digits"),
        ("12, 'thumbs', 1", "ValueError: 12 is not a trace id, which has 32 hex digits"),
        ("'0' * 32, None, 1", "TypeError: the name of feedback must be a text, not NoneType"),
        ("None, None, 1", "TypeError: the name of feedback must be a text, not NoneType"),
        ("'0' * 32, 'thumbs', None", "TypeError: feedback must be a number or a text, not NoneType"),
    ],
)
def test_what_cannot_be_feedback_is_refused(tmp_path: Path, server: OpenAIServer, arguments: str, said: str) -> None:
    body = f"""
try:
    log_feedback({arguments})
except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}")
"""
    done = program(tmp_path, server, body)
    assert done.stdout.startswith(said)
    assert done.runs == []
