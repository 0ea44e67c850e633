"""`openai-wandb doctor`: what it says, and its exit code."""

import re
from pathlib import Path

import pytest

from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_command, run_program
from tests.support.run_file import traces
from tests.support.wandb_server import WandbServer

KEY = "sk-canary-0123456789"


def doctor(tmp_path: Path, *launcher: str, **env: str) -> Finished:
    settings = {"OPENAI_API_KEY": KEY, "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    return run_command([*launcher, "openai-wandb", "doctor"], tmp_path, env={**settings, **env})


def findings(done: Finished) -> dict[str, tuple[str, str]]:
    """State and text by what was examined."""
    found = (re.fullmatch(r" *(ok|note|failed)  (\S.*?)  +(.*)", line) for line in done.stdout.splitlines())
    return {match[2]: (match[1], match[3]) for match in found if match is not None}


def test_all_is_well_without_a_key(tmp_path: Path) -> None:
    done = doctor(tmp_path)
    found = findings(done)
    assert done.returncode == 0, done.stdout
    assert [name for name, (state, _) in found.items() if state == "ok"] == [
        "packages",
        "instrumentor",
        "capture",
        "test trace",
    ]
    assert "openai 0.28.1" in found["packages"][1] or "openai 0.27.8" in found["packages"][1]
    assert found["exporter"][0] == found["W&B"][0] == "note"
    assert found["W&B"][1].startswith("no key for ")
    assert found["test trace"][1].startswith(f"is in {tmp_path}")
    assert [trace.row["trace_name"] for trace in traces(done.run)] == ["chat gpt-3.5-turbo"]


def test_what_opentelemetry_instrument_started_is_active_and_the_trace_is_in_one_run(tmp_path: Path) -> None:
    done = doctor(tmp_path, "opentelemetry-instrument", OTEL_TRACES_EXPORTER="wandb", WANDB_MODE="offline")
    found = findings(done)
    assert (done.returncode, found["exporter"]) == (0, ("ok", "OTEL_TRACES_EXPORTER=wandb"))
    assert found["instrumentor"] == ("ok", "active, started by opentelemetry-instrument")
    assert [len(traces(run)) for run in done.runs] == [1]


def test_an_online_run_is_named_by_its_page_and_no_key_is_shown(tmp_path: Path, wandb_server: WandbServer) -> None:
    done = doctor(tmp_path, **wandb_server.environment)
    found = findings(done)
    assert found["W&B"] == ("ok", f"a key for {wandb_server.url} is there")
    assert found["test trace"][1].startswith(f"is in {wandb_server.url}/")
    assert len(traces(wandb_server.run)) == 1
    said = done.stdout + done.stderr
    assert KEY not in said
    assert wandb_server.environment["WANDB_API_KEY"] not in said


@pytest.mark.parametrize(
    ("env", "what", "said"),
    [
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "a, openai_v0"}, "instrumentor", "disabled by OTEL_PYTHON_DISABLED"),
        ({"OTEL_SDK_DISABLED": "true"}, "instrumentor", "OTEL_SDK_DISABLED is true"),
        ({"WANDB_MODE": "nonsense"}, "test trace", "did not reach a run (dropped_no_run: 1)"),
        ({"WANDB_BASE_URL": "nonsense"}, "W&B", "1 validation error for Settings"),
    ],
)
def test_what_is_wrong_is_said_and_makes_the_exit_code(
    tmp_path: Path, env: dict[str, str], what: str, said: str
) -> None:
    done = doctor(tmp_path, **env)
    state, text = findings(done)[what]
    assert (done.returncode, state) == (1, "failed"), done.stdout
    assert text.startswith(said)
    assert "Traceback" not in done.stderr


SOURCE = """
import sys
{before}
from otel_openai_wandb._cli import main
sys.exit(main(["doctor"]))
"""
ANOTHER = """
import openai, wrapt
wrapper = eval("lambda wrapped, _, args, kwargs: wrapped(*args, **kwargs)", {"__name__": "langfuse.openai"})
wrapt.wrap_function_wrapper(openai.ChatCompletion, "create", wrapper)
"""
NEWER = """
import opentelemetry.instrumentation.dependencies as dependencies
real = dependencies.version
dependencies.version = lambda name: "1.12.0" if name == "openai" else real(name)
"""
MISSING = """
import importlib.metadata as metadata
real = metadata.version
def version(name):
    if name == "wandb":
        raise metadata.PackageNotFoundError(name)
    return real(name)
metadata.version = version
"""


@pytest.mark.parametrize(
    ("before", "what", "said"),
    [
        (ANOTHER, "instrumentor", "openai is instrumented by langfuse.openai already: every call would have two spans"),
        (NEWER, "instrumentor", "supports openai >= 0.27.8, < 1, found openai 1.12.0"),
        (MISSING, "packages", 'wandb missing: pip install "otel-openai-wandb[all]"'),
    ],
    ids=["another wrapper", "newer openai", "no wandb"],
)
def test_why_the_instrumentor_is_not_active(
    tmp_path: Path, server: OpenAIServer, before: str, what: str, said: str
) -> None:
    done = run_program(tmp_path, SOURCE.format(before=before), env={"OPENAI_API_BASE": server.url})
    state, text = findings(done)[what]
    assert (done.returncode, state) == (1, "failed"), done.stdout + done.stderr
    assert text.startswith(said)
    assert server.requests == []
