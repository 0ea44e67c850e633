"""uvicorn: one process, several, and one that is reloaded."""

import signal
import sys
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Final

import pytest

from tests.exporter.programs import SETUP
from tests.servers.serving import ASK, SET_UP, Server, ask_two_workers, assert_told_once, serving
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import until

APP: Final = (
    ASK
    + """
VERSION = b"one"
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    path = scope["path"].strip("/")
    answer = VERSION
    if path != "version":
        await openai.ChatCompletion.acreate(**question(path))
        answer = b"%d" % os.getpid()
    head = [(b"content-length", b"%d" % len(answer)), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": answer})
"""
)
SERVE: Final = """
import uvicorn
if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), lifespan="off")
"""
UVICORN: Final = ["-m", "uvicorn", "service:app", "--port", "{port}", "--lifespan", "off"]
EARLY: Final = ["service.py", "{port}"]
AUTO: Final = """
from opentelemetry.instrumentation.auto_instrumentation import initialize
initialize()
import os, openai
"""
NO_CODE: Final = "import os, openai\n"
LAUNCHED: Final = [str(Path(sys.executable).with_name("opentelemetry-instrument")), *UVICORN[1:]]
AUTO_ENV: Final = {
    "OTEL_SERVICE_NAME": "shop",
    "OTEL_TRACES_EXPORTER": "wandb",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "requests,aiohttp-client",
}
ASKED: Final = [str(number) for number in range(10)]


@pytest.mark.parametrize(
    ("source", "command"),
    [(SETUP + SET_UP + APP + SERVE, EARLY), (SETUP + SET_UP + APP, UVICORN)],
    ids=["exporter before uvicorn", "uvicorn before exporter"],
)
def test_one_process(tmp_path: Path, server: OpenAIServer, source: str, command: Sequence[str]) -> None:
    with serving(tmp_path, server, source, command) as service:
        for number in ASKED:
            service.get(number)
        done = service.stop()
    assert_told_once(done, ASKED)
    assert done.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM)


@pytest.mark.parametrize(
    ("source", "command"),
    [(SETUP + SET_UP + APP, UVICORN), (AUTO + APP, UVICORN), (NO_CODE + APP, LAUNCHED)],
    ids=["by hand", "auto-instrumentation", "opentelemetry-instrument"],
)
def test_workers(tmp_path: Path, server: OpenAIServer, source: str, command: Sequence[str]) -> None:
    command = [*command, "--workers", "2", "--timeout-worker-healthcheck", "60"]
    with serving(tmp_path, server, source, command, AUTO_ENV) as service:
        ask_two_workers(service, ASKED)
        done = service.stop()
    assert_told_once(done, ASKED)
    assert done.returncode == 0


@pytest.mark.parametrize("source", [SETUP + SET_UP + APP, AUTO + APP], ids=["by hand", "auto-instrumentation"])
def test_a_reload_loses_nothing(tmp_path: Path, server: OpenAIServer, source: str) -> None:
    with serving(tmp_path, server, source, [*UVICORN, "--reload"], AUTO_ENV) as service:
        for number in ASKED[:5]:
            service.get(number)
        # Of another length too: Python would take what it compiled in the same second for the same source.
        (tmp_path / "service.py").write_text(source.replace('b"one"', 'b"second"'))
        until(lambda: _version(service) == "second", 30)
        for number in ASKED[5:]:
            service.get(number)
        done = service.stop()
    assert_told_once(done, ASKED)
    assert len(done.runs) == 2


def _version(service: Server) -> str:
    """What answers; nothing while one process takes over from another."""
    try:
        return service.get("version")
    except (OSError, HTTPException):
        return ""
