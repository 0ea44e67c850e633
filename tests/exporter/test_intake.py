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
from tests.support.program import CHECKOUT, environment
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
