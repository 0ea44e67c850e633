"""The exporter in programs whose wandb runs online, against the server that stands for W&B."""

import gzip
from pathlib import Path
from time import monotonic

import pytest
import wandb

from tests.exporter.programs import SETUP
from tests.support.journals import records_below, traces_in
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_program
from tests.support.run_file import stats_rows, traces
from tests.support.wandb_faults import Kind
from tests.support.wandb_server import IMPATIENT, MOMENTS, WandbServer

BODY = """
provider, exporter = set_up(project="online")
with provider.get_tracer("shop").start_as_current_span("POST /answer"):
    ask("one")
    ask("two")
provider.force_flush()
assert exporter.force_flush()
ask("three")
"""


def program(tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, body: str, **env: str) -> Finished:
    settings = {"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-canary-0123456789"}
    return run_program(tmp_path, SETUP + body, env={**settings, **wandb_server.environment, **IMPATIENT, **env})


def is_whole(server: WandbServer) -> bool:
    """Whether all that `BODY` asked is there, once."""
    run = server.run
    names = [(trace.root["name"], len(trace.root.get("child_spans") or ())) for trace in traces(run)]
    requests = [row["request"] for row in stats_rows(run)]
    return (
        names == [("POST /answer", 2), ("chat gpt-3.5-turbo", 0)]
        and requests == ["**user**: one", "**user**: two", "**user**: three"]
        and run.exit_code == 0
    )


def test_traces_rows_tables_and_summary_reach_the_server(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer
) -> None:
    done = program(tmp_path, server, wandb_server, BODY)
    assert done.returncode == 0, done.stderr
    assert is_whole(wandb_server), done.stderr
    run = wandb_server.run
    assert (run.project, run.group, run.job_type) == ("online", "shop", "traces")

    rows = [row for row in run.history if "trace" in row]
    assert [(row["trace_name"], row["trace_status"]) for row in rows] == [
        ("POST /answer", "SUCCESS"),
        ("chat gpt-3.5-turbo", "SUCCESS"),
    ]
    calls = stats_rows(run)
    assert [row["usage/total_tokens"] for row in rows] == [
        sum(float(str(call["total_tokens"])) for call in calls[:2]),
        calls[2]["total_tokens"],
    ]
    assert "trace" not in run.summary
    assert run.summary["trace_name"] == "chat gpt-3.5-turbo"
    assert run.summary["usage/total_tokens"] == rows[1]["usage/total_tokens"]
    assert not [name for name in run.summary if name.startswith("otel/dropped")]

    # The same rows once more, with times as milliseconds: the increments that W&B makes one table of.
    increments = [table for artifact in run.artifacts if artifact.committed for table in artifact.tables.values()]
    stats = [table for table in increments if "span_id" in table.columns]
    assert [row[table.columns.index("span_id")] for table in stats for row in table.rows] == [
        call["span_id"] for call in calls
    ]
    assert len(stats_rows(run, "traces")) == len(rows)
    assert wandb_server.unknown_operations == []


def test_an_online_run_says_where_it_is_and_nothing_else(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer
) -> None:
    done = program(tmp_path, server, wandb_server, BODY)
    run = wandb_server.run
    (line,) = [line for line in done.stderr.splitlines() if "Loaded credentials" not in line]  # wandb knows no silence
    assert line.endswith(f"OpenTelemetry traces are written to {wandb_server.url}/testers/online/runs/{run.run_id}")


@pytest.mark.parametrize("kind", [Kind.FILE_STREAM, Kind.GRAPHQL, Kind.UPLOAD])
def test_a_server_that_is_too_busy_for_a_while_loses_nothing(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, kind: Kind
) -> None:
    fault = wandb_server.fail(429, kind, times=3, retry_after=0)
    done = program(tmp_path, server, wandb_server, BODY)
    assert fault.hits == 3
    assert is_whole(wandb_server), done.stderr


def test_a_server_that_has_no_place_for_a_run_has_it_offline(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer
) -> None:
    wandb_server.fail(403, Kind.GRAPHQL)
    done = program(tmp_path, server, wandb_server, BODY)
    assert done.stderr.count("W&B is not used online") == 1
    assert wandb_server.runs == {}
    (kept,) = [run for run in done.runs if run.history]
    assert len(traces(kept)) == 2
    assert [row["request"] for row in stats_rows(kept)] == ["**user**: one", "**user**: two", "**user**: three"]


def test_no_table_waits_for_the_server(tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer) -> None:
    """wandb would ask for the type of an artifact first, and wait for the answer."""
    wandb_server.swallow(operation="ArtifactType")
    body = """
provider, exporter = set_up(SimpleSpanProcessor, project="online")
ask("one")
ask("two")
print(exporter.force_flush(10_000))
"""
    done = program(tmp_path, server, wandb_server, body)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    assert [row["request"] for row in stats_rows(wandb_server.run)] == ["**user**: one", "**user**: two"]


