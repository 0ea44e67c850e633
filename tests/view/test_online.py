"""`openai-wandb view`, `show` and `export` of a run that is in W&B, here the server that stands for it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_openai_wandb._reading.online import online_path
from tests.exporter.programs import SETUP, settings
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_command, run_program
from tests.support.wandb_server import IMPATIENT, WandbServer

COMMAND = str(Path(sys.executable).with_name("openai-wandb"))


@pytest.fixture
def wandb_server() -> Iterator[WandbServer]:
    with WandbServer() as server:
        yield server


def logged(tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, **env: str) -> str:
    """The path of an online run with a trace."""
    online = {**settings(server), **wandb_server.environment, **IMPATIENT, "WANDB_MODE": "online", **env}
    done = run_program(tmp_path, SETUP + "set_up(project='shop')\nask('Where is the kettle?')", env=online)
    assert done.returncode == 0, done.stderr
    return f"{wandb_server.run.entity}/shop/{wandb_server.run.run_id}"


def command(tmp_path: Path, wandb_server: WandbServer, *arguments: str, **env: str) -> Finished:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    return run_command([COMMAND, *arguments], elsewhere, env={**wandb_server.environment, **IMPATIENT, **env})


def test_its_journal_is_downloaded_and_shown(tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer) -> None:
    path = logged(tmp_path, server, wandb_server)
    done = command(tmp_path, wandb_server, "view", path, "--output", "page.html", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "page.html: 1 trace of 1 run\n"), done.stderr
    assert f"Downloading otel/traces-0001.jsonl.gz of {path}: 1 of 1, 0.0 MB\n" in done.stderr
    assert f"<title>{wandb_server.run.run_id}</title>" in (tmp_path / "elsewhere" / "page.html").read_text("utf-8")
    assert list(tmp_path.glob("openai-wandb-*")) == []
    entity, project, run = path.split("/")
    assert not (tmp_path / "elsewhere" / entity).exists()
    address = f"{wandb_server.url}/{entity}/{project}/runs/{run}?nw=nwuser"
    shown = command(tmp_path, wandb_server, "show", address)
    assert (shown.returncode, shown.stdout.count("chat gpt-3.5-turbo")) == (0, 1), shown.stderr
    exported = command(tmp_path, wandb_server, "export", path, "--format", "openai-chat", "--output", "-")
    assert (exported.returncode, exported.stdout.count("Where is the kettle?")) == (0, 2), exported.stderr
    assert wandb_server.unknown_operations == []


def test_what_is_not_there_is_said(tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer) -> None:
    path = logged(tmp_path, server, wandb_server, OTEL_WANDB_JOURNAL="false")
    for name, wrong, env, why in (
        ("view", path, {}, f"The run {path} has no journal in W&B: "),
        ("show", path, {}, f"The run {path} has no journal in W&B: "),
        ("weave", path, {}, f"The run {path} has no journal in W&B: "),
        ("weave", f"{path}x", {}, f"There is no run {path}x on {wandb_server.url}"),
        ("view", f"{path}x", {}, f"There is no run {path}x on {wandb_server.url}, or the key may not see it."),
        (
            "view",
            path,
            {"WANDB_API_KEY": ""},
            f"There is no W&B key for {wandb_server.url}, which is needed to read {path}.",
        ),
        ("view", path, {"WANDB_API_KEY": "0" * 40}, f"The run {path} could not be read from {wandb_server.url}: "),
    ):
        done = command(tmp_path, wandb_server, name, wrong, **env)
        assert done.returncode in (1, 2), (wrong, env)
        assert why in done.stderr
        assert "Traceback" not in done.stderr
    done = command(tmp_path, wandb_server, "view", path, "--follow")
    assert (done.returncode, "cannot be followed" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("named", "path"),
    [
        ("team/shop/ab12", "team/shop/ab12"),
        ("team/shop/runs/ab12", "team/shop/ab12"),
        ("team/shop/exp.v1", "team/shop/exp.v1"),
        ("team/shop/the best, so far", "team/shop/the best, so far"),
        ("wandb/offline-run-1/run-1.wandb", None),
        ("team/shop/..", None),
        ("https://wandb.ai/team/shop/runs/ab12/overview?nw=1", "team/shop/ab12"),
        ("http://localhost:8080/team/my%20shop/runs/ab12", "team/my shop/ab12"),
        ("wandb/offline-run-1", None),
        ("/tmp/shop/ab12", None),
        ("./team/shop", None),
        ("../team/shop", None),
        ("here/shop/ab12", None),
    ],
)
def test_what_is_a_directory_and_what_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, path: str | None
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    assert online_path(named) == path
