"""Our run beside the user's: neither takes what belongs to the other."""

from pathlib import Path
from typing import Any

import pytest

from tests.exporter.programs import SETUP, asked, program
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_program
from tests.support.run_file import find_runs, read_run, run_record, stats_rows, traces
from tests.support.wandb_server import API_KEY, IMPATIENT, WandbServer

NAMED = {
    "WANDB_RUN_ID": "theirs",
    "WANDB_NAME": "their name",
    "WANDB_RUN_GROUP": "their group",
    "WANDB_JOB_TYPE": "train",
    "WANDB_NOTES": "their notes",
    "WANDB_TAGS": "their,tags",
}
SITUATIONS: dict[str, dict[str, str]] = {
    "nothing": {},
    "an id": {"WANDB_RUN_ID": "theirs"},
    "everything named": NAMED,
    "a sweep": {"WANDB_RUN_ID": "theirs", "WANDB_SWEEP_ID": "swept", "WANDB_PROJECT": "p", "WANDB_ENTITY": "testers"},
    "resumed": {"WANDB_RUN_ID": "theirs", "WANDB_RESUME": "allow"},
}
THEIRS = """
import wandb
def theirs():
    run = wandb.init(settings=wandb.Settings(silent=True))
    run.log({"loss": 1})
    run.log({"loss": 2}, step=7)
    return run
"""
TRACE = "provider, exporter = set_up(SimpleSpanProcessor)\nask('one')\nassert exporter.force_flush()\n"
RUN = "run = theirs()\n"
ORDERS = {"trace first": TRACE + RUN, "run first": RUN + TRACE}
ENDS = {"finish": "run.finish()", "nothing": "", "teardown": "wandb.teardown()"}


def records(done: Finished) -> tuple[Any, Any, Any]:
    """The run record of theirs and of ours, and their run."""
    found = {bool(traces(read_run(path))): path for path in find_runs(done.directory)}
    assert set(found) == {True, False}, done.stderr
    return run_record(found[False]), run_record(found[True]), read_run(found[False])


def assert_apart(theirs: Any, ours: Any, env: dict[str, str]) -> None:
    assert theirs.run_id == env.get("WANDB_RUN_ID", theirs.run_id)
    assert (theirs.run_group, theirs.job_type) == (env.get("WANDB_RUN_GROUP", ""), env.get("WANDB_JOB_TYPE", ""))
    assert list(theirs.tags) == [tag for tag in env.get("WANDB_TAGS", "").split(",") if tag]
    assert ours.run_id != theirs.run_id
    assert (ours.run_group, ours.job_type, ours.notes, list(ours.tags)) == ("shop", "traces", "", [])
    assert (theirs.sweep_id, ours.sweep_id) == (env.get("WANDB_SWEEP_ID", ""), "")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_runs_stay_apart(tmp_path: Path, server: OpenAIServer, situation: str, order: str, end: str) -> None:
    env = SITUATIONS[situation]
    done = program(tmp_path, server, THEIRS + ORDERS[order] + "\nask('two')\n" + ENDS[end], **env)
    assert done.returncode == 0, done.stderr
    theirs, one_of_ours, run = records(done)
    assert_apart(theirs, one_of_ours, env)
    assert [row.get("loss") for row in run.history] == [1, 2]
    assert [row["_step"] for row in run.history] == [0, 7]
    ours = [run for run in done.runs if traces(run)]
    assert len(ours) == (2 if end == "teardown" else 1)  # a teardown ends every run; what comes later has a new one
    assert sorted(str(row["request"]) for run in ours for row in stats_rows(run)) == ["**user**: one", "**user**: two"]
    link = tmp_path / "wandb" / "latest-run"
    assert theirs.run_id in link.resolve().name


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("situation", ["an id", "everything named", "a sweep", "resumed"])
def test_runs_stay_apart_online(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, situation: str, order: str
) -> None:
    env = SITUATIONS[situation]
    settings = {"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-canary-0123456789"}
    source = SETUP + THEIRS + ORDERS[order] + "\nask('two')\nrun.finish()"
    done = run_program(tmp_path, source, env={**settings, **wandb_server.environment, **IMPATIENT, **env})
    assert done.returncode == 0, done.stderr
    assert len(wandb_server.runs) == 2, done.stderr
    theirs = wandb_server.runs["theirs"]
    (ours,) = (run for name, run in wandb_server.runs.items() if name != "theirs")
    assert (len(traces(theirs)), len(traces(ours))) == (0, 2)
    assert [row.get("loss") for row in theirs.history] == [1, 2]
    assert (ours.job_type, ours.tags, ours.notes or None) == ("traces", (), None)
    assert theirs.finished
    assert ours.finished


