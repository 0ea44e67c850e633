"""Every way in which a program ends, and how many of its traces arrive."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.exporter.programs import SETUP, asked, assert_all_accounted_for, program, settings
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, environment
from tests.support.run_file import stats_rows, traces

ASK_TWO_AND_WAIT: Final = """
import signal
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)
ask("one")
ask("two")
print("ready", flush=True)
threading.Event().wait(60)
"""
TWO: Final = ["**user**: one", "**user**: two"]


@contextmanager
def running(tmp_path: Path, server: OpenAIServer, body: str, **env: str) -> Iterator["subprocess.Popen[str]"]:
    """The program, once it has said that it is ready."""
    script = tmp_path / "program.py"
    script.write_text(SETUP + body)
    with (
        (tmp_path / "stderr").open("w") as errors,
        subprocess.Popen(
            [sys.executable, str(script)],
            cwd=tmp_path,
            env=environment(tmp_path, {**settings(server), **env}),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line == "ready\n":
                    break
            else:
                pytest.fail((tmp_path / "stderr").read_text())
            yield process
        except BaseException:
            process.kill()  # else it is waited for
            raise


def ended(tmp_path: Path, process: "subprocess.Popen[str]") -> Finished:
    out, _ = process.communicate(timeout=60)
    return Finished(process.returncode, out, (tmp_path / "stderr").read_text(), tmp_path)


@pytest.mark.parametrize("frozen", ["", "\nimport gc\ngc.freeze()"], ids=["", "frozen"])
@pytest.mark.parametrize("processor", ["SimpleSpanProcessor", "BatchSpanProcessor"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_ends_the_program_is_still_what_ends_it(
    tmp_path: Path, server: OpenAIServer, processor: str, number: signal.Signals, frozen: str
) -> None:
    with running(tmp_path, server, f"set_up({processor}){frozen}" + ASK_TWO_AND_WAIT) as process:
        process.send_signal(number)
        done = ended(tmp_path, process)
    assert done.returncode == -number
    assert asked(done) == TWO, done.stderr
    assert done.run.exit_code == 0
    assert_all_accounted_for(done.runs)


def test_a_termination_before_the_first_export_loses_nothing(tmp_path: Path, server: OpenAIServer) -> None:
    body = "set_up(BatchSpanProcessor, set_global=True)" + ASK_TWO_AND_WAIT
    with running(tmp_path, server, body, OTEL_BSP_SCHEDULE_DELAY="60000") as process:
        process.send_signal(signal.SIGTERM)
        done = ended(tmp_path, process)
    assert (done.returncode, asked(done)) == (-signal.SIGTERM, TWO), done.stderr


@pytest.mark.parametrize("is_late", [False, True])
def test_a_span_that_a_callback_of_the_programs_ends(tmp_path: Path, server: OpenAIServer, *, is_late: bool) -> None:
    """Callbacks run in reverse: one from before wandb was started comes too late, and its span is counted."""
    register = "atexit.register(lambda: root.end())\n"
    body = f"""
import atexit
provider, exporter = set_up(SimpleSpanProcessor)
{register if is_late else ""}
ask("one")
assert exporter.force_flush()
{"" if is_late else register}
root = provider.get_tracer("shop").start_span("root")
with trace.use_span(root): ask("two")
"""
    done = program(tmp_path, server, body)
    assert (done.returncode, asked(done)) == (0, TWO), done.stderr
    assert ("root" in [found.root["name"] for found in traces(done.run)]) != is_late
    assert done.stderr.count("1 spans were not written to W&B (after_shutdown") == is_late


HANDLER: Final = """
import signal
def handler(number, frame):
    os.write(1, b"handled %d\\n" % number)
    sys.exit(7)
"""
INSTALL: Final = "signal.signal(signal.SIGTERM, handler)\n"


@pytest.mark.parametrize("order", [f"{INSTALL}set_up()\n", f"set_up()\n{INSTALL}"], ids=["before", "after"])
def test_the_programs_own_handler_is_called_once(tmp_path: Path, server: OpenAIServer, order: str) -> None:
    with running(tmp_path, server, HANDLER + order + ASK_TWO_AND_WAIT) as process:
        process.send_signal(signal.SIGTERM)
        done = ended(tmp_path, process)
    assert (done.returncode, done.stdout) == (7, "handled 15\n"), done.stderr
    assert asked(done) == TWO, done.stderr


def test_calls_made_after_a_signal_that_does_not_end_the_program_arrive_too(
    tmp_path: Path, server: OpenAIServer
) -> None:
    body = """
