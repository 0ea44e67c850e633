"""Functions that a platform freezes once they have answered, or ends: what they flush is written by then."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.exporter.programs import SETUP, settings
from tests.servers.serving import ASK, STOP_SECONDS, assert_told_once, kill_session, log_of, told
from tests.support.openai_server import OpenAIServer
from tests.support.processes import session_of
from tests.support.program import Finished, environment
from tests.support.run_file import find_runs, read_run
from tests.support.waiting import until

FUNCTION: Final = (
    SETUP
    + ASK
    + """
provider, exporter = set_up()
for event in sys.stdin:
    openai.ChatCompletion.create(**question(event.strip()))
    FLUSH
    print("answered", flush=True)
"""
)
FLUSH: Final = "assert provider.force_flush() and exporter.force_flush()"
ASKED: Final = [str(number) for number in range(5)]


def test_a_function_that_is_frozen_between_its_calls(tmp_path: Path, server: OpenAIServer) -> None:
    """Once it has run on for a second more, the time after which wandb writes to its file, it may be killed."""
    with function(tmp_path, server, FLUSH) as process:
        for event in ASKED:
            os.killpg(process.pid, signal.SIGCONT)
            call(process, event)
            os.killpg(process.pid, signal.SIGSTOP)
        os.killpg(process.pid, signal.SIGCONT)
        until(lambda: written(tmp_path) == ASKED, STOP_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
        done = ended(process, tmp_path)
    assert [text for text, _ in told(done.run)] == ASKED, done.stderr


def test_a_process_for_each_call(tmp_path: Path, server: OpenAIServer) -> None:
    """Shutting the provider down closes the run: it is complete whatever becomes of the process."""
    with function(tmp_path, server, "provider.shutdown()") as process:
        call(process, "one")
        process.kill()
        done = ended(process, tmp_path)
    assert_told_once(done, ["one"])


@contextmanager
def function(directory: Path, openai: OpenAIServer, flush: str) -> Iterator["subprocess.Popen[str]"]:
    """A function that answers events, each after a flush."""
    script = directory / "function.py"
    script.write_text(FUNCTION.replace("FLUSH", flush))
    with (
        (directory / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, str(script)],
            cwd=directory,
            env=environment(directory, settings(openai)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            kill_session(process)


def call(process: "subprocess.Popen[str]", event: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{event}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "answered\n"


def ended(process: "subprocess.Popen[str]", directory: Path) -> Finished:
    """What is there when the function and what it started are gone."""
    process.communicate(timeout=STOP_SECONDS)
    until(lambda: not session_of(process.pid), STOP_SECONDS)
    return Finished(process.returncode, "", log_of(directory), directory)


def written(directory: Path) -> list[str]:
    """What a run that is being written has in its file."""
    (path,) = find_runs(directory)
    run = read_run(path)
    return [text for text, _ in told(run)] if "stats" in run.tables else []
