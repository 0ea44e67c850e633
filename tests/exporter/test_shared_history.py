"""A run that the program logs to as well, or several programs: their rows are what they would be without us."""

from pathlib import Path

import pytest

from tests.exporter.programs import SETUP
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_program
from tests.support.run_file import RunFile, stats_rows, traces
from tests.support.wandb_server import IMPATIENT, WandbServer

# `ask` is a call of which everything is written at once, or nothing at all.
BEGIN = """
import os, sys, threading
import openai
import wandb
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otel_openai_v0 import OpenAIInstrumentor
from otel_openai_wandb import autolog
from otel_wandb import WandbSpanExporter

way = sys.argv[1]
exporter = None
if way == "autolog":
    autolog({"project": "mine"})
    run, exporter = wandb.run, autolog.exporter
else:
    run = wandb.init(project="mine")
if way == "autolog on the active run":
    autolog()
    exporter = autolog.exporter
if way == "exporter":
    exporter = WandbSpanExporter(run=run)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    OpenAIInstrumentor().instrument(tracer_provider=provider)

def ask(text):
    openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": text}])
    if exporter:
        assert exporter.force_flush()
"""
ROWS = """
ask("first")
run.log({"a": 1})
run.log({"half": 1}, commit=False)
ask("second")
run.log({"other half": 2})
ask("third")
ask("fourth")
run.log({"b": 1}, step=3)
ask("fifth")
run.log({"c": 1}, step=3)
run.log({"d": 1, "trace_name": "mine"}, step=4, commit=True)
run.log({"e": [1, 2], "f": {"g": 1}}, step=40)
ask("sixth")
run.log({"last": 1}, commit=False)
"""
THREADS = """
def train():
    for step in range(300):
        run.log({"loss": step}, step=step, commit=False)
        run.log({"accuracy": -step}, step=step)

training = threading.Thread(target=train)
training.start()
for number in range(30):
    ask(str(number))
training.join()
"""
END = """
if way.startswith("autolog"):
    autolog.disable()
if way != "autolog":
    run.finish()
"""
OF_WANDB = {"_timestamp", "_runtime", "_step", "_wandb"}
OF_OURS = {"trace", "stats", "traces", "page"}


def program(tmp_path: Path, server: OpenAIServer, body: str, way: str, **env: str) -> Finished:
    directory = tmp_path / way
    directory.mkdir()
    source = BEGIN.replace("sys.argv[1]", repr(way)) + body + END
    done = run_program(directory, source, env={"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "none", **env})
    assert done.returncode == 0, done.stderr
    assert "Tried to log to step" not in done.stderr
    return done


def rows_of_the_program(run: RunFile, *, steps: bool) -> list[dict[str, object]]:
    left_out = OF_WANDB - ({"_step"} if steps else set())
    return [
        {name: value for name, value in row.items() if name not in left_out}
        for row in run.history
        if OF_OURS.isdisjoint(row)
    ]


def assert_all_of_ours(run: RunFile, calls: int) -> None:
    assert len(traces(run)) == len(stats_rows(run)) == len(stats_rows(run, "traces")) == calls
    assert run.summary["otel/logged"] == calls
    assert run.summary.keys() >= {"stats", "traces"}
    assert "trace" not in run.summary


@pytest.mark.parametrize("way", ["exporter", "autolog on the active run", "autolog"])
@pytest.mark.parametrize(("body", "calls"), [(ROWS, 6), (THREADS, 30)], ids=["rows", "threads"])
def test_the_rows_and_steps_of_the_program_stay_as_they_are(
    tmp_path: Path, server: OpenAIServer, body: str, calls: int, way: str
) -> None:
    bare = program(tmp_path, server, body, "bare", WANDB_MODE="offline").run
    shared = program(tmp_path, server, body, way, WANDB_MODE="offline").run
    expected = rows_of_the_program(bare, steps=True)
    assert len(expected) in {5, 300}
    assert rows_of_the_program(shared, steps=True) == expected
    own = bare.summary.keys() - OF_WANDB - {"trace_name"}  # which this program says too
    assert {name: shared.summary[name] for name in own} == {name: bare.summary[name] for name in own}
    assert_all_of_ours(shared, calls)


def test_online_no_row_of_the_program_is_lost_or_torn(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer
) -> None:
    """W&B takes steps in one order: where there is no gap for our rows, the program's that follow have others."""
    env = {**wandb_server.environment, **IMPATIENT}
    program(tmp_path, server, ROWS, "bare", **env)
    (bare,) = wandb_server.runs.values()
    program(tmp_path, server, ROWS, "exporter", **env)
    (shared,) = (run for run in wandb_server.runs.values() if run.run_id != bare.run_id)
    assert rows_of_the_program(shared, steps=False) == rows_of_the_program(bare, steps=False)
    steps = [row["_step"] for row in shared.history]
    assert steps == sorted(set(map(int, map(str, steps))))
    assert [row["_step"] for row in shared.history if "e" in row] == [40]
    assert_all_of_ours(shared, 6)


def test_after_a_finished_run_another_goes_on(tmp_path: Path, server: OpenAIServer) -> None:
    body = "ask('one')\nrun.finish()\nexporter_was, exporter = exporter, None\nask('two')\nexporter_was.force_flush()\n"
    done = program(tmp_path, server, body, "exporter", WANDB_MODE="offline")
    assert [len(traces(run)) for run in done.runs] == [1, 1], done.stderr
    assert done.stderr.count("a new one continues") == 1


def test_a_disabled_run_takes_nothing_and_says_nothing(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, "ask('one')", "exporter", WANDB_MODE="disabled")
    assert (done.runs, "lost" in done.stderr) == ([], False)


RANK = """
import wandb
rank = sys.argv[1]
first = rank == "0"
settings = wandb.Settings(mode="shared", x_label="rank-" + rank, x_primary=first, x_update_finish_state=first)
run = wandb.init(project="p", id="both", settings=settings)
provider, exporter = set_up(SimpleSpanProcessor, run=run)
for number in range(3 + int(rank)):
    ask(rank + " " + str(number))
    assert exporter.force_flush()
run.log({"loss": int(rank)})
run.finish()
"""


def test_ranks_that_share_a_run_have_tables_and_counters_of_their_own(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer
) -> None:
    keys = {"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "none"}
    env = {**keys, **wandb_server.environment, **IMPATIENT}
    for rank in "10":
        directory = tmp_path / rank
        directory.mkdir()
        done = run_program(directory, SETUP + RANK, rank, env=env)
        assert done.returncode == 0, done.stderr
    run = wandb_server.run
    assert {row.get("loss") for row in run.history} == {None, 0, 1}
    assert len(traces(run)) == 7
    journals = [name for name in run.files if name.startswith("otel/traces-")]
    assert len(journals) == 2, "one of each rank"
    for rank, calls in (("0", 3), ("1", 4)):
        asked = [f"**user**: {rank} {number}" for number in range(calls)]
        assert [row["request"] for row in stats_rows(run, f"stats_rank_{rank}")] == asked
        assert len(stats_rows(run, f"traces_rank_{rank}")) == calls
        counted = [row[f"otel/logged_rank_{rank}"] for row in run.history if f"otel/logged_rank_{rank}" in row]
        assert counted[-1] == calls
