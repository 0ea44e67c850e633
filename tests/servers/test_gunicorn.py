"""gunicorn with each class of workers that people use."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.exporter.programs import SETUP
from tests.servers.serving import ASK, SET_UP, ask_two_workers, assert_told_once, serving
from tests.servers.test_uvicorn import APP as ASGI
from tests.support.openai_server import OpenAIServer

WSGI: Final = (
    ASK
    + """
def app(environ, start_response):
    openai.ChatCompletion.create(**question(environ["PATH_INFO"].strip("/")))
    answer = b"%d" % os.getpid()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
"""
)
GUNICORN: Final = ["-m", "gunicorn", "service:app", "--bind", "127.0.0.1:{port}", "--workers", "2", "--timeout", "120"]
ASKED: Final = [str(number) for number in range(10)]


@pytest.mark.parametrize(
    ("app", "options"),
    [
        (WSGI, ("sync",)),
        (WSGI, ("sync", "--preload")),
        (WSGI, ("gthread", "--threads", "2")),
        (WSGI, ("gthread", "--threads", "2", "--preload")),
        (WSGI, ("gevent",)),
        (WSGI, ("gevent", "--preload")),
        (ASGI, ("uvicorn.workers.UvicornWorker",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_workers(tmp_path: Path, server: OpenAIServer, app: str, options: Sequence[str]) -> None:
    command = [*GUNICORN, "--worker-class", *options]
    with serving(tmp_path, server, SETUP + SET_UP + app, command) as service:
        ask_two_workers(service, ASKED)
        done = service.stop()
    assert_told_once(done, ASKED)
    assert done.returncode == 0
