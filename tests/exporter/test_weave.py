"""Traces in Weave beside an online run: real programs, a stand-in for W&B and one for Weave, and its faults."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.exporter.programs import SETUP, asked
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_command, run_program
from tests.support.run_file import stats_rows, traces
from tests.support.wandb_server import API_KEY, IMPATIENT, WandbServer
from tests.support.weave_server import WeaveServer

BODY = """
provider, exporter = set_up(SimpleSpanProcessor, weave={weave!r})
with provider.get_tracer("web").start_as_current_span("POST /answer"):
    ask("one", user="u")
    for chunk in ask("two", stream=True): pass
try:
    ask("three", api_base=openai.api_base + "/nowhere")
except openai.OpenAIError:
    pass
{end}
"""


def program(
    tmp_path: Path, server: OpenAIServer, wandb: WandbServer, weave: WeaveServer, body: str, **env: str
) -> Finished:
    settings = {
        "OPENAI_API_BASE": server.url,
        "OPENAI_API_KEY": "sk-canary-0123456789",
        "WF_TRACE_SERVER_URL": weave.url,
        **wandb.environment,
        **IMPATIENT,
        **env,
    }
    return run_program(tmp_path, SETUP + body, env=settings)


def counters(wandb: WandbServer) -> dict[str, int]:
    """What the run's summary counts."""
    summary: dict[str, Any] = wandb.run.summary
    return {name.removeprefix("otel/"): value for name, value in summary.items() if name.startswith("otel/")}


def assert_conserved(wandb: WandbServer, weave: WeaveServer) -> None:
    """Every span that is in the run was taken by Weave, or is counted as dropped."""
    counts = counters(wandb)
    dropped = sum(value for name, value in counts.items() if name.startswith("weave_dropped_"))
    assert counts.get("weave_sent", 0) == len(weave.calls) + len(weave.conflicts)
    assert counts.get("weave_sent", 0) + dropped == counts["logged"], counts


def test_each_trace_is_in_the_run_and_in_weave_and_each_names_the_other(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer
) -> None:
    done = program(tmp_path, server, wandb_server, weave_server, BODY.format(weave=True, end=""))
    assert done.returncode == 0, done.stderr
    run = wandb_server.run
    assert weave_server.conflicts == []
    calls = {call.id: call for call in weave_server.calls}
    assert len(calls) == len(weave_server.calls) == 4
    assert {call.project for call in calls.values()} == {f"testers/{run.project}"}
    assert {call.run_id for call in calls.values()} == {run.run_id}
    rows = stats_rows(run)
    steps = {row["trace_id"]: row["_step"] for row in run.history if "trace" in row}
    for row in rows:
        call = calls[str(row["span_id"])]
        assert (call.run_step or 0) == steps[row["trace_id"]]
        assert row["weave_url"] == f"{wandb_server.url}/testers/{run.project}/r/call/{call.id}"
        assert call.inputs["messages"][0]["content"] in str(row["request"])
        assert call.status == ("error" if row["status"] == "ERROR" else "success")
    for row in stats_rows(run, "traces"):
        root = calls[str(row["weave_url"]).rpartition("/")[2]]
        assert (root.parent_id, root.trace_id) == (None, row["trace_id"])
    assert {post.headers["wandb-api-key"] for post in weave_server.posts} == {API_KEY}
    assert {post.path for post in weave_server.posts} == {"/otel/v1/traces"}
    assert_conserved(wandb_server, weave_server)
    assert API_KEY not in done.stderr + json.dumps([call.raw for call in calls.values()])


def test_agents_have_an_endpoint_of_their_own(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer
) -> None:
    done = program(
        tmp_path, server, wandb_server, weave_server, BODY.format(weave=None, end=""), OTEL_WANDB_WEAVE="agents"
    )
    assert done.returncode == 0, done.stderr
    assert {post.path for post in weave_server.posts} == {"/agents/otel/v1/traces"}
    assert {row["weave_url"] for row in stats_rows(wandb_server.run)} == {None}
    assert_conserved(wandb_server, weave_server)


