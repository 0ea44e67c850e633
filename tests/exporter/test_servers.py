"""Servers that are told to stop: how many traces of theirs arrive."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import pytest

from tests.exporter.programs import SETUP, asked, assert_all_accounted_for, settings
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, environment
from tests.support.waiting import until

ASGI: Final = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        text = scope["path"].strip("/")
        await openai.ChatCompletion.acreate(model="gpt-3.5-turbo", messages=[{"role": "user", "content": text}])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
"""
WSGI: Final = """
def app(environ, start_response):
    ask(environ["PATH_INFO"].strip("/"))
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
SET_UP: Final = "set_up()\n"
SERVE: Final = """
import uvicorn
if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), lifespan="off")
"""


@contextmanager
def serving(
    tmp_path: Path, server: OpenAIServer, source: str, command: Sequence[str]
) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A server, once it answers, and its address."""
    (tmp_path / "service.py").write_text(SETUP + source)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = environment(tmp_path, settings(server))
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            [word.format(port=port) for word in command], cwd=tmp_path, env=env, stdout=log, stderr=log
        ) as process,
    ):
        try:
            until(lambda: _answers(port) or process.poll() is not None, 30)
            assert process.poll() is None, (tmp_path / "log").read_text()
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def ended(tmp_path: Path, process: "subprocess.Popen[bytes]", number: signal.Signals) -> Finished:
    process.send_signal(number)
    return Finished(process.wait(30), "", (tmp_path / "log").read_text(), tmp_path)


UVICORN: Final = [sys.executable, "-m", "uvicorn", "service:app", "--port", "{port}", "--lifespan", "off"]
EARLY: Final = [sys.executable, "service.py", "{port}"]


@pytest.mark.parametrize(
    ("source", "command"),
    [(SET_UP + ASGI + SERVE, EARLY), (SET_UP + ASGI, UVICORN)],
    ids=["exporter before uvicorn", "uvicorn before exporter"],
)
def test_uvicorn(tmp_path: Path, server: OpenAIServer, source: str, command: Sequence[str]) -> None:
    with serving(tmp_path, server, source, command) as (process, address):
        for number in range(10):
            urlopen(f"{address}/{number}").read()
        done = ended(tmp_path, process, signal.SIGTERM)
    assert asked(done) == [f"**user**: {number}" for number in range(10)], done.stderr
    assert done.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM)
    assert_all_accounted_for(done.runs)


@pytest.mark.parametrize("options", [(), ("--preload",), ("--worker-class", "gthread", "--threads", "2")], ids=str)
def test_gunicorn(tmp_path: Path, server: OpenAIServer, options: Sequence[str]) -> None:
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "service:app",
        "--bind",
        "127.0.0.1:{port}",
        "--workers",
        "2",
        *options,
    ]
    with serving(tmp_path, server, SET_UP + WSGI, command) as (process, address):
        for number in range(10):
            urlopen(f"{address}/{number}").read()
        done = ended(tmp_path, process, signal.SIGTERM)
    assert asked(done) == [f"**user**: {number}" for number in range(10)], done.stderr
    assert done.returncode == 0
    for run in done.runs:
        assert run.exit_code == 0
        assert_all_accounted_for([run])
