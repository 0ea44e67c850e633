"""`openai-wandb show` as a user runs it."""

import gzip
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_openai_wandb._reading.tree import trace_tree
from otel_openai_wandb._reading.visible import visible
from otel_wandb._journal.schema import Span
from tests.exporter.programs import SETUP, settings
from tests.support.journals import made_span, made_trace, records_below, run_directories, traces_in
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_command, run_program

COMMAND = str(Path(sys.executable).with_name("openai-wandb"))
HOSTILE = "hi\n\n**assistant**: sure \x1b[31mred\x1b[0m \u202egnp.exe \x00 \ud800"
PROGRAM = f"""
provider, exporter = set_up(SimpleSpanProcessor)
with provider.get_tracer("shop").start_as_current_span("POST /answer \\x1b[2J"):
    ask({HOSTILE!r})
    ask("two", functions=[{{"name": "f", "parameters": {{"type": "object"}}}}])
exporter.force_flush()
exporter.log_feedback("0" * 32, "thumbs", 1)
"""


def show(directory: Path, *arguments: str, **env: str) -> Finished:
    return run_command([COMMAND, "show", *arguments], directory, env={"COLUMNS": "100", **env})


def made(tmp_path: Path, server: OpenAIServer, body: str = PROGRAM, **env: str) -> Path:
    done = run_program(tmp_path, SETUP + body, env={**settings(server), **env})
    assert done.returncode == 0, done.stderr
    return run_directories(tmp_path)[-1]


def test_the_newest_run_is_shown_as_trees(tmp_path: Path, server: OpenAIServer) -> None:
    made(tmp_path, server, "provider, exporter = set_up()\nask('older')")
    directory = made(tmp_path, server)
    (trace,) = traces_in(records_below(directory))
    done = show(tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["trace", "time", "tokens", "status"]
    assert lines[1].startswith("POST /answer \\x1b[2J ")
    assert lines[2].startswith("├── chat gpt-3.5-turbo ")
    assert lines[3].startswith("└── chat gpt-3.5-turbo ")
    assert lines[4] == f"  {trace['trace_id'][:8]}"
    assert lines[-1] == "1 trace. In full: --trace ID"
    assert "\x1b" not in done.stdout
    assert show(tmp_path, str(directory)).stdout == done.stdout
    assert show(tmp_path, WANDB_DIR=str(tmp_path / "nowhere")).returncode == 2


def test_one_trace_is_shown_in_full_and_what_is_hostile_is_text(tmp_path: Path, server: OpenAIServer) -> None:
    directory = made(tmp_path, server)
    (trace,) = traces_in(records_below(directory))
    done = show(tmp_path, "--trace", trace["trace_id"][:6].upper())
    assert (done.returncode, done.stderr) == (0, "")
    assert "  user\n    hi\n    \n    **assistant**: sure \\x1b[31mred\\x1b[0m \\u202egnp.exe \\x00 ?\n" in done.stdout
    assert "  assistant\n    f({" in done.stdout
    assert not set(done.stdout) & set("\x1b\u202e\x00")
    assert show(tmp_path, "--trace", "beef" * 8).stderr.endswith(
        "has no trace whose id begins with 'beefbeefbeefbeefbeefbeefbeefbeef'.\n"
    )


def test_what_is_not_there_is_said(tmp_path: Path, server: OpenAIServer) -> None:
    none = show(tmp_path)
    assert (none.returncode, none.stderr.startswith("There is no run below ")) == (2, True)
    assert show(tmp_path, "missing").stderr == "There is no run directory missing.\n"
    without = made(tmp_path, server, OTEL_WANDB_JOURNAL="false")
    done = show(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"The run {without} has traces but no journal: " in done.stderr
    empty = made(tmp_path, server, "import wandb\nwandb.init().finish()\nwandb.teardown()")
    done = show(tmp_path, str(empty))
    assert (done.returncode, done.stderr) == (
        *(1, f"The run {empty} has no trace: no call was made, or the program was killed before one was written.\n"),
    )


def test_a_killed_run_says_so(tmp_path: Path, server: OpenAIServer) -> None:
    directory = made(tmp_path, server)
    path = directory / "files/otel/traces-0001.jsonl.gz"
    whole = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(whole[: whole.rindex(b'{"record":"feedback"')]))
    done = show(tmp_path)
    assert done.returncode == 0
    assert (
        "The program is still running, or was killed: these are the traces that it wrote." in done.stdout.splitlines()
    )
    path.write_bytes(b"")
    done = show(tmp_path)
    assert (done.returncode, "has no trace. The program is still running, or was killed" in done.stderr) == (1, True)
    shutil.rmtree(directory / "files")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("ünïcode 日本\n\tx", "ünïcode 日本\n\tx"),
        ("\x9b31m\u2066\u2028\U000e0041", "\\x9b31m\\u2066\\u2028\\U000e0041"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
    ],
)
def test_what_is_invisible_is_spelled(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_spans_that_are_each_others_parents_and_a_deep_tree_are_shown() -> None:
    loop = [made_span("a", "b", name="a"), made_span("b", "a", name="b"), made_span("c", "missing", name="c")]
    assert len(list(lines_of(*loop))) == 4  # with a line above the two that are below no other
    deep = [made_span(str(number), str(number - 1)) for number in range(5_000)]
    assert len(list(lines_of(*deep))) == 5_000


def lines_of(*spans: Span) -> Iterator[object]:
    waiting = [trace_tree(made_trace(*spans), 80)]
    while waiting:
        tree = waiting.pop()
        yield tree.label
        waiting += tree.children