OUTAGE = """
provider, exporter = set_up(project="online")
ask("one")
provider.force_flush()
assert exporter.force_flush()
reached("outage")
ask("two")
ask("three")
"""
# What each leaves of the program's exit: wandb's own telemetry takes ten seconds more of a server that never answers.
OUTAGES = {
    "refused": lambda server: server.refuse(),
    "500": lambda server: server.fail(500),
    "no answer": lambda server: server.swallow(Kind.GRAPHQL, Kind.FILE_STREAM, Kind.UPLOAD),
    "403": lambda server: server.fail(403),
}


# Python aborts if a thread prints an error while the interpreter ends, as wandb does when it cannot finish a run.
LAST_CALLBACK = """
import atexit, threading
import wandb
print_error = wandb.termerror
def print_error_late(*args, **kwargs):
    threading.Event().wait(0.3)
    print_error(*args, **kwargs)
wandb.termerror = print_error_late
atexit.register(
    lambda: print("finishing:", [thread.name for thread in threading.enumerate() if thread.name == "otel-wandb-tables"])
)
"""

# wandb before 0.27 cannot give up: its service process is left to itself, with the last 32 kB of the run's file.
GIVES_UP = "finish_timeout" in wandb.Settings.model_fields


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_loses_nothing_and_bounds_the_exit(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, outage: str
) -> None:
    wandb_server.at("outage", lambda: OUTAGES[outage](wandb_server))
    started = monotonic()
    done = program(tmp_path, server, wandb_server, MOMENTS + LAST_CALLBACK + OUTAGE, OTEL_WANDB_EXIT_TIMEOUT="3")
    assert monotonic() - started < 20, done.stderr
    assert done.returncode == 0, done.stderr
    assert len(traces_in(records_below(tmp_path))) == 3
    if GIVES_UP:
        assert [row["request"] for row in stats_rows(done.run)] == ["**user**: one", "**user**: two", "**user**: three"]
        assert len(traces(done.run)) == len(stats_rows(done.run, "traces")) == 3
        assert done.stdout.endswith("finishing: []\n")
    if outage != "403":  # wandb says itself that it gave up, and finishes the run
        said = done.stderr.count("upload it with: wandb sync --include-online")
        # wandb 0.20 cannot finish a run any more once the program ends.
        assert said == 1 or (not GIVES_UP and "could not be finished" in done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_a_given_run_of_a_short_program_has_everything(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer
) -> None:
    body = """
import wandb
run = wandb.init(project="users")
set_up(run=run)
ask("one")
"""
    # In the file: once in some hundred exits wandb's process drops the connection, and never hears the end.
    done = program(tmp_path, server, wandb_server, body, OTEL_WANDB_EXIT_TIMEOUT="3")
    assert done.returncode == 0, done.stderr
    assert [row["request"] for row in stats_rows(done.run)] == ["**user**: one"], done.stderr


HTTP = """
from opentelemetry.instrumentation.requests import RequestsInstrumentor
provider = TracerProvider()
RequestsInstrumentor().instrument(tracer_provider=provider)  # before anybody makes a session
import wandb
exporter = WandbSpanExporter({arguments})
provider.add_span_processor({processor}(exporter))
OpenAIInstrumentor().instrument(tracer_provider=provider)
ask("one")
provider.force_flush()
assert exporter.force_flush()
ask("two")
wandb.finish()  # a run of the user's: wandb-core may miss that the program ends while it uploads a table
"""


@pytest.mark.parametrize("arguments", ["", "keep='all'", "keep='all', run=wandb.init()"])
@pytest.mark.parametrize("processor", ["SimpleSpanProcessor", "BatchSpanProcessor"])
def test_no_request_to_wandb_comes_back_as_a_trace(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, processor: str, arguments: str
) -> None:
    """Python's part of wandb 0.31 asks with `requests` too: its own telemetry."""
    done = program(tmp_path, server, wandb_server, HTTP.format(arguments=arguments, processor=processor))
    assert done.returncode == 0, done.stderr
    calls = 2 * [("chat gpt-3.5-turbo", ["POST"] if "all" in arguments else [])]
    found = [(trace.root["name"], trace.root["child_spans"]) for trace in traces(wandb_server.run)]
    assert [(name, [child["name"] for child in below]) for name, below in found] == calls
    assert wandb_server.url not in str(found)


def test_a_resumed_run_keeps_the_journal_of_before(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer
) -> None:
    for number, more in enumerate(({}, {"WANDB_RESUME": "must"})):
        directory = tmp_path / str(number)
        directory.mkdir()
        body = f"import wandb\nrun = wandb.init(project='p')\nset_up(run=run)\nask('{number}')\nrun.finish()"
        done = program(directory, server, wandb_server, body, WANDB_RUN_ID="theirs", **more)
        assert done.returncode == 0, done.stderr
    files = wandb_server.run.files
    journals = [gzip.decompress(files[name]) for name in files if name.startswith("otel/traces-")]
    assert len(journals) == 2
    assert sum(b'"record":"trace"' in text for text in journals) == 2
