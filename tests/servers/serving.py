"""Starts servers as their users do, and reads what every process of theirs wrote.

What a server is asked ends in the id of the process that takes it, for the runs to be compared with.
"""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from tests.exporter.programs import assert_all_accounted_for, settings
from tests.support.openai_server import OpenAIServer
from tests.support.processes import session_of
from tests.support.program import Finished, environment
from tests.support.run_file import RunFile, stats_rows
from tests.support.waiting import until

STOP_SECONDS: Final = 30  # a stop takes two or three where nothing else runs
START_SECONDS: Final = 60
_ASKED: Final = re.compile(r"\*\*user\*\*: (.+) in (\d+)")

ASK: Final = """
def question(text):
    return {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": f"{text} in {os.getpid()}"}]}
"""
SET_UP: Final = "set_up()\n"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was started, and the address that it answers at."""

    process: "subprocess.Popen[bytes]"
    address: str
    directory: Path

    def get(self, path: object) -> str:
        """The answer to a request."""
        with urlopen(f"{self.address}/{path}", timeout=START_SECONDS) as answer:
            return str(answer.read().decode())

    def stop(self) -> Finished:
        """Stop it as its supervisor would, and wait for it and for everything that it started."""
        return stopped(self.process, self.directory)


def ask_two_workers(server: Server, texts: Sequence[str]) -> None:
    """Ask for these, with a part of them answered by another worker: the one that answers first is held meanwhile."""
    half = len(texts) // 2
    answered = {int(server.get(text)) for text in texts[:half]}
    with _held(*answered) if len(answered) == 1 else nullcontext():
        answered |= {int(server.get(text)) for text in texts[half:]}
    assert len(answered) == 2


@contextmanager
def _held(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def free_port() -> int:
    """A port that nobody listened at a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(
    directory: Path, openai: OpenAIServer, command: Sequence[str], env: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A command in a session of its own, of which nothing is left over afterwards; its output goes to `log`."""
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, *command],
            cwd=directory,
            env=environment(directory, {**settings(openai), **(env or {})}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            kill_session(process)


@contextmanager
def serving(
    directory: Path,
    openai: OpenAIServer,
    source: str,
    command: Sequence[str],
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server of `service.py`, once it answers; `{port}` in the command is the port that it is to listen at."""
    (directory / "service.py").write_text(source)
    port = free_port()
    with started(directory, openai, [word.format(port=port) for word in command], env) as process:
        until(lambda: _listens(port) or process.poll() is not None, START_SECONDS)
        assert process.poll() is None, log_of(directory)
        yield Server(process, f"http://127.0.0.1:{port}", directory)


def stopped(process: "subprocess.Popen[bytes]", directory: Path) -> Finished:
    """Send a SIGTERM, and wait until the process and all of its session are gone."""
    process.terminate()
    process.wait(STOP_SECONDS)
    until(lambda: not session_of(process.pid), STOP_SECONDS)
    return Finished(process.returncode, "", log_of(directory), directory)


def log_of(directory: Path) -> str:
    """What a command that was started printed."""
    return (directory / "log").read_text()


def told(run: RunFile) -> list[tuple[str, int]]:
    """What was asked, and by which process, as a run tells it."""
    found = [_ASKED.fullmatch(str(row["request"])) for row in stats_rows(run)]
    return [(match[1], int(match[2])) for match in found if match is not None]


def assert_told_once(done: Finished, expected: Sequence[str]) -> None:
    """Each question is in one run, that of the process which asked, complete, and in the group of the service."""
    runs = done.runs
    assert sorted(text for run in runs for text, _ in told(run)) == sorted(expected), done.stderr
    for run in runs:
        assert {f"shop traces {pid}" for _, pid in told(run)} == {run.display_name}
        assert (run.group, run.exit_code) == ("shop", 0)
        assert_all_accounted_for([run])
    assert len({run.display_name for run in runs}) == len(runs)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def kill_session(leader: "subprocess.Popen[Any]") -> None:
    """Leave nothing over."""
    for pid in session_of(leader.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
