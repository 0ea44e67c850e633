"""`autolog` at a terminal, where wandb may ask for a key."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.openai_server import OpenAIServer
from tests.support.program import environment

SOURCE = """
import openai
from otel_openai_wandb import autolog
autolog({arguments})
openai.ChatCompletion.create(model="m", messages=[{{"role": "user", "content": "hi"}}])
autolog.disable()
print("== done")
"""
QUESTION = "Enter your choice"


def shown(directory: Path, server: OpenAIServer, arguments: str, env: Mapping[str, str]) -> str:
    """What a person sees, up to the question or to the end."""
    terminal, ours = pty.openpty()
    more = {"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-test", **env}
    with subprocess.Popen(
        [sys.executable, "-c", SOURCE.format(arguments=arguments)],
        stdin=ours,
        stdout=ours,
        stderr=ours,
        cwd=directory,
        env=environment(directory, more),
        start_new_session=True,
    ) as program:
        os.close(ours)
        text = ""
        while QUESTION not in text and "== done" not in text:
            try:
                text += os.read(terminal, 4096).decode(errors="replace")
            except OSError:  # the program has ended
                break
        program.kill()
    os.close(terminal)
    return text


def test_without_a_key_wandb_asks_for_one(tmp_path: Path, server: OpenAIServer) -> None:
    assert QUESTION in shown(tmp_path, server, "{'project': 'p'}", {})


@pytest.mark.parametrize(
    ("arguments", "env"), [("{'project': 'p'}", {"WANDB_MODE": "offline"}), ("{'mode': 'offline'}", {})]
)
def test_offline_nobody_is_asked(tmp_path: Path, server: OpenAIServer, arguments: str, env: dict[str, str]) -> None:
    text = shown(tmp_path, server, arguments, env)
    assert "== done" in text
    assert QUESTION not in text