FAULTS: dict[str, tuple[int, dict[str, str]]] = {
    "429": (429, {"Retry-After": "0"}),
    "503": (503, {"Retry-After": "0.01"}),
    "502 without a word": (502, {}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_is_busy_is_asked_again(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer, fault: str
) -> None:
    weave_server.answer(*FAULTS[fault])
    body = BODY.format(weave=True, end="assert exporter.force_flush()")
    done = program(tmp_path, server, wandb_server, weave_server, body)
    assert done.returncode == 0, done.stderr
    assert counters(wandb_server)["weave_sent"] == 4
    assert_conserved(wandb_server, weave_server)


REFUSALS: dict[str, tuple[int, str, str]] = {
    "the key": (401, "unauthorized", "does not accept the W&B API key"),
    "the project": (403, "unauthorized", "does not accept the W&B API key"),
    "a fault": (500, "refused", "Weave answers 500"),
    "somewhere else": (302, "refused", "Weave answers 302"),
    "for ever busy": (429, "unreachable", "Weave answers 429"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_is_refused_is_counted_and_said_and_the_run_is_whole(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer, refusal: str
) -> None:
    status, cause, words = REFUSALS[refusal]
    weave_server.always = status, {"Location": f"{server.url}/elsewhere", "Retry-After": "30"}
    done = program(tmp_path, server, wandb_server, weave_server, BODY.format(weave=True, end=""))
    assert done.returncode == 0, done.stderr
    assert words in done.stderr
    assert counters(wandb_server)[f"weave_dropped_{cause}"] == 4
    assert (len(traces(wandb_server.run)), len(stats_rows(wandb_server.run))) == (2, 3)
    assert_conserved(wandb_server, weave_server)
    assert API_KEY not in done.stderr
    assert all(API_KEY not in str(request.headers) for request in server.requests)


def test_what_weave_rejects_of_a_request_is_counted(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer
) -> None:
    weave_server.reject = 1
    done = program(tmp_path, server, wandb_server, weave_server, BODY.format(weave=True, end=""))
    counts = counters(wandb_server)
    assert counts["weave_dropped_rejected"] == len(weave_server.posts)
    assert "no room" in done.stderr
    assert_conserved(wandb_server, weave_server)


def test_a_server_that_hangs_costs_the_caller_nothing_and_the_exit_a_bounded_time(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer
) -> None:
    weave_server.held.clear()
    body = (
        BODY.format(weave=True, end="began = time.monotonic()\nask('four')\nasked = time.monotonic()")
        + "exporter.shutdown()\nprint(asked - began, time.monotonic() - asked)"
    )
    done = program(tmp_path, server, wandb_server, weave_server, body, OTEL_WANDB_EXIT_TIMEOUT="6")
    assert done.returncode == 0, done.stderr
    calling, ending = map(float, done.stdout.split())
    assert calling < 1.0
    assert ending < 6.0
    assert (len(traces(wandb_server.run)), len(stats_rows(wandb_server.run))) == (3, 4)
    counts = counters(wandb_server)
    assert counts["weave_dropped_exit_timeout"] + counts.get("weave_dropped_unreachable", 0) == 5, counts


def test_an_offline_run_sends_nothing_and_says_so_once(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer
) -> None:
    body = BODY.format(weave=True, end="")
    done = program(tmp_path, server, wandb_server, weave_server, body, WANDB_MODE="offline")
    assert done.returncode == 0, done.stderr
    assert weave_server.posts == []
    assert done.stderr.count("openai-wandb weave RUN") == 1
    assert len(asked(done)) == 3


@pytest.mark.parametrize("weave", ["yes", 1, ""])
def test_a_wrong_argument_is_refused(tmp_path: Path, weave: object) -> None:
    body = f"set_up(SimpleSpanProcessor, weave={weave!r})"
    done = run_program(tmp_path, SETUP + body)
    assert done.returncode == 1
    assert "is none of True, False and 'agents'" in done.stderr


SAID = "canary of a prompt"
QUIET = {
    "no content": ("capture_content='no_content'", False),
    "redact": ("redact=lambda kind, items: json.loads(json.dumps(items).replace('canary', 'bird'))", True),
    "nothing said": ("", True),
}


@pytest.mark.parametrize("way", ["autolog", "exporter"])
@pytest.mark.parametrize("choice", QUIET)
def test_weave_gets_no_more_than_the_run(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer, choice: str, way: str
) -> None:
    options, has_content = QUIET[choice]
    begin = {
        "autolog": f"from otel_openai_wandb import autolog\nautolog({{'project': 'p'}}, weave=True, {options})\n",
        "exporter": "from otel_wandb import WandbSpanProcessor\nprovider = TracerProvider()\n"
        "provider.add_span_processor(WandbSpanProcessor(weave=True))\n"
        f"OpenAIInstrumentor().instrument(tracer_provider=provider, {options})\n",
    }
    done = program(tmp_path, server, wandb_server, weave_server, "import json\n" + begin[way] + f"ask({SAID!r})\n")
    assert done.returncode == 0, done.stderr
    (call,) = weave_server.calls
    told = json.dumps([call.raw, call.name, call.exception])
    assert (SAID in told) == (choice == "nothing said")
    assert ("of a prompt" in told) == has_content
    assert call.run_id == wandb_server.run.run_id
    assert_conserved(wandb_server, weave_server)


@pytest.mark.parametrize("fault", ["hangs", "is gone"])
@pytest.mark.parametrize("end", ["exit", "SIGTERM", "force_flush"])
def test_a_weave_that_is_away_takes_nothing_from_the_run(
    tmp_path: Path,
    server: OpenAIServer,
    wandb_server: WandbServer,
    weave_server: WeaveServer,
    fault: str,
    end: str,
) -> None:
    """Each in the time that the run has anyway: what is written for W&B is at W&B."""
    if fault == "hangs":
        weave_server.held.clear()
    ends = {"exit": "", "SIGTERM": TERMINATED, "force_flush": "print(exporter.force_flush(5_000))"}
    where = {"is gone": {"WF_TRACE_SERVER_URL": "http://127.0.0.1:9"}, "hangs": {}}[fault]
    body = BODY.format(weave=True, end=ends[end])
    done = program(tmp_path, server, wandb_server, weave_server, body, OTEL_WANDB_EXIT_TIMEOUT="6", **where)
    assert done.returncode == (-15 if end == "SIGTERM" else 0), done.stderr
    assert "False" not in done.stdout
    assert "did not take everything in time" not in done.stderr
    run = wandb_server.run
    assert (len(traces(run)), len(stats_rows(run)), len(stats_rows(run, "traces"))) == (2, 3, 2)
    assert "page" in run.summary
    assert run.exit_code is not None


TERMINATED = """
import os, signal, threading
os.kill(os.getpid(), signal.SIGTERM)
threading.Event().wait(60)
"""

GIVEN = """
import wandb
run = wandb.init(project="mine")
provider, exporter = set_up(SimpleSpanProcessor, run=run, weave=True)
ask("one")
run.finish()
"""


def test_a_run_that_its_owner_finishes_knows_what_weave_took(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer
) -> None:
    done = program(tmp_path, server, wandb_server, weave_server, GIVEN)
    assert done.returncode == 0, done.stderr
    assert len(weave_server.calls) == 1
    assert_conserved(wandb_server, weave_server)
    (directory,) = tmp_path.glob("wandb/run-*")
    env = {**wandb_server.environment, "WF_TRACE_SERVER_URL": weave_server.url}
    again = run_command(["openai-wandb", "weave", str(directory)], tmp_path, env=env)
    assert (again.returncode, len(weave_server.calls)) == (1, 1)
    assert "sent its traces to Weave while it ran" in again.stderr


@pytest.mark.parametrize("way", ["autolog", "a given run", "a run of ours"])
def test_the_key_may_be_an_argument(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer, way: str
) -> None:
    said = f"settings={{'api_key': '{API_KEY}'}}"
    begin = {
        "autolog": f"from otel_openai_wandb import autolog\nautolog(project='p', {said}, weave=True)\n",
        "a given run": f"import wandb\nrun = wandb.init({said})\nset_up(SimpleSpanProcessor, run=run, weave=True)\n",
        "a run of ours": f"set_up(SimpleSpanProcessor, {said}, weave=True)\n",
    }
    done = program(tmp_path, server, wandb_server, weave_server, begin[way] + "ask('one')", WANDB_API_KEY="")
    assert done.returncode == 0, done.stderr
    assert len(weave_server.calls) == 1, done.stderr
    assert {post.headers["wandb-api-key"] for post in weave_server.posts} == {API_KEY}


@pytest.mark.parametrize("entry", ["autolog(project='p', weave=True)", "set_up(weave=True)"])
def test_what_is_missing_is_said_before_anything_is_done(tmp_path: Path, entry: str) -> None:
    body = f"""
sys.modules["opentelemetry.proto"] = None
from otel_openai_wandb import autolog
try:
    {entry}
except ImportError as error:
    print(error)
import wandb
print(wandb.run)
"""
    done = run_program(tmp_path, SETUP + body, env={"WANDB_MODE": "offline"})
    said, run = done.stdout.splitlines()
    assert said.startswith("weave needs opentelemetry-proto: pip install")
    assert run == "None"
    assert list(tmp_path.rglob("*.wandb")) == []
