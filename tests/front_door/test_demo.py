"""`openai-wandb demo` as a user runs it: what it shows, what its run holds, and how Ctrl-C ends it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from otel_openai_wandb._demo.run import where_to_look
from otel_openai_wandb._reading.tree import trace_tree
from otel_wandb._install import how_to_install
from otel_wandb._journal.schema import TraceRecord
from tests.support.journals import made_span, made_trace
from tests.support.openai_server import OpenAIServer, error
from tests.support.processes import wandb_services
from tests.support.program import Finished, environment, run_command, run_program
from tests.support.run_file import RunFile, stats_rows, traces

COMMAND = str(Path(sys.executable).with_name("openai-wandb"))
KEY = "sk-canary-0123456789"
MISSING = "gpt-that-does-not-exist"
ROOTS = [
    "chat gpt-3.5-turbo",
    "chat gpt-3.5-turbo",
    "text_completion gpt-3.5-turbo-instruct",
    "embeddings text-embedding-ada-002",
    "answer_from_notes",
    f"chat {MISSING}",
]
CALLS = [*ROOTS[:4], "embeddings text-embedding-ada-002", "chat gpt-3.5-turbo", "chat gpt-3.5-turbo", ROOTS[5]]
# A proxy that nobody serves: what the command itself serves is asked without it.
DEAD_PROXY = {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1", "NO_PROXY": "", "no_proxy": ""}


def demo(directory: Path, *arguments: str, **env: str) -> Finished:
    return run_command([COMMAND, "demo", *arguments], directory, env=env)


def sequence(run: RunFile) -> list[object]:
    """The names of the calls in the order of their starts."""
    return [row["name"] for row in sorted(stats_rows(run), key=lambda row: str(row["start_time"]))]


def test_without_keys_it_shows_six_traces_that_are_in_an_offline_run(tmp_path: Path) -> None:
    done = demo(tmp_path, **DEAD_PROXY)
    assert (done.returncode, done.stderr) == (0, "")

    run = done.run
    assert run.project == "openai-wandb-demo"
    assert [trace.root["name"] for trace in traces(run)] == ROOTS
    assert [trace.row["trace_status"] for trace in traces(run)] == ["SUCCESS"] * 5 + ["ERROR"]
    chain = traces(run)[4].root
    assert children(chain) == ["execute_tool search_notes", "chat gpt-3.5-turbo", "chat gpt-3.5-turbo"]
    assert children(chain["child_spans"][0]) == ["embeddings text-embedding-ada-002"]
    assert "Europa" in chain["child_spans"][0]["results"][0]["outputs"].popitem()[1]

    assert sequence(run) == CALLS
    *answered, failed = sorted(stats_rows(run), key=lambda row: str(row["start_time"]))
    assert failed["error"] == f"InvalidRequestError: The model `{MISSING}` does not exist"
    assert failed["total_tokens"] is None
    assert all(row["prompt_tokens"] for row in answered)
    assert [row["name"] for row in answered if row["completion_tokens"] is None] == [ROOTS[3], ROOTS[3]]

    lines = done.stdout.splitlines()
    shown = [line.split("  ")[0] for line in lines if re.search(r"\d m?s ", line) and line[0].isalpha()]
    assert shown == [ROOTS[0], f"{ROOTS[1]} (stream)", *ROOTS[2:]]
    assert any(line.startswith("├── execute_tool search_notes ") for line in lines)
    assert f"  {failed['error']}" in lines
    assert "A stand-in for the API answers at 127.0.0.1:" in done.stdout
    assert "No W&B API key was found: the run is kept offline." in lines
    assert "\x1b" not in done.stdout
    (upload,) = (line.strip() for line in lines if "wandb sync" in line)
    assert len(list((tmp_path / upload.removeprefix("wandb sync ")).glob("*.wandb"))) == 1


def children(span: dict[str, list[dict[str, str]]]) -> list[str]:
    return [child["name"] for child in span["child_spans"]]


def test_a_mode_that_needs_a_key_makes_an_offline_run_without_one(tmp_path: Path) -> None:
    done = demo(tmp_path, WANDB_MODE="online")
    assert (done.returncode, done.stderr) == (0, "")
    assert "No W&B API key was found: the run is kept offline." in done.stdout.splitlines()
    assert sequence(done.run) == CALLS


def test_with_real_it_asks_the_api_and_shows_the_key_to_no_one_else(tmp_path: Path, server: OpenAIServer) -> None:
    env = {"OPENAI_API_KEY": KEY, "OPENAI_API_BASE": server.url, "WANDB_MODE": "offline"}
    done = demo(tmp_path, "--real", "--project", "mine", **env)
    assert (done.returncode, done.stderr) == (0, "")
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}
    assert len(server.requests) == len(CALLS)
    assert done.run.project == "mine"
    assert sequence(done.run) == CALLS
    assert f"The calls go to {server.url.split('/')[2]}." in done.stdout
    assert "stand-in" not in done.stdout
    assert KEY not in everything(done)


def test_a_key_that_happens_to_be_set_is_not_used(tmp_path: Path, server: OpenAIServer) -> None:
    (tmp_path / "key").write_text(KEY)
    env = {"OPENAI_API_KEY": KEY, "OPENAI_API_KEY_PATH": str(tmp_path / "key"), "OPENAI_API_BASE": server.url}
    done = demo(tmp_path, OPENAI_API_TYPE="azure", **env, **DEAD_PROXY)
    (tmp_path / "key").unlink()
    assert (done.returncode, done.stderr) == (0, "")
    assert server.requests == []
    assert sequence(done.run) == CALLS
    assert "A stand-in for the API answers at 127.0.0.1:" in done.stdout
    assert KEY not in everything(done)


def test_where_every_call_fails_it_shows_why_and_never_the_key(tmp_path: Path, server: OpenAIServer) -> None:
    server.answer_always(error(401, f"Incorrect API key provided: {KEY}.", code="invalid_api_key"))
    done = demo(tmp_path, "--real", OPENAI_API_KEY=KEY, OPENAI_API_BASE=server.url)
    assert (done.returncode, done.stderr) == (1, "")
    assert [trace.row["trace_status"] for trace in traces(done.run)] == ["ERROR"] * 6
    assert done.stdout.count("AuthenticationError: Incorrect API key provided: [scrubbed]") >= len(ROOTS)
    assert KEY not in everything(done)


def everything(done: Finished) -> str:
    """What it said and wrote, as far as it is text."""
    files = (path for path in done.directory.rglob("*") if path.is_file())
    return done.stdout + done.stderr + "".join(path.read_bytes().decode("utf-8", "replace") for path in files)


@pytest.mark.parametrize(
    ("line", "fewest"),
    [("A stand-in for the API", 0), ("trace  ", 0), (f"{ROOTS[0]}  ", 1), (ROOTS[3], 4), (f"chat {MISSING}", 6)],
)
def test_ctrl_c_ends_it_cleanly(tmp_path: Path, line: str, fewest: int) -> None:
    process = subprocess.Popen(
        [COMMAND, "demo"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        before = interrupt_after(line, process, process.stdout)
        after, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (130, "")
    found = re.search(r"^Interrupted after (\d) traces?\.$", before + after, re.MULTILINE)
    assert found is not None
    assert int(found[1]) >= fewest
    assert wandb_services(process.pid) == []
    runs = Finished(130, before + after, errors, tmp_path).runs
    assert sum(len(traces(run)) for run in runs) == int(found[1])
    assert ("wandb sync" in after) == (len(runs) > 0)


def interrupt_after(line: str, process: subprocess.Popen[str], output: IO[str]) -> str:
    """What it wrote until a line began with `line`; then it gets what Ctrl-C sends."""
    seen = ""
    for written in output:
        seen += written
        if written.startswith(line):
            process.send_signal(signal.SIGINT)
            return seen
    raise AssertionError(seen)


def test_on_a_terminal_it_shows_its_progress_and_leaves_the_cursor_as_it_was(tmp_path: Path) -> None:
    master, terminal = os.openpty()
    env = environment(tmp_path, {"TERM": "xterm", "NO_COLOR": "1"})
    with subprocess.Popen([COMMAND, "demo"], cwd=tmp_path, env=env, stdin=terminal, stdout=terminal) as process:
        os.close(terminal)
        output = ""
        while "a streamed chat" not in output:
            output += os.read(master, 4096).decode()
        process.send_signal(signal.SIGINT)
        output += rest(master)
        assert process.wait(120) == 130
    os.close(master)
    assert "loading openai and wandb" in output  # for a second or more, and so in at least one refresh of the display
    assert "Interrupted after " in output
    assert output.rindex("\x1b[?25h") > output.rindex("\x1b[?25l")
    assert not re.search(r"\x1b\[[\d;]*3[0-7]m", output), "NO_COLOR"


def rest(terminal: int) -> str:
    """What is still written to a pseudo-terminal; its end is an error on Linux."""
    found = ""
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            return found
        if not data:
            return found
        found += data.decode("utf-8", "replace")


@pytest.mark.parametrize("missing", ["rich", "openai", "numpy", "wandb"])
def test_a_missing_package_is_said_in_one_sentence(tmp_path: Path, missing: str) -> None:
    source = f"""
