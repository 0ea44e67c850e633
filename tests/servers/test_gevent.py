"""gevent in a program of the user's own: threads, ours and wandb's, are greenlets then."""

import signal
from pathlib import Path
from typing import Final

from tests.exporter.programs import SETUP
from tests.servers.serving import ASK, SET_UP, START_SECONDS, assert_told_once, log_of, started, stopped
from tests.support.openai_server import OpenAIServer
from tests.support.waiting import until

SOURCE: Final = f"from gevent import monkey\nmonkey.patch_all()\n{SETUP}{ASK}{SET_UP}"
ASKED: Final = [str(number) for number in range(10)]
CALLS: Final = """
import gevent
def call(text):
    openai.ChatCompletion.create(**question(text))
gevent.joinall([gevent.spawn(call, str(number)) for number in range(10)], raise_error=True)
print("all answered", flush=True)
"""
WAIT: Final = """
import gevent.event
gevent.event.Event().wait(60)
"""


def test_the_end_of_a_program(tmp_path: Path, server: OpenAIServer) -> None:
    (tmp_path / "service.py").write_text(SOURCE + CALLS)
    with started(tmp_path, server, ["service.py"]) as process:
        assert process.wait(START_SECONDS) == 0, log_of(tmp_path)
        done = stopped(process, tmp_path)
    assert_told_once(done, ASKED)


def test_a_termination(tmp_path: Path, server: OpenAIServer) -> None:
    (tmp_path / "service.py").write_text(SOURCE + CALLS + WAIT)
    with started(tmp_path, server, ["service.py"]) as process:
        until(lambda: "all answered" in log_of(tmp_path), START_SECONDS)
        done = stopped(process, tmp_path)
    assert_told_once(done, ASKED)
    assert done.returncode == -signal.SIGTERM
