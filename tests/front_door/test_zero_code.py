"""`opentelemetry-instrument`, configured by environment alone: what goes wrong is one clear line, and no more."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otel_wandb._install import how_to_install
from tests.support.bare_python import python_without
from tests.support.openai_server import OpenAIServer
from tests.support.program import CHECKOUT, Finished, run_program
from tests.support.run_file import stats_rows
from tests.support.wandb_server import IMPATIENT, WandbServer

if TYPE_CHECKING:
    from tests.support.weave_server import WeaveServer

ASK = """
import openai
answer = openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": "hi"}])
print(answer["choices"][0]["message"]["content"])
"""
ANSWER = "You said: hi\n"


def program(
    tmp_path: Path,
    server: OpenAIServer,
    source: str = ASK,
    command: Sequence[str] = ("opentelemetry-instrument", "python"),
    **env: str,
) -> Finished:
    settings = {
        "OPENAI_API_BASE": server.url,
        "OPENAI_API_KEY": "sk-canary-0123456789",
        "OTEL_TRACES_EXPORTER": "wandb",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "WANDB_MODE": "offline",
    }
    return run_program(tmp_path, source, env={**settings, **env}, command=command)


def lines_of(done: Finished) -> list[str]:
    return [line for line in done.stderr.splitlines() if line]


def missing(tmp_path: Path, name: str) -> dict[str, str]:
    """An environment in which a package cannot be imported."""
    (tmp_path / "absent" / name).mkdir(parents=True)
    (tmp_path / "absent" / name / "__init__.py").write_text(
        f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')"
    )
    return {"PYTHONPATH": str(tmp_path / "absent")}


def test_nothing_is_said_when_nothing_is_wrong(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server)
    assert (done.returncode, done.stdout, done.stderr) == (0, ANSWER, "")
    assert [row["request"] for row in stats_rows(done.run)] == ["**user**: hi"]


def test_two_exporters_are_both_fed(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, OTEL_TRACES_EXPORTER="wandb,console")
    assert '"name": "chat gpt-3.5-turbo"' in done.stdout
    assert len(stats_rows(done.run)) == 1


def test_readmes_lines_for_weave_without_our_option(
    tmp_path: Path, server: OpenAIServer, weave_server: "WeaveServer"
) -> None:
    text = (CHECKOUT / "exporter/README.md").read_text()
    lines = [line.removeprefix("export ") for line in text.splitlines() if line.startswith("export OTEL_")]
    env = dict(line.split("=", 1) for line in lines)
    assert len(env) == 5
    env = {name: value.replace("$WANDB_API_KEY", "the-key") for name, value in env.items()}
    env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = weave_server.url + "/otel/v1/traces"
    done = program(tmp_path, server, **env)
    assert (done.returncode, done.stdout) == (0, ANSWER), done.stderr
    assert len(stats_rows(done.run)) == 1
    # Of the spans of other instrumentations that are installed, too.
    (call,) = (call for call in weave_server.calls if call.name == "chat gpt-3.5-turbo")
    assert (call.project, call.run_id, weave_server.conflicts) == ("YOURS/shop", None, [])
    assert call.inputs["gen_ai.input.messages"][0]["role"] == "user"
    sent = {(post.path, post.headers["wandb-api-key"]) for post in weave_server.posts}
    assert sent == {("/otel/v1/traces", "the-key")}


@pytest.mark.parametrize("weave", ["true", "agents"])
def test_traces_go_to_weave_too_by_the_environment_alone(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: "WeaveServer", weave: str
) -> None:
    env = {**wandb_server.environment, **IMPATIENT, "WF_TRACE_SERVER_URL": weave_server.url}
    done = program(tmp_path, server, WANDB_MODE="online", OTEL_WANDB_WEAVE=weave, **env)
    assert (done.returncode, done.stdout) == (0, ANSWER), done.stderr
    assert [call.name for call in weave_server.calls] == ["chat gpt-3.5-turbo"]
    assert wandb_server.run.summary["otel/weave_sent"] == 1


def test_ours_alone_can_be_turned_off(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="openai_v0")
    assert (done.returncode, done.stdout, done.stderr, done.runs) == (0, ANSWER, "", [])


def test_without_wandb_the_program_and_other_exporters_run_and_one_line_says_why(
    tmp_path: Path, server: OpenAIServer
) -> None:
    python = python_without(tmp_path, "wandb")
    (tmp_path / "wandb").mkdir()
    source = "import sys; from opentelemetry.instrumentation.auto_instrumentation import run; sys.exit(run())"
    done = program(
        tmp_path,
        server,
        command=(str(python), "-c", source, str(python)),
        OTEL_TRACES_EXPORTER="wandb,console",
    )
    assert (done.returncode, done.stdout.startswith(ANSWER)) == (0, True), done.stderr
    assert '"name": "chat gpt-3.5-turbo"' in done.stdout
    assert lines_of(done) == [f"No trace is written to W&B: WandbSpanExporter needs wandb: {how_to_install('wandb')}"]


def test_a_wandb_that_cannot_be_imported_is_said_in_one_line(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, **missing(tmp_path, "wandb"))
    assert (done.returncode, done.stdout) == (0, ANSWER)
    first, *last = lines_of(done)
    assert "No module named 'wandb'" in first
    assert [line.partition(" (")[2] for line in last] == ["no_run: 1)"]


def test_without_openai_nothing_is_said(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, "print('fine')", **missing(tmp_path, "openai"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


def test_a_newer_openai_is_left_alone_and_said(tmp_path: Path, server: OpenAIServer) -> None:
    info = tmp_path / "newer" / "openai-1.99.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openai\nVersion: 1.99.0\n")
    done = program(tmp_path, server, "print('fine')", PYTHONPATH=str(tmp_path / "newer"))
    assert (done.returncode, done.stdout) == (0, "fine\n")
    (line,) = lines_of(done)
    assert "openai" in line
    assert "1.99.0" in line


def test_a_wrong_key_gives_an_offline_run_and_one_line(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer
) -> None:
    wandb_server.fail(401)
    done = program(tmp_path, server, **wandb_server.environment, WANDB_MODE="online")
    assert (done.returncode, done.stdout) == (0, ANSWER)
    assert [row["request"] for run in done.runs if run.tables for row in stats_rows(run)] == ["**user**: hi"]
    assert sum("W&B is not used online" in line for line in lines_of(done)) == 1, done.stderr


@pytest.mark.parametrize("directory", ["/proc/none", "file"])
def test_a_directory_that_cannot_be_written_is_no_trouble(tmp_path: Path, server: OpenAIServer, directory: str) -> None:
    (tmp_path / "file").write_text("")
    done = program(tmp_path, server, WANDB_DIR=str(tmp_path / directory))
    assert (done.returncode, done.stdout) == (0, ANSWER)
    assert 1 <= len(lines_of(done)) <= 3, done.stderr  # wandb 0.20 has one more
