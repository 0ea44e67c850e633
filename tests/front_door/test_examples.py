"""The examples, run by the command lines that their READMEs show."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.openai_server import OpenAIServer
from tests.support.program import CHECKOUT, Finished, environment, run_command
from tests.support.run_file import find_runs, read_run, stats_rows, traces

EXAMPLES = CHECKOUT / "examples"


def run_example(name: str, directory: Path) -> Finished:
    """The command of an example's README, with everything of wandb's below `directory`."""
    folder = EXAMPLES / name
    return run_command(command(folder), directory, env={"PYTHONDONTWRITEBYTECODE": "1"}, cwd=folder)


def command(folder: Path) -> str:
    """The last line of the README's only block: before it stands how to install, from the folder of the example."""
    (block,) = re.findall(r"```console\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    install, line = block.splitlines()
    assert install == "pip install '../..[all]'"
    assert (folder / "../..").resolve() == CHECKOUT
    return str(line)


def test_autolog(tmp_path: Path) -> None:
    done = run_example("autolog", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "It was played at Globe Life Field in Arlington, Texas.\n"
    assert done.run.project == "gpt5"
    (row,) = stats_rows(done.run)
    assert row["request"] == (
        "**system**: You are a helpful assistant.\n\n**user**: Who won the world series in 2020?\n\n"
        "**assistant**: The Los Angeles Dodgers\n\n**user**: Where was it played?"
    )
    assert row["response"] == f"**assistant**: {done.stdout.strip()}"
    assert [trace.row["usage/total_tokens"] for trace in traces(done.run)] == [row["total_tokens"]]


def test_existing_otel(tmp_path: Path) -> None:
    done = run_example("existing_otel", tmp_path)
    assert done.returncode == 0, done.stderr
    spans = [line for line in done.stdout.splitlines() if line.startswith("span: ")]
    assert spans == ["span: chat gpt-3.5-turbo", "span: chat gpt-3.5-turbo", "span: plan_a_trip"]
    assert done.run.project == "openai-existing-otel"
    (trace,) = traces(done.run)
    assert trace.root["name"] == "plan_a_trip"
    assert [child["name"] for child in trace.root["child_spans"]] == ["chat gpt-3.5-turbo"] * 2
    rows = stats_rows(done.run)
    assert [row["stream"] for row in rows] == [False, True]
    assert all(str(row["response"]).removeprefix("**assistant**: ") in done.stdout for row in rows)
    assert "wandb sync" in done.stderr


def test_zero_code(tmp_path: Path) -> None:
    done = run_example("zero_code", tmp_path)
    assert done.returncode == 0, done.stderr
    rows = stats_rows(done.run)
    assert [trace.root["name"] for trace in traces(done.run)] == ["chat gpt-3.5-turbo"] * 2
    assert [row["stream"] for row in rows] == [False, True]
    assert [str(row["response"]).removeprefix("**assistant**: ") for row in rows] == done.stdout.splitlines()
    assert "wandb sync" in done.stderr


@pytest.mark.parametrize("name", ["autolog", "existing_otel", "zero_code"])
def test_an_example_is_one_short_file_and_its_readme(name: str) -> None:
    (program,) = (EXAMPLES / name).glob("*.py")
    assert len(program.read_text().splitlines()) <= 45
    assert program.name in command(EXAMPLES / name)


def test_older_python(tmp_path: Path, server: OpenAIServer) -> None:
    """The service of it runs on Python 3.8 as well: it has nothing of this package."""
    folder, env = EXAMPLES / "older_python", environment(tmp_path, {"PYTHONDONTWRITEBYTECODE": "1"})
    asked = {**env, "OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-test"}
    start = [sys.executable, "receive.py", "0"]
    with subprocess.Popen(start, cwd=folder, env=env, stdout=subprocess.PIPE, text=True) as receiver:
        try:
            assert receiver.stdout is not None
            asked["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.stdout.readline().split()[-1]
            answer = subprocess.run(
                [sys.executable, "service.py"], cwd=folder, env=asked, capture_output=True, text=True, check=True
            )
        finally:
            receiver.send_signal(signal.SIGTERM)
        assert receiver.wait(60) == 0
    (run,) = map(read_run, find_runs(tmp_path))
    (trace,) = traces(run)
    assert (trace.root["name"], [child["name"] for child in trace.root["child_spans"]]) == (
        "request",
        ["chat gpt-3.5-turbo"],
    )
    (row,) = stats_rows(run)
    assert (row["request"], row["response"]) == ("**user**: Good morning!", f"**assistant**: {answer.stdout.strip()}")