import signal
came = threading.Event()
signal.signal(signal.SIGTERM, lambda number, frame: came.set())
set_up(SimpleSpanProcessor)
ask("one")
print("ready", flush=True)
while not came.wait(0.05): pass
ask("two")
"""
    with running(tmp_path, server, body) as process:
        process.send_signal(signal.SIGTERM)
        done = ended(tmp_path, process)
    assert (done.returncode, asked(done), len(done.runs)) == (0, TWO, 2), done.stderr
    assert_all_accounted_for(done.runs)


@pytest.mark.parametrize(
    ("before", "env"),
    [("", {"OTEL_WANDB_HANDLE_SIGTERM": "false"}), ("signal.signal(signal.SIGTERM, signal.SIG_IGN)", {})],
    ids=["switched off", "ignored"],
)
def test_a_signal_that_is_left_alone(tmp_path: Path, server: OpenAIServer, before: str, env: dict[str, str]) -> None:
    body = f"""
import signal
{before}
found = signal.getsignal(signal.SIGTERM)
set_up()
print(signal.getsignal(signal.SIGTERM) is found)
"""
    assert program(tmp_path, server, body, **env).stdout == "True\n"


def test_nothing_else_of_the_process_is_changed(tmp_path: Path, server: OpenAIServer) -> None:
    """The README lists what `import wandb` and `wandb.init` themselves change."""
    body = """
import logging, signal
def state():
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)}
    return handlers, logging.root.handlers, logging.root.level, sys.path[:], os.getcwd(), sorted(os.environ)
import wandb
before = state(), sys.excepthook
provider, exporter = set_up(SimpleSpanProcessor)
ask("one")
exporter.force_flush()
found = [name for name in os.environ if name not in before[0][-1]]
os.environ.pop("WANDB_SERVICE", None)
print(state() == before[0], wandb.run, found)
"""
    done = program(tmp_path, server, body)
    assert done.stdout == "True None ['WANDB_SERVICE']\n", done.stdout


MULTIPROCESSING: Final = """
import multiprocessing
def work(number):
    if number == 0 and {START!r} != "fork":
        set_up({processor})
    child = threading.Thread(target=ask, args=(f"child {{number}}",))  # with a connection of its own
    child.start()
    child.join()
if __name__ == "__main__":
    context = multiprocessing.get_context({START!r})
    set_up({processor})
    {first}
    children = [context.Process(target=work, args=(0,)) for _ in range(2)]
    for child in children: child.start()
    for child in children: child.join()
    print([child.exitcode for child in children])
"""


@pytest.mark.parametrize("processor", ["SimpleSpanProcessor", "BatchSpanProcessor"])
@pytest.mark.parametrize("first", ["pass", "ask('parent')"])
@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_write_their_own_runs(
    tmp_path: Path, server: OpenAIServer, start: str, first: str, processor: str
) -> None:
    done = program(tmp_path, server, MULTIPROCESSING.format(START=start, first=first, processor=processor))
    parent = ["**user**: parent"] if "parent" in first else []
    assert done.stdout == "[0, 0]\n", done.stderr
    assert asked(done) == ["**user**: child 0", "**user**: child 0", *parent], done.stderr
    assert len(done.runs) == 2 + len(parent)
    for run in done.runs:
        assert_all_accounted_for([run])


def test_a_child_that_is_terminated_loses_nothing(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
import multiprocessing
def work(asked):
    ask("child")
    asked.set()
    threading.Event().wait(60)
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    set_up()
    asked = context.Event()
    child = context.Process(target=work, args=(asked,))
    child.start()
    asked.wait(30)
    child.terminate()
    child.join()
    print(child.exitcode)
"""
    done = program(tmp_path, server, body)
    assert (done.stdout, asked(done)) == ("-15\n", ["**user**: child"]), done.stderr


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fork(tmp_path: Path, server: OpenAIServer, when: str) -> None:
    flush = "provider.force_flush(); exporter.force_flush()" if when == "after" else ""
    body = f"""
provider, exporter = set_up()
ask("parent before")
{flush}
child = fork()
ask("child" if child == 0 else "parent after")
if child == 0:
    sys.exit(0)
os.waitpid(child, 0)
"""
    done = program(tmp_path, server, body)
    found = sorted(sorted(asked(Finished(0, "", "", path.parent))) for path in sorted(tmp_path.rglob("*.wandb")))
    assert found == [["**user**: child"], ["**user**: parent after", "**user**: parent before"]], done.stderr


KILL: Final = """
from pathlib import Path
def written():
    found = b"".join(path.read_bytes() for path in Path(".").rglob("*.wandb"))
    return b"root_span_dumps" in found and b"media/table/stats" in found
provider, exporter = set_up(SimpleSpanProcessor)
ask("one")
exporter.force_flush()
while not written():
    time.sleep(0.05)
"""