import sys
sys.modules["{missing}"] = None
from otel_openai_wandb._cli import main
sys.exit(main(["demo"]))
"""
    done = run_program(tmp_path, source)
    said = f"The demo needs {missing}: {how_to_install('all')}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_a_directory_that_cannot_be_written_is_said_in_one_sentence(tmp_path: Path) -> None:
    done = run_command(f"env -u WANDB_DIR {COMMAND} demo", tmp_path, cwd=Path("/proc"))
    assert done.returncode == 2, done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("The demo cannot write its run: ")
    assert line.endswith(". Set WANDB_DIR to another directory.")


def test_a_newer_openai_is_said_in_one_sentence(tmp_path: Path) -> None:
    info = tmp_path / "newer" / "openai-1.99.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openai\nVersion: 1.99.0\n")
    (tmp_path / "newer" / "openai.py").write_text("class OpenAI: ...")
    done = demo(tmp_path, PYTHONPATH=str(tmp_path / "newer"))
    said = f"The demo needs openai >= 0.27.8, < 1, found openai 1.99.0: {how_to_install('all')}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        (("--project", "a/b"), {}, "The demo cannot run: Invalid project name 'a/b'"),
        (("--real",), {}, "The demo needs a key to ask OpenAI: set OPENAI_API_KEY, or leave out --real."),
        ((), {"OTEL_SDK_DISABLED": "true"}, "There is nothing to show while OTEL_SDK_DISABLED is true."),
        ((), {"WANDB_MODE": "nonsense"}, "The demo cannot run: 1 validation error for Settings\nmode\n"),
    ],
)
def test_what_cannot_work_is_said(tmp_path: Path, arguments: tuple[str, ...], env: dict[str, str], said: str) -> None:
    done = demo(tmp_path, *arguments, **env)
    assert done.returncode == 2
    assert done.stderr.startswith(said)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--help",), "demo  "),
        (("demo", "--help"), "--project NAME  the W&B project (default: openai-wandb-demo)"),
        (("--version",), "otel-openai-wandb 0."),
    ],
)
def test_the_command_explains_itself(arguments: tuple[str, ...], said: str) -> None:
    done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=True, timeout=60)
    assert said in done.stdout


@pytest.mark.parametrize("width", [48, 60, 100])
def test_a_tree_fits_its_width_and_adds_tokens_up(width: int) -> None:
    name = "chat with-a-rather-long-model-name-of-somebody"
    trace = made_trace(
        made_span("a", name="root"),
        made_span("b", "a", name=name, usage=(7, None)),
        made_span("c", "a", name="inner"),
        made_span("d", "c", name="fails", usage=(None, 5), error="Timeout"),
        made_span("e", "c", name=name, usage=(7, None)),
    )
    lines = rendered(trace, width)
    assert max(map(len, lines)) <= width
    assert " 1.23 s      14 + 5      ok" in lines[0]
    assert ("chat with-a-rather-long-model-name" in lines[1]) is (width == 100)
    assert "ERROR" in lines[3]
    assert lines[4].endswith("  Timeout: ?nsaid")


@pytest.mark.parametrize(
    ("url", "directory", "line"),
    [
        ("https://wandb.test/me/p/runs/1", "wandb/run-1", "https://wandb.test/me/p/runs/1"),
        (None, "/a directory/offline-run-1", "wandb sync '/a directory/offline-run-1'"),
        (None, None, None),
    ],
)
def test_a_run_is_at_an_address_or_has_a_command_that_can_be_copied(
    url: str | None, directory: str | None, line: str | None
) -> None:
    assert next(where_to_look(url, directory))[1] == line


def rendered(trace: TraceRecord, width: int) -> list[str]:
    from rich.console import Console

    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(trace_tree(trace, width, encoding="ascii"))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_the_stand_in_answers_as_the_api_does_and_gives_the_settings_back(tmp_path: Path) -> None:
    source = """
