"""Whatever private part of wandb is gone, or raises, traces and tables arrive, and the program ends in time.

A part is taken away from our module alone: wandb goes on using it itself, as a wandb without it would use another.
"""

import json
from datetime import datetime, timezone
from pathlib import Path
from time import monotonic

import pytest
import wandb

from otel_wandb._runs.private.tables import write_cells_as_they_are
from tests.exporter.programs import asked, program
from tests.support.openai_server import OpenAIServer
from tests.support.program import run_program
from tests.support.run_file import traces

HIDE = """
import importlib, logging, types
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")

ATTRIBUTES = {"asyncer", "most_recent_active_run", "_connection", "_is_finished", "_init_pid"}

def is_ours():
    return sys._getframe(2).f_globals.get("__name__", "").startswith("otel_wandb._runs.private.")

def instead(name, kind):
    if kind == "gone":
        raise AttributeError(name)
    if name in ATTRIBUTES:
        raise RuntimeError("changed")
    def changed(*args, **kwargs):
        raise TypeError("changed")
    return changed

class Hidden:
    def __init__(self, name, kind, original):
        self.name, self.kind, self.original = name, kind, original
    def __get__(self, owner, of):
        if is_ours():
            return instead(self.name, self.kind)
        if owner is not None and self.name in vars(owner):
            return vars(owner)[self.name]
        found = self.original
        return found.__get__(owner, of) if hasattr(found, "__get__") else found
    def __set__(self, owner, value):
        vars(owner)[self.name] = value

def hide(module, of, name, kind):
    module = importlib.import_module(module)
    if of:
        owner = getattr(module, of)
        setattr(owner, name, Hidden(name, kind, vars(owner).get(name)))
        return
    class Partial(types.ModuleType):
        def __getattribute__(self, asked):
            if asked == name and is_ours():
                return instead(name, kind)
            return super().__getattribute__(asked)
    module.__class__ = Partial

hide({module!r}, {of!r}, {name!r}, {kind!r})
import wandb
"""

BODY = """
provider, exporter = set_up(project="ours")
ask("one")
provider.force_flush()
assert exporter.force_flush(20_000)
provider.shutdown()
OpenAIInstrumentor().uninstrument()

run = wandb.init(project="theirs")
provider, exporter = set_up(run=run)
ask("two")
provider.force_flush()
assert exporter.force_flush(20_000)
ask("three")
provider.shutdown()
run.finish()
print("the end")
"""

PARTS = [
    ("wandb.sdk.wandb_run", "", "TeardownHook"),
    ("wandb.sdk.wandb_setup", "", "singleton"),
    ("wandb.sdk.wandb_setup", "_WandbSetup", "remove_active_run"),
    ("wandb.sdk.wandb_setup", "_WandbSetup", "assert_service"),
    ("wandb.sdk.wandb_setup", "_WandbSetup", "asyncer"),
    ("wandb.sdk.wandb_setup", "_WandbSetup", "most_recent_active_run"),
    ("wandb.sdk.wandb_setup", "_WandbSetup", "_connection"),
    ("wandb.sdk.wandb_run", "Run", "_assert_can_log_artifact"),
    ("wandb.sdk.wandb_run", "Run", "_is_finished"),
    ("wandb.sdk.wandb_run", "Run", "_init_pid"),
    ("wandb.sdk.data_types.table", "Table", "_to_table_json"),
    ("wandb.sdk.artifacts.artifact", "Artifact", "_add_local_file"),
    ("wandb.util", "", "json_dumps_safer_history"),
    ("wandb.sdk.data_types.utils", "", "history_dict_to_json"),
    ("wandb.sdk.interface.interface_shared", "InterfaceShared", "_publish_history"),
    ("wandb.sdk.lib.wbauth", "", "authenticate_session"),
]
CALLED_THROUGH_US = {("_add_local_file", "raising")}
SECONDS = 40  # of a machine that does much else; wandb's own wait for a process that does not end has no bound

