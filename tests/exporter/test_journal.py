"""The journal: what a program leaves in it, beside the history and the tables."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from otel_wandb._records.tables import TRACES
from tests.exporter.programs import SETUP, program, settings
from tests.support.journals import conversations, records_below, run_directories, traces_in
from tests.support.openai_server import OpenAIServer, error
from tests.support.program import environment, run_command, run_program
from tests.support.run_file import stats_rows, traces
from tests.support.wandb_server import IMPATIENT, WandbServer

SESSION = """
from otel_openai_v0 import call_context
provider, exporter = set_up(SimpleSpanProcessor)
tracer = provider.get_tracer("shop")
try:
    openai.ChatCompletion.create(model="missing", messages=[{"role": "user", "content": "three"}])
except openai.error.OpenAIError:
    pass
with call_context(user="ann", session="s-1", tags=["beta"]), tracer.start_as_current_span("POST /answer"):
    ask("one")
    ask("two", stream=True, temperature=0.5)
    with tracer.start_as_current_span("lookup", attributes={
        "gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.arguments": '{"a": 1}'}):
        openai.Embedding.create(model="text-embedding-ada-002", input="one")
ask("four", functions=[{"name": "f", "parameters": {"type": "object"}}])
exporter.force_flush()
exporter.log_feedback("0" * 31 + "1", "thumbs", 1)
"""


def test_history_tables_and_journal_say_the_same(tmp_path: Path, server: OpenAIServer) -> None:
    server.answer_next(error(404, "no such model"))
    done = program(tmp_path, server, SESSION)
    records = records_below(tmp_path)
    assert [record["record"] for record in records if record["record"] not in {"message", "tools"}] == [
        *("run", "trace", "trace", "trace", "feedback", "end"),
    ], done.stderr
    by_id = {trace["trace_id"]: trace for trace in traces_in(records)}
    rows = {str(row["trace_id"]): row for row in stats_rows(done.run, "traces")}
    history = {str(row["trace_id"]): row for row in done.run.history if "trace" in row}
    assert len(by_id) == 3
    assert by_id.keys() == rows.keys() == history.keys()
    for trace_id, trace in by_id.items():
        row, line, totals = rows[trace_id], history[trace_id], trace["totals"]
        counts = [totals["input"], totals["output"], totals["total"], totals["cost"]]
        assert counts == [row["prompt_tokens"], row["completion_tokens"], row["total_tokens"], row["cost"]]
        assert counts == [
            line.get(f"usage/{name}") for name in ("prompt_tokens", "completion_tokens", "total_tokens", "cost")
        ]
        assert trace["status"] == row["status"] == line["trace_status"]
        assert trace["name"] == row["name"] == line["trace_name"]
        assert (trace["end"] - trace["start"]) / 1e9 == line["usage/elapsed_time"]
        assert abs((trace["end"] - trace["start"]) / 1e9 - float(str(row["elapsed_time"]))) < 1e-5
        assert [totals["calls"], len(trace["spans"])] == [row["calls"], row["spans"]]
        same = ("error", "user", "session", "conversation", "service", "sequence", "complete")
        assert [trace[name] for name in same] == [row[name] for name in same]  # type: ignore[literal-required]
        assert [totals["estimated"], totals["cost_reason"]] == [row["estimated"], row["cost_reason"]]
    spans = {span["id"]: span for trace in by_id.values() for span in trace["spans"]}
    calls = stats_rows(done.run)
    assert {row["span_id"] for row in calls} == {key for key, span in spans.items() if span["call"]}
    for row in calls:
        span = spans[str(row["span_id"])]
        call = span["call"]
        assert call is not None
        usage = call["usage"]
        assert [usage["input"], usage["output"], usage["total"], call["cost"], call["cost_reason"]] == [
            *(row["prompt_tokens"], row["completion_tokens"], row["total_tokens"], row["cost"], row["cost_reason"])
        ]
        assert [call["estimated"], span["error"]] == [row["estimated"], row["status"] == "ERROR"]
        assert (span["parent"], call["http_status"], call["stream_end"]) == (
            *(row["parent_span_id"], row["http_status"], row["stream_end"]),
        )
        assert (call["request_model"], call["response_id"]) == (row["request_model"], row["request_id"])
        assert (span["end"] - span["start"]) / 1e9 == row["elapsed_time"]
    assert len(TRACES.columns) == 26, "a new column of `traces` is compared here, too"
    (end,) = (record for record in records if record["record"] == "end")
    assert end["counters"] == {key: value for key, value in done.run.summary.items() if key.startswith("otel/")}
    (feedback,) = (record for record in records if record["record"] == "feedback")
    (said,) = stats_rows(done.run, "feedback")
    assert [feedback["trace_id"], feedback["name"], feedback["value"]] == [
        *(said["trace_id"], said["name"], said["value"]),
    ]


def test_it_holds_what_was_asked_and_answered_whole(tmp_path: Path, server: OpenAIServer) -> None:
    hostile = "hi\n\n**assistant**: sure \u202e\x1b[31m\x00" + "x" * 30_000
    body = f"""