import openai
from otel_openai_wandb.demo_server import demo_api

names = ("api_base", "api_key", "api_type", "api_version", "requestssession")
before = [getattr(openai, name) for name in names]
with demo_api():
    chat = {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": "hi"}]}
    whole = openai.ChatCompletion.create(**chat)
    chunks = list(openai.ChatCompletion.create(**chat, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.get("content", "") for chunk in chunks[:-1])
    assert text == whole.choices[0].message.content, text
    assert chunks[-1].usage == whole.usage
    texts = ["red cats", "red dogs", "a book"]
    packed = [item.embedding for item in openai.Embedding.create(model="text-embedding-ada-002", input=texts).data]
    plain = [
        item.embedding
        for item in openai.Embedding.create(model="text-embedding-ada-002", input=texts, encoding_format="float").data
    ]
    assert max(abs(a - b) for a, b in zip(packed[0], plain[0])) < 1e-6
    near, far = (sum(a * b for a, b in zip(plain[0], other)) for other in plain[1:])
    assert near > far
    try:
        openai.Completion.create(model="none", prompt="hi")
    except openai.error.InvalidRequestError as error:
        assert (error.http_status, error.code) == (404, "model_not_found"), error.http_status
    else:
        raise AssertionError("a model that does not exist answered")
assert [getattr(openai, name) for name in names] == before
openai.api_key = "sk-real"
with demo_api():
    assert openai.api_base == before[0]
"""
    done = run_program(tmp_path, source, env=DEAD_PROXY)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_interrupt_cuts_short_only_what_may_be(tmp_path: Path) -> None:
    source = """
import signal, weakref
from otel_openai_wandb._demo.interrupts import Interrupts

class Thing:
    pass

def ctrl_c(*_):
    signal.raise_signal(signal.SIGINT)

def is_cut_short(block, interrupts):
    try:
        with interrupts.allowed():
            block()
            return False
    except KeyboardInterrupt:
        return True

early = Interrupts()
ctrl_c()
assert early.came
assert is_cut_short(lambda: 1 / 0, early)  # not even begun

during = Interrupts()
assert not is_cut_short(lambda: None, during)
assert is_cut_short(ctrl_c, during)
ctrl_c()

hidden = Interrupts()
thing = Thing()
reference = weakref.ref(thing, ctrl_c)
with hidden.allowed():
    del thing  # Python cannot raise here, and prints the exception
assert is_cut_short(lambda: 1 / 0, hidden)

hidden.ignore()
ctrl_c()
"""
    done = run_program(tmp_path, source)
    assert (done.returncode, done.stderr) == (0, "")
