"""`openai-wandb weave`: the traces of an offline run in Weave, each once."""

from pathlib import Path

import pytest

from tests.exporter.programs import program
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_command
from tests.support.wandb_server import WandbServer
from tests.support.weave_server import WeaveServer

BODY = "set_up(SimpleSpanProcessor, project='p')\nfor number in range(3): ask(f'question {number}')"


def weave(tmp_path: Path, wandb: WandbServer, server: WeaveServer, *arguments: str, **env: str) -> Finished:
    settings = {**wandb.environment, "WF_TRACE_SERVER_URL": server.url, **env}
    return run_command(["openai-wandb", "weave", *arguments], tmp_path, env=settings)


def run_of(done: Finished) -> str:
    (path,) = done.directory.glob("wandb/offline-run-*")
    return str(path)


def test_each_trace_is_sent_once(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer
) -> None:
    made = program(tmp_path, server, BODY)
    done = weave(tmp_path, wandb_server, weave_server, "--entity", "me")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"3 traces of wandb/{Path(run_of(made)).name} were sent to Weave, to me/p.\n".replace(
        "wandb/", f"{tmp_path}/wandb/"
    )
    asked = [call.inputs["messages"][0]["content"] for call in weave_server.calls]
    assert asked == ["question 0", "question 1", "question 2"]
    assert {(call.project, call.run_id) for call in weave_server.calls} == {("me/p", made.run.run_id)}
    again = weave(tmp_path, wandb_server, weave_server, "--entity", "me")
    assert (again.returncode, len(weave_server.calls)) == (0, 3)
    assert "are in Weave already" in again.stdout


def test_what_was_refused_is_sent_the_next_time(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer
) -> None:
    made = program(tmp_path, server, BODY)
    weave_server.always = 401, {}
    done = weave(tmp_path, wandb_server, weave_server, run_of(made), "--entity", "me", "--agents")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Weave did not take all spans (unauthorized: 3)" in done.stderr
    weave_server.always = None
    done = weave(tmp_path, wandb_server, weave_server, run_of(made), "--entity", "me", "--agents")
    assert (done.returncode, len(weave_server.calls)) == (0, 3), done.stderr
    assert {post.path for post in weave_server.posts} == {"/agents/otel/v1/traces"}


def test_a_run_in_wandb_is_sent_to_its_project(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer
) -> None:
    made = program(tmp_path, server, BODY, **wandb_server.environment, WANDB_MODE="online")
    assert made.returncode == 0, made.stderr
    run = wandb_server.run
    done = weave(tmp_path, wandb_server, weave_server, f"{run.entity}/p/{run.run_id}")
    assert (done.returncode, len(weave_server.calls)) == (0, 3), done.stderr
    assert {(call.project, call.run_id) for call in weave_server.calls} == {(f"{run.entity}/p", run.run_id)}


@pytest.mark.parametrize("key", ["", None])
def test_without_a_key_or_a_run_it_says_so(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, weave_server: WeaveServer, key: str | None
) -> None:
    if key is None:
        done = weave(tmp_path, wandb_server, weave_server)
        assert (done.returncode, done.stdout) == (2, "")
        assert "There is no run below" in done.stderr
        return
    program(tmp_path, server, BODY)
    done = weave(tmp_path, wandb_server, weave_server, WANDB_API_KEY=key)
    assert (done.returncode, done.stdout) == (1, "")
    assert "wandb login" in done.stderr
    assert weave_server.posts == []
