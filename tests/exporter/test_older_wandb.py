"""The exporter's main job, in few programs: every environment of `tests/matrix` that has an older wandb runs it."""

from pathlib import Path

import pytest

from tests.exporter.programs import SETUP, asked, program, settings
from tests.support.openai_server import OpenAIServer
from tests.support.program import run_program
from tests.support.run_file import stats_rows, traces
from tests.support.wandb_faults import Kind
from tests.support.wandb_server import IMPATIENT, WandbServer

ASKED = ["**user**: one", "**user**: two"]
RUNS = {
    "ours": 'set_up(project="online")',
    "given": 'set_up(run=wandb.init(project="online"))',
}
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
