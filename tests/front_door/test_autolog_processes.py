"""`autolog` in programs of several processes: each has a run of its own, and what it asked is in it."""

from pathlib import Path

import pytest

from tests.exporter.programs import assert_all_accounted_for
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_program
from tests.support.run_file import RunFile, stats_rows

HEAD = """
import multiprocessing, os, sys
import openai
import wandb
from otel_openai_wandb import autolog

def ask(text):
    openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=[{"role": "user", "content": text}])

def fork():
    # With connections of its own: parent and child would read each other's answers.
    child = os.fork()
    if child == 0:
        vars(openai.api_requestor._thread_context).clear()
    return child

def worker(text):
    vars(openai.api_requestor._thread_context).clear()
    ask(text)

def worker_of_its_own(text):
    autolog({"project": "child"})
    worker(text)
"""


def program(tmp_path: Path, server: OpenAIServer, body: str) -> Finished:
    settings = {"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-canary-0123456789", "WANDB_MODE": "offline"}
    return run_program(tmp_path, HEAD + body, env=settings)


def asked(run: RunFile) -> list[str]:
    return [str(row["request"]).removeprefix("**user**: ") for row in stats_rows(run)] if "stats" in run.tables else []


def requests_by_run(done: Finished) -> list[tuple[str, list[str]]]:
    return sorted((str(run.project), asked(run)) for run in done.runs)


@pytest.mark.parametrize("end", ["sys.exit(0)", "autolog.disable(); os._exit(0)"])
@pytest.mark.parametrize(
    "start", ["autolog({'project': 'p', 'group': 'g'})", "wandb.init(project='p', group='g'); autolog()"]
)
def test_a_forked_worker_has_a_run_of_its_own_beside_its_parents(
    tmp_path: Path, server: OpenAIServer, start: str, end: str
) -> None:
    body = f"""
{start}
ask("before")
child = fork()
if child == 0:
    ask("child")
    {end}
ask("parent")
os.waitpid(child, 0)
autolog.disable()
"""
    done = program(tmp_path, server, body)
    assert requests_by_run(done) == [("p", ["before", "parent"]), ("p", ["child"])], done.stderr
    assert {run.group for run in done.runs} == {"g"}
    for run in done.runs:
        assert_all_accounted_for([run])
    assert "not written" not in done.stderr


def test_a_forked_worker_that_asks_nothing_has_no_run(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
autolog({"project": "p"})
child = fork()
if child == 0:
    sys.exit(0)
os.waitpid(child, 0)
ask("parent")
autolog.disable()
"""
    done = program(tmp_path, server, body)
    assert requests_by_run(done) == [("p", ["parent"])], done.stderr


@pytest.mark.parametrize(("mode", "asked_for"), [("offline", [["child"], ["parent"]]), ("disabled", [])])
def test_a_forked_worker_keeps_the_mode_of_its_parents_run(
    tmp_path: Path, server: OpenAIServer, mode: str, asked_for: list[list[str]]
) -> None:
    body = f"""
del os.environ["WANDB_MODE"]
autolog({{"project": "p", "mode": {mode!r}}})
child = fork()
ask("child" if child == 0 else "parent")
if child == 0:
    sys.exit(0)
os.waitpid(child, 0)
"""
    done = program(tmp_path, server, body)
    assert sorted(asked(run) for run in done.runs) == asked_for, done.stderr
    assert "not used online" not in done.stderr


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_of_multiprocessing_that_calls_autolog_loses_nothing(
    tmp_path: Path, server: OpenAIServer, method: str
) -> None:
    body = f"""
if __name__ == "__main__":
    process = multiprocessing.get_context({method!r}).Process(target=worker_of_its_own, args=("one",))
    process.start()
    process.join()
    assert process.exitcode == 0
"""
    done = program(tmp_path, server, body)
    assert requests_by_run(done) == [("child", ["one"])], done.stderr
    assert_all_accounted_for(done.runs)
    assert [run.exit_code for run in done.runs] == [0]


def test_a_child_of_multiprocessing_goes_on_with_its_parents_autolog(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
autolog({"project": "p"})
ask("parent")
process = multiprocessing.get_context("fork").Process(target=worker, args=("child",))
process.start()
process.join()
autolog.disable()
"""
    done = program(tmp_path, server, body)
    assert requests_by_run(done) == [("p", ["child"]), ("p", ["parent"])], done.stderr


def test_a_child_that_calls_autolog_again_has_one_run(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
autolog({"project": "p"})
ask("parent")
process = multiprocessing.get_context("fork").Process(target=worker_of_its_own, args=("child",))
process.start()
process.join()
autolog.disable()
"""
    done = program(tmp_path, server, body)
    assert requests_by_run(done) == [("child", ["child"]), ("p", ["parent"])], done.stderr


def test_a_forked_worker_that_calls_autolog_does_not_write_to_its_parents_run(
    tmp_path: Path, server: OpenAIServer
) -> None:
    body = """
wandb.init(project="p")
child = fork()
if child == 0:
    autolog()
    ask("child")
    autolog.disable()
    os._exit(0)
os.waitpid(child, 0)
autolog()
ask("parent")
"""
    done = program(tmp_path, server, body)
    assert [asked(run) for run in done.runs if run.project == "p"] == [["parent"]], done.stderr
    assert sorted(asked(run) for run in done.runs) == [["child"], ["parent"]], done.stderr


@pytest.mark.parametrize("again", ["autolog()", "wandb.init(project='next'); autolog()"])
def test_after_the_run_was_finished_autolog_goes_on_in_another(
    tmp_path: Path, server: OpenAIServer, again: str
) -> None:
    body = f"""
wandb.init(project="first")
autolog()
ask("one")
wandb.finish()
{again}
ask("two")
autolog.disable()
"""
    done = program(tmp_path, server, body)
    assert sorted(asked(run) for run in done.runs) == [["one"], ["two"]], done.stderr


def test_what_is_asked_after_the_run_was_finished_is_in_a_run_beside_it(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
wandb.init(project="first", group="g")
autolog()
ask("one")
wandb.finish()
ask("two")
autolog.disable()
"""
    done = program(tmp_path, server, body)
    written = [run for run in done.runs if "stats" in run.tables]
    assert sorted((str(run.project), str(run.group), *asked(run)) for run in written) == [
        ("first", "g", "one"),
        ("first", "g", "two"),
    ], done.stderr
    assert done.stderr.count("a new one continues") == 1
