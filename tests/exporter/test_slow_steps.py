"""A trace is whole however long a step of it takes, because its spans are known to be open."""

from pathlib import Path

import pytest

from otel_wandb._journal.reader import read_journal
from otel_wandb._journal.whole import whole_traces
from tests.exporter.programs import SETUP, program, settings
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_command, run_program
from tests.support.run_file import stats_rows, traces

# A trace without its root is given half a second here, and the slow tool takes a second and a half.
SHORT = {"OTEL_WANDB_QUIET": "0.05", "OTEL_WANDB_IDLE": "0.5"}
SLOW = """
with tracer.start_as_current_span("answer"):
    ask("one")
    with tracer.start_as_current_span("slow tool", attributes={"gen_ai.operation.name": "execute_tool"}):
        threading.Event().wait(1.5)
    ask("two")
"""
LISTENING = {
    "our processor": """
from otel_wandb import WandbSpanProcessor
provider = TracerProvider()
provider.add_span_processor(WandbSpanProcessor(project="p"))
OpenAIInstrumentor().instrument(tracer_provider=provider)
""",
    "simple, global": "provider, exporter = set_up(SimpleSpanProcessor, set_global=True)\nask('first')\n",
    "batch, global": "provider, exporter = set_up(set_global=True)\nask('first')\nprovider.force_flush()\n",
    "autolog": """
from otel_openai_wandb import autolog
provider = TracerProvider()
trace.set_tracer_provider(provider)
autolog(project="p")
""",
}


def shape(done: Finished) -> list[tuple[str, list[str]]]:
    found = [tree.root for run in done.runs for tree in traces(run)]
    return sorted((root["name"], [child["name"] for child in root.get("child_spans") or ()]) for root in found)


WHOLE = ("answer", ["chat gpt-3.5-turbo", "slow tool", "chat gpt-3.5-turbo"])


@pytest.mark.parametrize("how", LISTENING)
def test_a_slow_step_cuts_no_trace(tmp_path: Path, server: OpenAIServer, how: str) -> None:
    body = LISTENING[how] + "tracer = provider.get_tracer('app')" + SLOW
    done = program(tmp_path, server, body, **SHORT)
    assert done.returncode == 0, done.stderr
    assert WHOLE in shape(done), done.stderr


def test_a_slow_step_cuts_no_trace_without_a_line(tmp_path: Path, server: OpenAIServer) -> None:
    (tmp_path / "app.py").write_text(SETUP + "tracer = trace.get_tracer('app')" + SLOW)
    done = run_command(
        "opentelemetry-instrument python app.py",
        tmp_path,
        env={
            **settings(server),
            **SHORT,
            "OTEL_TRACES_EXPORTER": "wandb",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        },
    )
    assert done.returncode == 0, done.stderr
    assert WHOLE in shape(done), done.stderr


def test_where_nobody_knows_what_is_open_the_root_follows(tmp_path: Path, server: OpenAIServer) -> None:
    body = "provider, exporter = set_up(SimpleSpanProcessor)\ntracer = provider.get_tracer('app')" + SLOW
    done = program(tmp_path, server, body, **SHORT)
    assert done.returncode == 0, done.stderr
    (trace_id,) = {row["trace_id"] for row in stats_rows(done.run)}
    assert len([row for row in done.run.history if row.get("trace_id") == trace_id]) > 1  # in pieces
    (row,) = stats_rows(done.run, "traces")
    calls = stats_rows(done.run)
    assert (row["trace_id"], row["name"], row["calls"], row["spans"]) == (trace_id, "answer", 2.0, 4.0)
    assert row["total_tokens"] == sum(float(str(call["total_tokens"])) for call in calls)
    assert float(str(row["elapsed_time"])) > 1.5
    # And one tree for who looks without W&B.
    (directory,) = (tmp_path / "wandb").glob("offline-run-*")
    pieces = [record for record in read_journal(directory) if record["record"] == "trace"]
    (whole,) = (record for record in whole_traces(read_journal(directory)) if record["record"] == "trace")
    assert len(pieces) > 1
    assert (whole["name"], whole["complete"], whole["totals"]["total"]) == ("answer", True, row["total_tokens"])
    assert [span["name"] for span in whole["spans"]] == [WHOLE[0], *WHOLE[1]]
    shown = run_command(["openai-wandb", "show", str(directory)], tmp_path)
    assert (shown.returncode, shown.stdout.count("answer"), "1 trace." in shown.stdout) == (0, 1, True), shown.stdout


def test_a_service_called_three_times_in_one_trace_has_three(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
provider, exporter = set_up(SimpleSpanProcessor)
tracer = provider.get_tracer("app")
for number in range(3):
    caller = SpanContext(7, 100 + number, is_remote=True, trace_flags=TraceFlags(1))
    with tracer.start_as_current_span(f"POST /{number}", context=set_span_in_context(NonRecordingSpan(caller))):
        ask(str(number))
    if number != 1:
        assert exporter.force_flush()
"""
    done = program(tmp_path, server, body)
    rows = stats_rows(done.run, "traces")
    assert [(row["name"], row["sequence"], row["complete"], row["calls"]) for row in rows] == [
        (f"POST /{number}", 0.0, True, 1.0) for number in range(3)
    ], done.stderr
    assert [row["remote_parent_id"] for row in rows] == [f"{100 + number:016x}" for number in range(3)]


@pytest.mark.parametrize("processor", ["BatchSpanProcessor", "SimpleSpanProcessor"])
@pytest.mark.parametrize("end", ["", "raise SystemExit(3)", "os.kill(os.getpid(), 15); time.sleep(20)"])
def test_an_exit_after_a_freeze_loses_nothing(tmp_path: Path, server: OpenAIServer, processor: str, end: str) -> None:
    body = f"import gc\nprovider, exporter = set_up({processor})\ngc.freeze()\nask('one')\nask('two')\n{end}"
    done = run_program(tmp_path, SETUP + body, env=settings(server))
    assert sorted(str(row["request"]) for row in stats_rows(done.run)) == ["**user**: one", "**user**: two"], (
        done.stderr
    )
