"""The exporter's main job, in few programs: every environment of `tests/matrix` that has an older wandb runs it."""

import json
import signal
from pathlib import Path
from typing import Final

import pytest

from tests.exporter.programs import SETUP, asked, program, settings
from tests.exporter.test_endings import ended, running
from tests.support.journals import records_below, traces_in
from tests.support.openai_server import OpenAIServer
from tests.support.program import run_program
from tests.support.run_file import find_runs, read_run, stats_rows, traces
from tests.support.waiting import until
from tests.support.wandb_faults import Kind
from tests.support.wandb_server import IMPATIENT, WandbServer

ASKED = ["**user**: one", "**user**: two"]
RUNS = {
    "ours": 'set_up(project="online")',
    "given": 'set_up(run=wandb.init(project="online"))',
}
HELD_BACK: Final = 32 << 10  # bytes of a run that the service of wandb 0.30 and before keeps to itself
ENDS = {"returns": "", "sys.exit": "sys.exit(0)", "raises": "raise SystemExit"}


@pytest.mark.parametrize("run", RUNS)
def test_traces_and_tables_reach_the_server(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, run: str
) -> None:
    body = f"""
provider, exporter = {RUNS[run]}
ask("one")
provider.force_flush()
assert exporter.force_flush(30_000)
ask("two")
provider.force_flush()
assert exporter.force_flush(30_000)
provider.shutdown()
if {run == "given"}: wandb.finish()
"""
    env = {**settings(server), **wandb_server.environment, **IMPATIENT, "WANDB_MODE": "online"}
    done = run_program(tmp_path, SETUP + "import wandb\n" + body, env=env)
    assert done.returncode == 0, done.stderr
    arrived = wandb_server.run
    assert [row["request"] for row in stats_rows(arrived)] == ASKED, done.stderr
    assert (len(traces(arrived)), arrived.exit_code) == (2, 0)
    assert not [name for name in arrived.summary if "dropped" in name]


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_lost_at_the_exit(tmp_path: Path, server: OpenAIServer, run: str, end: str) -> None:
    done = program(tmp_path, server, f'import wandb\n{RUNS[run]}\nask("one")\nask("two")\n{ENDS[end]}')
    assert done.returncode == 0, done.stderr
    assert asked(done) == ASKED, done.stderr
    assert len(traces(done.run)) == 2


def lost(directory: Path, asked_for: int) -> int:
    """How many bytes of traces a run's file lacks; they are as good as equally large."""
    (path,) = find_runs(directory)
    rows = [row for row in read_run(path).history if "trace" in row]
    return HELD_BACK * asked_for if not rows else (asked_for - len(rows)) * len(json.dumps(rows[0]))


def test_a_killed_program_has_lost_what_the_service_held_back_and_nothing_of_its_journal(
    tmp_path: Path, server: OpenAIServer
) -> None:
    calls = 12
    body = f"""
provider, exporter = set_up(SimpleSpanProcessor)
for number in range({calls}):
    ask(f"{{number}} " + 4_000 * "x")
assert exporter.force_flush()
print("ready", flush=True)
threading.Event().wait(60)
"""
    with running(tmp_path, server, body) as process:
        until(lambda: lost(tmp_path, calls) <= HELD_BACK, 20)
        process.kill()
        done = ended(tmp_path, process)
    assert (done.returncode, done.run.exit_code) == (-signal.SIGKILL, None)
    assert lost(tmp_path, calls) <= HELD_BACK
    assert len(traces_in(records_below(tmp_path))) == calls


RANK: Final = 'wandb.Settings(mode="shared", x_label="rank-0", x_primary=True)'
BESIDE: Final = {"a sweep": "", "a shared run": f", settings={RANK}"}


@pytest.mark.parametrize("order", ["trace first", "run first"])
@pytest.mark.parametrize("beside", BESIDE)
def test_our_run_is_beside_theirs(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer, beside: str, order: str
) -> None:
    trace = (
        "provider, exporter = set_up(SimpleSpanProcessor, project='ours')\nask('one')\nassert exporter.force_flush()\n"
    )
    run = f"run = wandb.init(project='theirs', id='theirs'{BESIDE[beside]})\nrun.log({{'loss': 1}})\n"
    body = (trace + run if order == "trace first" else run + trace) + "ask('two')\nrun.log({'loss': 2})\nrun.finish()\n"
    env = {**settings(server), **wandb_server.environment, **IMPATIENT, "WANDB_MODE": "online"}
    if beside == "a sweep":
        env |= {"WANDB_SWEEP_ID": "swept", "WANDB_RUN_ID": "theirs", "WANDB_PROJECT": "theirs"}
    done = run_program(tmp_path, SETUP + "import wandb\n" + body, env=env)
    assert done.returncode == 0, done.stderr
    theirs = wandb_server.runs["theirs"]
    (ours,) = (found for name, found in wandb_server.runs.items() if name != "theirs")
    assert ([row["loss"] for row in theirs.history], theirs.exit_code) == ([1, 2], 0)
    assert (ours.project, len(traces(ours)), ours.exit_code) == ("ours", 2, 0)
    assert [row["request"] for row in stats_rows(ours)] == ASKED


def test_a_service_of_theirs_is_used_and_left_running(tmp_path: Path, server: OpenAIServer) -> None:
    """`WANDB_SERVICE`, which a parent hands to its children, names it."""
    (tmp_path / "child.py").write_text(
        SETUP + "assert os.environ['WANDB_SERVICE']\nset_up(project='ours')\nask('one')\nask('two')\n"
    )
    body = """
import subprocess
import wandb
run = wandb.init(project="theirs")
run.log({"loss": 1})
subprocess.run([sys.executable, "child.py"], check=True, timeout=60)
run.log({"loss": 2})
run.finish()
"""
    done = program(tmp_path, server, body)
    assert done.returncode == 0, done.stderr
    (theirs,) = (found for found in done.runs if found.project == "theirs")
    (ours,) = (found for found in done.runs if found.project != "theirs")
    assert ([row["loss"] for row in theirs.history], theirs.exit_code) == ([1, 2], 0)
    assert [row["request"] for row in stats_rows(ours)] == ASKED, done.stderr
    assert (len(traces(ours)), ours.exit_code) == (2, 0)


def test_no_table_asks_the_server_and_waits(tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer) -> None:
    """wandb before 0.30 asks whether the server knows client ids, and whether the key is right, for each table."""
    wandb_server.swallow(operation="ArtifactType")
    wandb_server.swallow(Kind.GRAPHQL, operation="")  # `query { viewer { id } }` has no name
    body = """
provider, exporter = set_up(SimpleSpanProcessor, project="online")
ask("one")
ask("two")
print(exporter.force_flush(10_000))
"""
    env = {**settings(server), **wandb_server.environment, **IMPATIENT, "WANDB_MODE": "online"}
    done = run_program(tmp_path, SETUP + body, env=env)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    assert [row["request"] for row in stats_rows(wandb_server.run)] == ASKED


def test_a_wandb_that_does_not_ask_is_left_as_it_is(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, exporter = set_up(SimpleSpanProcessor)
ask("one")
assert exporter.force_flush()
from wandb.sdk import wandb_login
from wandb.sdk.data_types.base_types import wb_value
asks = hasattr(wb_value, "_server_accepts_client_ids")
print(asks or not hasattr(wandb_login._verify_login, "__wrapped__"))
"""
    done = program(tmp_path, server, body)
    assert done.stdout.splitlines()[-1:] == ["True"], done.stderr