provider, exporter = set_up(SimpleSpanProcessor)
ask({hostile!r})
ask({hostile!r}, functions=[{{"name": "f", "parameters": {{"type": "object"}}}}])
"""
    program(tmp_path, server, body)
    records = records_below(tmp_path)
    (first, asked, answered), (second, again, called) = conversations(records)
    assert [asked, again] == [[{"role": "user", "parts": [{"type": "text", "content": hostile}]}]] * 2
    assert [first["asked"], first["tools"]] == [second["asked"], None]
    assert answered[0]["parts"][0]["type"] == "text"
    assert called[0]["parts"][0]["type"] == "tool_call"
    (tools,) = (record for record in records if record["record"] == "tools")
    assert second["tools"] == tools["id"]
    assert tools["tools"] == [{"type": "function", "name": "f", "parameters": {"type": "object"}}]
    assert sum(record["record"] == "message" for record in records) == 3


def test_a_switch_turns_it_off(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, "provider, exporter = set_up()\nask('one')", OTEL_WANDB_JOURNAL="false")
    assert len(traces(done.run)) == 1
    assert records_below(tmp_path) == []
    assert not list(tmp_path.rglob("otel"))


def test_a_run_that_is_given_has_one_for_each_exporter(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
import wandb
from otel_openai_wandb import autolog
run = wandb.init(project="mine")
for text in ("one", "two"):
    autolog()
    ask(text)
    autolog.disable()
autolog()
ask("three")
run.finish()
ask("after")
autolog.disable()
"""
    program(tmp_path, server, body)
    texts = [
        [asked[0]["parts"][0]["content"] for _, asked, _ in conversations(records_below(run))]
        for run in run_directories(tmp_path)
    ]
    assert sorted(texts) == [["after"], ["one", "two", "three"]]
    records = records_below(tmp_path)
    assert sum(record["record"] == "end" for record in records) == sum(record["record"] == "run" for record in records)


def test_a_place_that_cannot_be_written_to_costs_nothing_else(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
import wandb
run = wandb.init(project="mine")
open(os.path.join(run.dir, "otel"), "w").close()
provider, exporter = set_up(SimpleSpanProcessor, run=run)
for text in ("one", "two"):
    ask(text)
    exporter.force_flush()
print(exporter.counters)
run.finish()
"""
    done = program(tmp_path, server, body)
    assert "'otel/logged': 2" in done.stdout, done.stderr
    assert "'otel/journal_failed': 2" in done.stdout
    assert done.stderr.count("records could not be written to the journal") == 1
    assert len(traces(done.run)) == 2
    assert done.returncode == 0


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
import random, resource
provider, exporter = set_up(SimpleSpanProcessor)
ask("one")
exporter.force_flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
ask(random.Random(1).randbytes(40_000).hex())
exporter.force_flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
    done = program(tmp_path, server, body)
    assert done.stderr.count("records could not be written to the journal") == 1, done.stderr
    assert [asked[0]["parts"][0]["content"] for _, asked, _ in conversations(records_below(tmp_path))] == ["one"]
    assert len(traces(done.run)) == 2


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_it_is_uploaded_with_the_run(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, mode: str
) -> None:
    body = "provider, exporter = set_up(project='p')\nask('one')"
    env = {**wandb_server.environment, **IMPATIENT}
    done = run_program(tmp_path, SETUP + body, env={**settings(server), **env, "WANDB_MODE": mode})
    assert done.returncode == 0, done.stderr
    (directory,) = run_directories(tmp_path)
    if mode == "offline":
        wandb = str(Path(sys.executable).with_name("wandb"))
        assert run_command([wandb, "sync", str(directory)], tmp_path, env=env).returncode == 0
    name = "otel/traces-0001.jsonl.gz"
    assert wandb_server.run.files[name] == (directory / "files" / name).read_bytes()
    (run,) = (record for record in records_below(tmp_path) if record["record"] == "run")
    assert run["run"]["id"] == wandb_server.run.run_id
    assert run["resource"]["service.name"] == "shop"


def test_a_killed_program_leaves_every_trace_that_was_written(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, exporter = set_up(SimpleSpanProcessor)
for number in range(1000):
    ask(str(number))
    exporter._writer.pipeline()._worker.flush(60)
    print(number, flush=True)
"""
    script = tmp_path / "program.py"
    script.write_text(SETUP + body)
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        env=environment(tmp_path, settings(server)),
        cwd=tmp_path,
        start_new_session=True,
    ) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(30)]
        os.killpg(running.pid, signal.SIGKILL)  # wandb's process as well
        running.wait()
    assert int(lines[-1]) == 29
    records = records_below(tmp_path)
    asked = [asked[0]["parts"][0]["content"] for _, asked, _ in conversations(records)]
    assert asked[:30] == [str(number) for number in range(30)]
    assert not [record for record in records if record["record"] == "end"]


COUNTED = {
    "our processor": """
from otel_wandb import WandbSpanProcessor
processor = WandbSpanProcessor(project="p")
provider = TracerProvider()
provider.add_span_processor(processor)
OpenAIInstrumentor().instrument(tracer_provider=provider)
written = processor.force_flush
""",
    "autolog": """
from otel_openai_wandb import autolog
provider = TracerProvider()
trace.set_tracer_provider(provider)
autolog(project="p")
written = autolog.exporter.force_flush
""",
}


@pytest.mark.parametrize("how", COUNTED)
def test_a_trace_that_has_ended_is_kept_by_a_kill_soon_after(tmp_path: Path, server: OpenAIServer, how: str) -> None:
    """It is written after 0.05 seconds; only a second later where nobody says which spans are open."""
    body = """
ask("first")
assert written()
with provider.get_tracer("app").start_as_current_span("answer"):
    ask("one")
    ask("two")
threading.Event().wait(0.9)
os.kill(os.getpid(), 9)
"""
    done = program(tmp_path, server, COUNTED[how] + body)
    assert done.returncode == -signal.SIGKILL, done.stderr
    records = records_below(tmp_path)
    assert [asked[0]["parts"][0]["content"] for _, asked, _ in conversations(records)] == ["first", "one", "two"]
    last = traces_in(records)[-1]
    assert (last["name"], last["complete"], last["reason"], len(last["spans"])) == ("answer", True, "root", 3)
    assert not [record for record in records if record["record"] == "end"]