# What wandb calls through us raises for wandb, too.
CASES = [(*part, kind) for part in PARTS for kind in ("gone", "raising") if (part[2], kind) not in CALLED_THROUGH_US]


@pytest.mark.parametrize(("module", "of", "name", "kind"), CASES, ids=[f"{name}-{kind}" for *_, name, kind in CASES])
def test_traces_and_tables_arrive_without_it(
    tmp_path: Path, server: OpenAIServer, module: str, of: str, name: str, kind: str
) -> None:
    hide = HIDE
    for field, value in {"module": module, "of": of, "name": name, "kind": kind}.items():
        hide = hide.replace(f"{{{field}!r}}", repr(value))
    started = monotonic()
    done = program(tmp_path, server, hide + BODY)
    assert monotonic() - started < SECONDS
    assert (done.returncode, done.stdout) == (0, "the end\n"), done.stderr
    assert asked(done) == ["**user**: one", "**user**: three", "**user**: two"], done.stderr
    assert {run.project: len(traces(run)) for run in done.runs} == {"ours": 1, "theirs": 2}, done.stderr
    said = [line for line in done.stderr.splitlines() if "lacks what" in line]
    assert len(said) == len(set(said))
    assert all(line.startswith("INFO ") for line in said)


def test_a_comfort_that_is_missing_is_said_once(tmp_path: Path, server: OpenAIServer) -> None:
    hide = HIDE
    part = {"module": "wandb.sdk.wandb_setup", "of": "_WandbSetup", "name": "remove_active_run", "kind": "gone"}
    for field, value in part.items():
        hide = hide.replace(f"{{{field}!r}}", repr(value))
    done = program(tmp_path, server, hide + BODY)
    (line,) = [line for line in done.stderr.splitlines() if "lacks what" in line]
    assert "keeping our run out of wandb's active runs" in line


def test_the_json_of_our_tables_is_what_wandb_writes_itself() -> None:
    tables = [
        wandb.Table(
            columns=["text", "number", "flag", "time"],
            dtype=[str, float, bool, datetime],
            optional=True,
            log_mode="INCREMENTAL",
        )
        for _ in range(2)
    ]
    time = datetime(2026, 11, 26, 3, 4, 5, 678_901, tzinfo=timezone.utc)
    for table in tables:
        table.add_data("\ud800é\x00", 1.5, True, time)
        table.add_data(None, None, None, None)
    theirs, ours = tables
    write_cells_as_they_are(ours)
    artifact = wandb.Artifact("tables", "run_table")
    assert ours.to_json(artifact) == theirs.to_json(artifact)
    assert ours.to_json(artifact)["data"][0][3] == int(time.timestamp() * 1000)


MEDIA = """
import json
from datetime import datetime, timezone
from pathlib import Path
import wandb
from otel_wandb._runs.private.tables import write_media_as_it_is
run = wandb.init(project="p")
time = datetime(2026, 11, 26, 3, 4, 5, 678_901, tzinfo=timezone.utc)
for name in ("theirs", "ours"):
    table = wandb.Table(
        columns=["text", "number", "flag", "time"], dtype=[str, float, bool, datetime], optional=True,
        log_mode="INCREMENTAL",
    )
    if name == "ours":
        write_media_as_it_is(table)
    for number in range(2):
        table.add_data(f"é{number}", 1.5, True, time)
        table.add_data(None, None, None, None)
        run.log({name: table})
run.finish()
"""


def test_the_media_file_of_our_tables_is_what_wandb_writes_itself(tmp_path: Path) -> None:
    done = run_program(tmp_path, MEDIA, env={"WANDB_MODE": "offline"})
    assert done.returncode == 0, done.stderr
    (directory,) = tmp_path.glob("wandb/offline-run-*/files/media/table")

    def written(name: str) -> list[object]:
        files = sorted(directory.glob(f"{name}_*"), key=lambda path: int(path.name.split("_")[1]))
        return [json.loads(path.read_text()) for path in files]

    assert len(written("theirs")) == 2
    assert written("ours") == written("theirs")
