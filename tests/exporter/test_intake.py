"""What is sent until it is settled is in the runs once, whoever is killed when."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import psutil
import pytest

from otel_wandb._journal.reader import read_journal
from tests.exporter.intake_program import trace_id
from tests.support.journals import run_directories
from tests.support.program import CHECKOUT, environment, run_program
from tests.support.run_file import RunFile, find_runs, read_run, stats_rows
from tests.support.waiting import until
from tests.support.wandb_server import API_KEY, IMPATIENT, WandbServer

TRACES = 400


@contextmanager
def sending(directory: Path, traces: int = TRACES, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The program of `intake_program`; its service process goes with it."""
    program = CHECKOUT / "tests/exporter/intake_program.py"
    env = environment(directory, {"WANDB_MODE": "offline", **more})
    with subprocess.Popen([sys.executable, program, str(directory), str(traces)], env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def settled(directory: Path) -> int:
    """How many positions were settled."""
    file = directory / "settled"
    return file.read_text().count("\n") if file.exists() else 0


def wait_for(directory: Path, positions: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until as many are settled, and somebody writes."""
    until(lambda: settled(directory) >= positions and bool(services(process)), seconds=60)


def services(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """wandb's service processes that a program has started."""
    return [child for child in psutil.Process(process.pid).children(recursive=True) if "wandb-core" in child.name()]


def kill(process: "subprocess.Popen[bytes]", victim: str) -> None:
    """Send SIGKILL to the program, to wandb's service process, or both."""
    found = services(process)
    if victim != "service":
        os.kill(process.pid, signal.SIGKILL)
    if victim != "process":
        for service in found:
            service.kill()


def check(directory: Path, traces: int = TRACES) -> None:
    """Each trace is in the runs once."""
    check_runs([read_run(path) for path in find_runs(directory)], traces)


def check_runs(runs: Iterable[RunFile], traces: int) -> None:
    """Each trace is there once: its timeline, the rows of its calls, and its row of `traces`."""
    timelines, calls, rows = Counter[str](), Counter[str](), Counter[str]()
    for run in runs:
        timelines.update(str(row["trace_id"]) for row in run.history if "trace_id" in row)
        for key in run.tables:
            for row in stats_rows(run, key):
                (calls if key.startswith("stats") else rows).update([str(row["trace_id"])])
    expected = [trace_id(number) for number in range(traces)]
    assert timelines == Counter(expected)
    assert calls == Counter(expected * 2)
    assert rows == Counter(expected)


@pytest.mark.parametrize("victim", ["process", "service", "both"])
def test_nothing_is_lost_or_written_twice_however_often_somebody_is_killed(tmp_path: Path, victim: str) -> None:
    random = Random(victim)
    for _ in range(7):
        with sending(tmp_path) as process:
            enough = settled(tmp_path) + random.randrange(60)
            wait_for(tmp_path, enough, process)
            kill(process, victim)
            if victim == "service":  # the program goes on by itself
                wait_for(tmp_path, enough + 40, process)
    with sending(tmp_path) as process:
        assert process.wait(timeout=120) == 0
    check(tmp_path)


def test_log_records_that_come_after_their_spans_are_read(tmp_path: Path) -> None:
    with sending(tmp_path, 20) as process:
        assert process.wait(timeout=60) == 0
    check(tmp_path, 20)
    (run,) = find_runs(tmp_path)
    asked = Counter(str(row["request"]) for row in stats_rows(read_run(run)) if row["request"])
    assert asked == {f"**user**: question {number}": 1 if number % 2 else 2 for number in range(20)}
    records = [record for record in read_journal(run.parent) if record["record"] == "trace"]
    assert len(records) == 20


def test_runs_are_deleted_when_they_are_at_wandb_and_their_project_has_a_key_of_its_own(tmp_path: Path) -> None:
    with WandbServer() as server:
        online = {**server.environment, **IMPATIENT, "WANDB_MODE": "online", "UNTIL_UPLOADED": "yes"}
        with sending(tmp_path, 250, **{**online, "KEY": API_KEY, "WANDB_API_KEY": ""}) as process:
            assert process.wait(timeout=120) == 0
        assert len(server.runs) == 3
        check_runs(server.runs.values(), 250)
    assert len(list(tmp_path.glob("wandb/run-*"))) == 1  # the one that was open, closed with the program


def test_what_a_killed_process_left_is_uploaded_by_the_next(tmp_path: Path) -> None:
    with WandbServer() as server:
        online = {**server.environment, **IMPATIENT, "WANDB_MODE": "online"}
        with sending(tmp_path, 200, **online) as process:
            wait_for(tmp_path, 60, process)
            kill(process, "both")
        with sending(tmp_path, 200, UNTIL_UPLOADED="yes", **online) as process:
            assert process.wait(timeout=120) == 0
        check_runs(server.runs.values(), 200)
    assert len(list(tmp_path.glob("wandb/run-*"))) == 1


FAULTY = """
import sys, threading
from otel_wandb._intake import Intake, IntakeOptions
from otel_wandb._runs import run as runs
from otel_wandb._settings import Settings
from otel_wandb._spans.span import Position
from tests.exporter.intake_program import spans
from tests.support.waiting import until

settled = []
def make(**more):
    mode = more.pop("mode", None)
    settings = Settings(quiet=0.1, table_interval=0.2, **more)
    options = IntakeOptions("runs", "w", "p", mode=mode, settings=settings)
    return Intake(options, lambda found: settled.extend(position.number for position in found))
def send(intake, numbers):
    for number in numbers:
        until(lambda: intake.submit(Position(0, number), spans(number)), 30)
def summary(intake):
    return {name.removeprefix("otel/"): count for name, count in intake.health.summary().items()}
"""


def faulty(tmp_path: Path, body: str) -> str:
    """What a program with an intake prints."""
    done = run_program(tmp_path, FAULTY + body, env={"WANDB_MODE": "offline", "WANDB_SILENT": "true"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_full_disk_holds_traces_up_until_there_is_room(tmp_path: Path) -> None:
    body = """
import otel_wandb._pipeline as pipeline
pipeline._RETRY_SECONDS = 0.3
room, runs._LEAST_SPACE = runs._LEAST_SPACE, 1 << 62
intake = make()
send(intake, range(5))
until(lambda: intake.is_held_up, 30)
print(settled, intake.broken, intake.submit(Position(0, 5), spans(5)), summary(intake))
runs._LEAST_SPACE = room
send(intake, range(5, 10))
until(lambda: len(settled) == 10, 30)
print(sorted(settled), summary(intake), intake.close(30), intake.open_positions)
"""
    refused, taken = faulty(tmp_path, body).splitlines()
    assert refused == "[] None False {'received': 15, 'logged': 0}"
    assert taken == f"{[*range(10)]} {{'received': 30, 'logged': 30}} True 0"
    check(tmp_path, 10)


def test_a_service_process_that_stands_still_writes_nothing_later(tmp_path: Path) -> None:
    body = """
import psutil
from otel_wandb._delivery import proof
proof._LONGEST_WAIT = 1.0
intake = make()
send(intake, [0])
until(lambda: settled == [0], 30)
(core,) = psutil.Process().children()
core.suspend()
send(intake, [1])
until(lambda: intake.broken, 30)
print(intake.broken)
intake.abandon()
again = make()
send(again, [1])
until(lambda: settled == [0, 1], 30)
print(again.close(30), psutil.pid_exists(core.pid))
"""
    assert faulty(tmp_path, body) == "wandb's service process does not write rows to the file of the run\nTrue False\n"
    check(tmp_path, 2)


def test_a_trace_that_was_half_written_waits_for_a_run(tmp_path: Path) -> None:
    """Its timeline was written before a kill; the rows of tables follow when a run can be opened."""
    begun = """
import os, signal
from otel_wandb._delivery.run_log import RunLog
intake = make()
intake._sink._tables.add = lambda *_: None
send(intake, [0])
until(lambda: intake._sink.runs and RunLog(intake._sink.runs[0].log_file).count() == 1, 30)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run_program(tmp_path, FAULTY + begun, env={"WANDB_MODE": "offline"}).returncode == -9
    body = """
import otel_wandb._intake as module
import otel_wandb._pipeline as pipeline
from otel_wandb._runs import destination
destination._RETRY_SECONDS = pipeline._RETRY_SECONDS = 0.2
open_run = module.open_run
def refuse(*_):
    refused.append(1)
    raise OSError("no space")
refused, module.open_run = [], refuse
intake = make()
send(intake, [0])
until(lambda: len(refused) > 1, 30)
print(settled)
module.open_run = open_run
until(lambda: settled == [0], 30)
print(intake.close(30), summary(intake))
"""
    assert faulty(tmp_path, body) == "[]\nTrue {'received': 3, 'logged': 3}\n"
    check(tmp_path, 1)


def test_calls_and_a_root_that_comes_after_a_kill_are_one_row(tmp_path: Path) -> None:
    """The calls were written, and wait for their root to make the row of `traces`: their sender keeps them so long."""
    begun = """
import os, signal
from otel_wandb._delivery.run_log import RunLog
intake = make(idle=2)
intake.submit(Position(0, 0), spans(0)[:2])
until(lambda: intake._sink.runs and RunLog(intake._sink.runs[0].log_file).count() == 2, 30)
print(settled, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = run_program(tmp_path, FAULTY + begun, env={"WANDB_MODE": "offline"})
    assert (killed.returncode, killed.stdout) == (-9, "[]\n"), killed.stderr
    body = """
intake = make(idle=2)
intake.submit(Position(0, 0), spans(0)[:2])
intake.submit(Position(0, 1), spans(0)[2:])
until(lambda: len(settled) == 2, 30)
print(intake.close(30), summary(intake))
"""
    assert faulty(tmp_path, body) == "True {'received': 3, 'logged': 3}\n"
    runs = [read_run(path) for path in find_runs(tmp_path)]
    rows = {
        key: [row for run in runs if key in run.tables for row in stats_rows(run, key)] for key in ("stats", "traces")
    }
    assert len(rows["stats"]) == 2
    (row,) = rows["traces"]
    assert (row["name"], row["calls"], row["spans"]) == ("handle", 2.0, 3.0)


def test_calls_whose_root_does_not_come_are_settled(tmp_path: Path) -> None:
    body = """
intake = make(idle=0.3)
intake.submit(Position(0, 0), spans(0)[:2])
until(lambda: settled == [0], 30)
print(intake.close(30))
"""
    assert faulty(tmp_path, body) == "True\n"


def test_log_records_whose_spans_do_not_come_are_bounded_and_settled(tmp_path: Path) -> None:
    body = """
from otel_wandb._delivery.records import EventOfSpan
from otel_wandb._spans.span import EventRecord
intake = make(max_age=1.0)
intake._source._most_bytes = 50_000
def events(number):
    event = EventRecord("gen_ai.user.message", 1, {}, {"content": "x" * 1_000})
    return [EventOfSpan(f"{number:032x}", f"{n:016x}", event) for n in range(10)]
for number in range(1, 11):
    intake.submit(Position(0, number), (), events(number))
print(settled, intake.health.summary()["otel/logs_dropped_queue_full"])
until(lambda: len(settled) == 10, 30)
print(intake.close(30), summary(intake)["logs_dropped_no_span"], intake._source._bytes)
"""
    first, second = faulty(tmp_path, body).splitlines()
    held, dropped = first.rsplit(" ", 1)
    assert held == "[1, 2, 3, 4, 5, 6, 7]"
    assert second == f"True {100 - int(dropped)} 0"


def test_a_resource_may_have_any_key(tmp_path: Path) -> None:
    body = """
from dataclasses import replace
intake = make()
intake.submit(Position(0, 0), [replace(span, resource={"a\\ud800": "b"}) for span in spans(0)])
until(lambda: settled == [0], 30)
print(intake.close(30))
"""
    assert faulty(tmp_path, body) == "True\n"
    (run,) = run_directories(tmp_path)
    assert [record["record"] for record in read_journal(run)][:1] == ["run"]


def test_what_is_not_wanted_or_comes_twice_is_settled_too(tmp_path: Path) -> None:
    body = """
intake = make(keep=lambda span: span.trace_id != spans(1)[0].trace_id)
send(intake, range(3))
until(lambda: len(settled) == 3, 30)
intake.submit(Position(0, 7), spans(0))
intake.submit(Position(0, 8), ())
until(lambda: len(settled) == 5, 30)
print(sorted(settled), summary(intake), intake.close(30))
"""
    assert faulty(tmp_path, body) == (
        "[0, 1, 2, 7, 8] {'received': 12, 'logged': 6, 'trimmed': 3, 'duplicates': 3} True\n"
    )


def test_where_wandb_is_disabled_nothing_is_kept_and_nothing_waits(tmp_path: Path) -> None:
    body = """
intake = make(mode="disabled")
send(intake, range(3))
until(lambda: len(settled) == 3, 30)
print(summary(intake), intake.close(30))
"""
    assert faulty(tmp_path, body) == "{'received': 9, 'logged': 0, 'trimmed': 9} True\n"


def test_a_trace_that_is_not_finished_stays_open_at_the_end(tmp_path: Path) -> None:
    body = """
intake = make()
intake.submit(Position(0, 1), spans(1)[:2])
send(intake, [2])
until(lambda: settled == [2], 30)
print(intake.close(30), settled, intake.open_positions)
again = make()
again.submit(Position(0, 1), spans(1))
until(lambda: settled == [2, 1], 30)
print(again.close(30))
"""
    assert faulty(tmp_path, body) == "True [2] 1\nTrue\n"


def test_a_run_that_is_damaged_is_named_before_anything_is_written(tmp_path: Path) -> None:
    body = """
from pathlib import Path
from otel_wandb._delivery.run_log import UnreadableError
intake = make()
send(intake, range(3))
until(lambda: len(settled) == 3, 30)
intake.close(30)
(file,) = Path("runs").rglob("*.wandb")
content = bytearray(file.read_bytes())
content[300] ^= 255
file.write_bytes(content)
try:
    make()
except UnreadableError as error:
    print(str(error).replace(str(file), "FILE"))
"""
    assert faulty(tmp_path, body) == "FILE: a part of it is damaged\n"


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    body = """
try:
    make()
except OSError as error:
    print(type(error).__name__)
"""
    assert faulty(tmp_path, body) == "FileExistsError\n"