def test_our_runs_name_the_run_beside_them(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, "set_up(SimpleSpanProcessor)\nask('one')", WANDB_RUN_ID="theirs")
    assert done.run.config["beside_run"] == "theirs"
    assert done.run.run_id != "theirs"


def test_what_the_exporter_is_told_belongs_to_it(tmp_path: Path, server: OpenAIServer) -> None:
    body = "set_up(SimpleSpanProcessor, id='mine', group='g', tags=['t'], notes='n')\nask('one')"
    done = program(tmp_path, server, body, **NAMED)
    (path,) = find_runs(tmp_path)
    ours = run_record(path)
    assert (ours.run_id, ours.run_group, list(ours.tags), ours.notes) == ("mine", "g", ["t"], "n")
    assert asked(done) == ["**user**: one"]


GIVEN = {
    "a dict": "{'run_tags': ('t',)}",
    "Settings": "wandb.Settings(run_tags=('t',))",
}


@pytest.mark.parametrize("given", GIVEN)
def test_settings_are_taken_as_wandb_takes_them(tmp_path: Path, server: OpenAIServer, given: str) -> None:
    body = f"import wandb\nset_up(SimpleSpanProcessor, project='p', settings={GIVEN[given]})\nask('one')"
    done = program(tmp_path, server, body)
    assert asked(done) == ["**user**: one"], done.stderr
    (path,) = find_runs(tmp_path)
    assert list(run_record(path).tags) == ["t"]


DISABLED = {
    "the environment": ("", {"WANDB_MODE": "disabled"}),
    "an argument": ("mode='disabled'", {}),
    "settings": ("settings={'mode': 'disabled'}", {}),
    "wandb.setup": ("", {}),
    "a settings file": ("", {}),
}


@pytest.mark.parametrize("how", DISABLED)
def test_where_wandb_is_disabled_nothing_is_written(tmp_path: Path, server: OpenAIServer, how: str) -> None:
    option, env = DISABLED[how]
    before = ""
    if how == "wandb.setup":
        before = "import wandb\nwandb.setup(settings=wandb.Settings(mode='disabled'))\n"
    if how == "a settings file":
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "settings").write_text("[default]\nmode = disabled\n")
    body = (
        "import logging\nlogging.basicConfig(level=logging.INFO)\n"
        + before
        + f"provider, exporter = set_up(SimpleSpanProcessor{', ' if option else ''}{option})\n"
        + "ask('one')\nask('two')\nassert exporter.force_flush()\nimport wandb\nassert wandb.run is None\n"
        + "print(dict(exporter.counters))"
    )
    settings = {"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-canary-0123456789", **env}
    done = run_program(tmp_path, SETUP + body, env=settings)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("W&B is disabled: no trace is written") == 1
    assert done.stdout.splitlines()[-1] == "{'otel/received': 2, 'otel/logged': 0, 'otel/trimmed': 2}"
    assert list(tmp_path.rglob("*run-*")) == []


LOGINS = {
    "WANDB_API_KEY": ("", {"WANDB_API_KEY": API_KEY}, ""),
    "netrc": ("", {}, "machine {host} login user password {key}\n"),
    "wandb.login": ("import wandb\nwandb.login(key='{key}', host='{url}', verify=False)\n", {}, ""),
    "wandb.setup": ("import wandb\nwandb.setup(settings=wandb.Settings(api_key='{key}', base_url='{url}'))\n", {}, ""),
    "an argument": ("", {}, ""),
    "nothing": ("", {}, ""),
}


@pytest.mark.parametrize("how", LOGINS)
def test_online_or_not_as_wandb_would_be(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, how: str
) -> None:
    before, env, netrc = LOGINS[how]
    parts = {"key": API_KEY, "url": wandb_server.url, "host": wandb_server.url.removeprefix("http://")}
    (tmp_path / "netrc").write_text(netrc.format(**parts))
    option = f"settings={{'api_key': '{API_KEY}'}}" if how == "an argument" else ""
    body = before.format(**parts) + f"set_up(SimpleSpanProcessor{', ' if option else ''}{option})\nask('one')"
    settings = {
        "OPENAI_API_BASE": server.url,
        "OPENAI_API_KEY": "sk-canary-0123456789",
        "WANDB_BASE_URL": wandb_server.url,
    }
    done = run_program(tmp_path, SETUP + body, env={**settings, **IMPATIENT, **env})
    assert done.returncode == 0, done.stderr
    assert API_KEY not in done.stderr
    assert len(wandb_server.runs) == (0 if how == "nothing" else 1), done.stderr
    assert ("there is no W&B API key" in done.stderr) == (how == "nothing")
    assert asked(done) == (["**user**: one"] if how == "nothing" else asked(done))
