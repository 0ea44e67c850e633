"""The files that wandb keeps beside a run for its tables, until they are uploaded."""

from pathlib import Path

from tests.exporter.test_online import program
from tests.support.openai_server import OpenAIServer
from tests.support.program import run_command
from tests.support.run_file import find_runs, read_run, stats_rows
from tests.support.wandb_server import WandbServer

THREE_TABLES = """
import wandb
theirs = wandb.init(project="theirs")
theirs.log({"theirs": wandb.Table(columns=["a"], data=[["theirs"]])})
provider, exporter = set_up(SimpleSpanProcessor, project="ours")
for number in range(3):
    ask(f"{number}")
    assert exporter.force_flush(30_000)
theirs.finish()
"""


def staged(directory: Path) -> list[str]:
    """What is kept in wandb's data directory for artifacts, and in its cache of them."""
    found = [*(directory / "data" / "artifacts").rglob("*"), *(directory / "cache" / "artifacts").rglob("*")]
    return [path.read_text() for path in found if path.is_file()]


def test_tables_that_were_uploaded_leave_no_file_behind(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer
) -> None:
    """wandb stages and caches each once more; theirs is left as it is."""
    done = program(tmp_path, server, wandb_server, THREE_TABLES)
    assert done.returncode == 0, done.stderr
    (ours,) = (run for run in wandb_server.runs.values() if run.project == "ours")
    assert len([artifact for artifact in ours.artifacts if artifact.committed and artifact.tables]) == 6
    assert len(stats_rows(ours)) == 3
    left = staged(tmp_path)
    assert left != []
    assert [text for text in left if "theirs" not in text] == []


def test_what_an_offline_run_has_to_upload_is_there_once(
    tmp_path: Path, server: OpenAIServer, wandb_server: WandbServer
) -> None:
    done = program(tmp_path, server, wandb_server, THREE_TABLES, WANDB_MODE="offline")
    assert done.returncode == 0, done.stderr
    assert len([text for text in staged(tmp_path) if "theirs" not in text]) == 6
    (path,) = (path for path in find_runs(tmp_path) if read_run(path).project == "ours")
    synced = run_command(["wandb", "sync", str(path.parent)], tmp_path, env=wandb_server.environment)
    assert synced.returncode == 0, synced.stderr
    (ours,) = wandb_server.runs.values()
    assert len([artifact for artifact in ours.artifacts if artifact.committed and artifact.tables]) == 6
    assert [row["request"] for row in stats_rows(ours)] == ["**user**: 0", "**user**: 1", "**user**: 2"]