def test_a_killed_program_has_lost_no_more_than_a_second(tmp_path: Path, server: OpenAIServer) -> None:
    """wandb-core writes to the file once a second; what came before is there."""
    with running(tmp_path, server, KILL + ASK_TWO_AND_WAIT) as process:
        process.kill()
        done = ended(tmp_path, process)
    assert done.returncode == -signal.SIGKILL
    assert done.run.exit_code is None
    assert "**user**: one" in [trace.root["results"][0]["inputs"]["request"] for trace in traces(done.run)]
    assert "**user**: one" in [row["request"] for row in stats_rows(done.run)]


def test_a_new_run_goes_on_when_wandbs_service_is_killed(tmp_path: Path, server: OpenAIServer) -> None:
    body = (
        KILL
        + """
import signal
from tests.support.processes import wandb_children
(core,) = wandb_children()
os.kill(core, signal.SIGKILL)
os.waitpid(core, 0)
ask("two")
ask("three")
"""
    )
    done = program(tmp_path, server, body)
    assert asked(done) == ["**user**: one", "**user**: three", "**user**: two"], done.stderr
    assert done.returncode == 0
    assert len(done.runs) == 2
    assert done.stderr.count("was ended from outside") == 1


@pytest.mark.parametrize("flush", ["", "exporter.force_flush()"])
def test_a_teardown_of_wandb_by_the_program_loses_nothing(tmp_path: Path, server: OpenAIServer, flush: str) -> None:
    body = f"""
import wandb
provider, exporter = set_up(SimpleSpanProcessor)
ask("one")
{flush}
wandb.teardown()
ask("two")
"""
    done = program(tmp_path, server, body)
    assert asked(done) == TWO, done.stderr
    assert_all_accounted_for(done.runs)


LOG: Final = "user.log({'a': 1})", "user.log({'a': 2})"
ORDERS: Final = {
    "first": ("user = start()", "ask('one')", LOG[0], "ask('two')", LOG[1], "user.finish()"),
    "later": ("ask('one')", "exporter.force_flush()", "user = start()", LOG[0], "ask('two')", LOG[1]),
    "finished in the middle": ("user = start()", LOG[0], "ask('one')", LOG[1], "user.finish()", "ask('two')"),
    "wandb.finish": ("user = start()", LOG[0], "ask('one')", LOG[1], "wandb.finish()", "ask('two')"),
    "in a with block": ("with start() as user:", "  ask('one')", f"  {LOG[0]}", f"  {LOG[1]}", "ask('two')"),
    "finish_previous": (
        "ask('one')",
        "exporter.force_flush()",
        "user = start(reinit='finish_previous')",
        LOG[0],
        "ask('two')",
        LOG[1],
    ),
}
NEWLINE: Final = "\n"


@pytest.mark.parametrize("order", ORDERS)
def test_a_run_of_the_users_is_left_alone(tmp_path: Path, server: OpenAIServer, order: str) -> None:
    body = f"""
import wandb
def start(**more):
    return wandb.init(project="users", settings=wandb.Settings(silent=True, console="off"), **more)
provider, exporter = set_up(SimpleSpanProcessor)
{NEWLINE.join(ORDERS[order])}
"""
    done = program(tmp_path, server, body)
    assert done.returncode == 0, done.stderr
    mine = [run for run in done.runs if run.project == "users"]
    others = [run for run in done.runs if run.project != "users"]
    assert [(row["a"], row["_step"]) for run in mine for row in run.history] == [(1, 0), (2, 1)], done.stderr
    assert (
        sorted(str(row["trace_name"]) for run in others for row in run.history if "trace_name" in row)
        == ["chat gpt-3.5-turbo"] * 2
    )
    assert_all_accounted_for(others)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_is_counted(tmp_path: Path, server: OpenAIServer) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=True)
    try:
        body = """
provider, exporter = set_up(SimpleSpanProcessor)
ask("one")
exporter.force_flush()
with open(os.path.join(os.environ["WANDB_DIR"], "filler"), "wb", buffering=0) as filler:
    try:
        while True:
            filler.write(bytes(1 << 16))
    except OSError:
        pass
ask("two")
exporter.force_flush()
print(exporter._health.summary())
"""
        done = program(tmp_path, server, body, WANDB_DIR=str(disk))
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert "'otel/dropped_disk_full': 1" in done.stdout, done.stderr
    assert done.stderr.count("were not written to W&B (disk_full") == 1
    assert done.returncode == 0
