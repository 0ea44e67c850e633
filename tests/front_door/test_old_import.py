"""The import that W&B's documentation teaches, unchanged, on a wandb that no longer has it."""

from pathlib import Path

import pytest

from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_program
from tests.support.run_file import stats_rows, traces

# As it stands in W&B's documentation.
DOCUMENTED = """
import os
import openai
from wandb.integration.openai import autolog

autolog({"project": "gpt5"})

request_kwargs = dict(
    model="gpt-3.5-turbo",
    messages=[
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Who won the world series in 2020?"},
        {"role": "assistant", "content": "The Los Angeles Dodgers"},
        {"role": "user", "content": "Where was it played?"},
    ],
)
response = openai.ChatCompletion.create(**request_kwargs)
"""
END = "\nautolog.disable()\n"
EXPORTERS = {
    "wandb": {"OTEL_TRACES_EXPORTER": "wandb"},
    "none": {"OTEL_TRACES_EXPORTER": "none"},
    "console": {"OTEL_TRACES_EXPORTER": "console"},
    "both": {"OTEL_TRACES_EXPORTER": "wandb,console"},
}


def program(tmp_path: Path, server: OpenAIServer, source: str, *launcher: str, **env: str) -> Finished:
    settings = {
        "OPENAI_API_BASE": server.url,
        "OPENAI_API_KEY": "sk-canary-0123456789",
        "WANDB_MODE": "offline",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    return run_program(tmp_path, source, env={**settings, **env}, command=(*launcher, "python"))


@pytest.mark.parametrize("end", ["", END], ids=["left open", "disabled"])
@pytest.mark.parametrize("exporter", EXPORTERS)
def test_the_documented_script_runs_and_each_call_is_logged_once(
    tmp_path: Path, server: OpenAIServer, exporter: str, end: str
) -> None:
    done = program(tmp_path, server, DOCUMENTED + end, "opentelemetry-instrument", **EXPORTERS[exporter])
    assert done.returncode == 0, done.stderr
    (run,) = done.runs
    assert (run.project, len(traces(run)), len(stats_rows(run)), run.exit_code) == ("gpt5", 1, 1, 0), done.stderr
    assert ('"name": "chat gpt-3.5-turbo"' in done.stdout) == ("console" in EXPORTERS[exporter]["OTEL_TRACES_EXPORTER"])


def test_calls_before_and_after_go_to_the_exporters_own_run(tmp_path: Path, server: OpenAIServer) -> None:
    source = """
import openai
from wandb.integration.openai import autolog
def ask(text):
    openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": text}])
ask("before")
autolog({"project": "gpt5"})
ask("inside")
autolog.disable()
ask("after")
"""
    done = program(tmp_path, server, source, "opentelemetry-instrument", OTEL_TRACES_EXPORTER="wandb")
    found = {run.project: [str(row["request"]) for row in stats_rows(run)] for run in done.runs}
    assert found.pop("gpt5") == ["**user**: inside"]
    assert sorted(*found.values()) == ["**user**: after", "**user**: before"]


def test_without_the_launcher_wandbs_own_error_stays(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, DOCUMENTED)
    assert done.returncode == 1
    assert "cannot import name 'autolog' from 'wandb.integration.openai'" in done.stderr


OLDER = """
import sys, types
module = types.ModuleType("wandb.integration.openai")
module.autolog = "wandb's own"
import wrapt
wrapt.importer.notify_module_loaded(module)
print(type(module.autolog).__name__)
"""


@pytest.mark.parametrize(("env", "kind"), [({}, "str"), ({"OTEL_WANDB_REPLACE_AUTOLOG": "true"}, "Autolog")])
def test_a_name_that_wandb_has_itself_stays_unless_ours_is_asked_for(
    tmp_path: Path, server: OpenAIServer, env: dict[str, str], kind: str
) -> None:
    source = "from otel_openai_wandb._old_import import install\ninstall()\n" + OLDER
    done = program(tmp_path, server, source, **env)
    assert done.stdout == f"{kind}\n", done.stderr


def test_a_forked_child_goes_on_with_autolog(tmp_path: Path, server: OpenAIServer) -> None:
    """In a run of its own, and not in one of the exporter's as well."""
    source = """
import os, sys
import openai
from wandb.integration.openai import autolog
def ask(text):
    openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": text}])
autolog({"project": "gpt5"})
child = os.fork()
ask("child" if child == 0 else "parent")
if child == 0:
    sys.exit(0)
os.waitpid(child, 0)
"""
    done = program(tmp_path, server, source, "opentelemetry-instrument", OTEL_TRACES_EXPORTER="wandb")
    found = sorted((run.project, str(row["request"])) for run in done.runs for row in stats_rows(run))
    assert found == [("gpt5", "**user**: child"), ("gpt5", "**user**: parent")], done.stderr
    assert len(done.runs) == 2
