"""The exporter in real programs: behind each processor, on each way out, beside the user's runs, and with faults."""

import json
from pathlib import Path

import pytest

from tests.exporter.programs import SETUP, asked, program
from tests.support.openai_server import OpenAIServer, error
from tests.support.program import run_program
from tests.support.run_file import find_runs, stats_rows, traces


@pytest.mark.parametrize("frozen", ["", "import gc\ngc.freeze()\n"], ids=["", "frozen"])
@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise RuntimeError('boom')"])
@pytest.mark.parametrize("set_up", ["SimpleSpanProcessor", "BatchSpanProcessor", "BatchSpanProcessor, set_global=True"])
def test_an_exit_loses_nothing(tmp_path: Path, server: OpenAIServer, set_up: str, end: str, frozen: str) -> None:
    done = program(tmp_path, server, f"set_up({set_up})\n{frozen}ask('one')\nask('two')\n{end}")
    assert done.returncode == {"": 0, "sys.exit(3)": 3}.get(end, 1), done.stderr
    assert asked(done) == ["**user**: one", "**user**: two"], done.stderr
    assert len(traces(done.run)) == 2
    assert done.run.exit_code == 0


@pytest.mark.parametrize("set_up", ["SimpleSpanProcessor", "BatchSpanProcessor"])
def test_what_ends_after_the_first_export_is_not_lost_either(tmp_path: Path, server: OpenAIServer, set_up: str) -> None:
    body = f"""
provider, exporter = set_up({set_up})
ask("one")
provider.force_flush()
assert exporter.force_flush()
ask("two")
threading.Thread(target=lambda: (threading.main_thread().join(), ask("three"))).start()
"""
    done = program(tmp_path, server, body)
    assert asked(done) == ["**user**: one", "**user**: three", "**user**: two"], done.stderr
    assert len(done.runs) == 1


def test_force_flush_writes_what_was_exported(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, exporter = set_up()
ask("one")
provider.force_flush()
assert exporter.force_flush()
import wandb
wandb.teardown()
os._exit(0)
"""
    assert asked(program(tmp_path, server, body)) == ["**user**: one"]


def test_force_flush_tells_of_a_loss_at_the_end_of_a_run(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
import wandb
def keep(span):
    if lost: raise ValueError
    return True
lost = []
run = wandb.init(project="theirs")
provider, exporter = set_up(SimpleSpanProcessor, run=run, keep=keep)
ask("one")
print(exporter.force_flush())
lost.append(True)
ask("two")
run.finish()
print(exporter.force_flush(), exporter.force_flush())
"""
    done = program(tmp_path, server, body)
    assert done.stdout.splitlines()[-2:] == ["True", "False True"], done.stderr


def test_a_trace_is_written_once_and_not_to_the_summary_too(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, f"set_up(SimpleSpanProcessor)\nask({'canary ' * 1_000!r})")
    (path,) = find_runs(done.directory)
    assert "trace" not in done.run.summary
    written = json.dumps(done.run.history[0]["trace"]).count("canary " * 1_000)
    assert path.read_bytes().count(b"canary " * 1_000) == written > 0


def test_shutdown_closes_the_run_and_leaves_wandb_to_the_program(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
import wandb
from tests.support.processes import wandb_children
wandb.setup(settings=wandb.Settings(run_notes="theirs"))
provider, exporter = set_up(SimpleSpanProcessor)
ask("one")
before = wandb_children()
provider.shutdown()
exporter.shutdown()
print(len(before), wandb_children() == before, wandb.setup().settings.run_notes)
"""
    done = program(tmp_path, server, body)
    assert done.stdout.splitlines()[-1] == "1 True theirs", done.stderr
    assert asked(done) == ["**user**: one"]


def test_the_spans_of_the_program_are_in_the_tree(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, _ = set_up()
tracer = provider.get_tracer("shop")
with tracer.start_as_current_span("POST /answer"):
    with tracer.start_as_current_span("look up", attributes={"gen_ai.operation.name": "execute_tool"}):
        pass
    ask("one")
    list(ask("two", stream=True))
"""
    (trace,) = traces(program(tmp_path, server, body).run)
    root = trace.root
    assert (root["name"], root["span_kind"]) == ("POST /answer", "CHAIN")
    children = [(child["name"], child["span_kind"]) for child in root["child_spans"]]
    assert children == [("look up", "TOOL"), ("chat gpt-3.5-turbo", "LLM"), ("chat gpt-3.5-turbo", "LLM")]
    times = [(child["start_time_ms"], child["end_time_ms"]) for child in root["child_spans"]]
    flat = [root["start_time_ms"], *(moment for pair in times for moment in pair), root["end_time_ms"]]
    assert flat == sorted(flat)


def test_construction_is_cheap_imports_no_wandb_and_takes_no_offence(tmp_path: Path) -> None:
    source = """
import sys
from otel_wandb import WandbSpanExporter
exporter = WandbSpanExporter()
assert not {"wandb", "openai"} & set(sys.modules)
assert exporter.force_flush()
exporter.shutdown()
assert not {"wandb", "openai"} & set(sys.modules)
"""
    done = run_program(tmp_path, source, env={"OTEL_WANDB_EXIT_TIMEOUT": "soon"})
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("OTEL_WANDB_EXIT_TIMEOUT='soon' is not a positive number of seconds; using 30") == 1


def test_a_run_and_arguments_for_one_are_refused(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
import wandb
try:
    WandbSpanExporter(run=wandb.init(), project="other")
except TypeError as error:
    print(error)
"""
    done = program(tmp_path, server, body)
    assert "project cannot be given with run=, because that run exists already" in done.stdout


def test_a_given_run_is_written_to_and_stays_the_users(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
import wandb
run = wandb.init(project="mine")
provider, _ = set_up(run=run)
ask("one")
provider.shutdown()
run.log({"after": 1})
"""
    done = program(tmp_path, server, body)
    assert asked(done) == ["**user**: one"], done.stderr
    assert done.run.history[-1]["after"] == 1


def test_the_users_runs_are_their_own(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
import wandb
early = wandb.init(project="early")
provider, exporter = set_up(SimpleSpanProcessor, project="ours")
ask("one")
assert exporter.force_flush()
assert wandb.run is early
early.finish()
later = wandb.init(project="later")
assert later.project == "later"
ask("two")
wandb.finish()
ask("three")
"""
    done = program(tmp_path, server, body)
    assert done.returncode == 0, done.stderr
    assert {run.project: len(traces(run)) for run in done.runs} == {"early": 0, "later": 0, "ours": 3}


def test_without_a_key_the_run_is_offline_and_says_where(tmp_path: Path, server: OpenAIServer) -> None:
    body = SETUP + "set_up(project='p')\nask('one')"
    done = run_program(tmp_path, body, env={"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-canary-0123456789"})
    assert asked(done) == ["**user**: one"], done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "there is no W&B API key" in line]
    assert done.stderr.splitlines() == [line]
    directory = Path(line.rpartition("wandb sync ")[2])
    assert [path.name for path in directory.glob("*.wandb")] == [f"run-{done.run.run_id}.wandb"]


def test_a_key_for_a_server_of_ones_own_is_found(tmp_path: Path) -> None:
    source = """
from otel_wandb._runs.account import has_key
print(has_key({}))
print(has_key({"settings": {"base_url": "http://other.test"}}))
"""
    (tmp_path / "netrc").write_text(f"machine wandb.test login user password {'x' * 40}\n")
    done = run_program(tmp_path, source, env={"WANDB_BASE_URL": "http://wandb.test"})
    assert done.stdout.splitlines() == ["True", "False"], done.stderr


def test_a_key_that_the_server_repeats_is_scrubbed_from_the_spans_above_too(
    tmp_path: Path, server: OpenAIServer
) -> None:
    server.answer_next(error(401, "Incorrect API key provided: sk-canary-0123456789."))
    body = """
provider, _ = set_up()
with provider.get_tracer("app").start_as_current_span("chain"):
    ask("one")
"""
    done = program(tmp_path, server, body)
    (trace,) = traces(done.run)
    assert trace.root["attributes"]["events"][0]["name"] == "exception"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if b"sk-canary-0123456789" in path.read_bytes()] == []


def test_a_disabled_wandb_writes_nothing_and_complains_of_nothing(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, "set_up()\nask('one')", WANDB_MODE="disabled")
    assert (done.returncode, done.stderr, done.runs) == (0, "", [])


def test_without_a_server_the_run_is_offline_in_bounded_time(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, exporter = set_up(SimpleSpanProcessor, project="p")
before = time.perf_counter()
ask("one")
exporter.force_flush()
print(time.perf_counter() - before < 20)
"""
    env = {"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "x" * 40, "OTEL_WANDB_EXIT_TIMEOUT": "6"}
    done = program(tmp_path, server, body, **env, WANDB_MODE="online")
    assert done.stdout == "True\n", done.stderr
    tried, kept = sorted(done.runs, key=lambda run: len(run.history))
    assert tried.history == ()
    assert [row["request"] for row in stats_rows(kept)] == ["**user**: one"]
    assert done.stderr.count("W&B is not used online") == 1
    assert "x" * 40 not in done.stderr


FAULTS = {
    "wandb.init": "wandb.init = fault",
    "run.log": "wandb.sdk.wandb_run.Run.log = fault",
    "run.finish": "wandb.sdk.wandb_run.Run.finish = fault",
}
SLOW = "released.wait(30)"
RAISES = "raise RuntimeError('wandb is broken')"


@pytest.mark.parametrize("fault", [SLOW, RAISES])
@pytest.mark.parametrize("place", FAULTS)
@pytest.mark.parametrize("processor", ["SimpleSpanProcessor", "BatchSpanProcessor"])
def test_a_broken_wandb_does_not_touch_the_calls(
    tmp_path: Path, server: OpenAIServer, processor: str, place: str, fault: str
) -> None:
    body = f"""
import wandb
released = threading.Event()
def fault(*args, **kwargs):
    {fault}
{FAULTS[place]}
provider, exporter = set_up({processor}, project="p")
slowest = 0.0
for number in range(50):
    before = time.perf_counter()
    answer = ask(f"question {{number}}")
    slowest = max(slowest, time.perf_counter() - before)
    assert answer["choices"][0]["message"]["content"] == f"You said: question {{number}}"
before = time.perf_counter()
provider.shutdown()
print(slowest < 1, time.perf_counter() - before < 5)
"""
    done = program(tmp_path, server, body, OTEL_WANDB_EXIT_TIMEOUT="1")
    assert done.stdout.splitlines()[-1:] == ["True True"], done.stderr
    assert done.returncode == 0
    assert "question" not in done.stderr


def test_losses_are_counted_and_said(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
import wandb
real = wandb.sdk.wandb_run.Run.log
def log(self, data, *args, **kwargs):
    if data.get("trace_name") == "chat broken":
        raise RuntimeError("no")
    return real(self, data, *args, **kwargs)
wandb.sdk.wandb_run.Run.log = log
set_up(SimpleSpanProcessor)
ask("one")
for _ in range(3):
    openai.ChatCompletion.create(model="broken", messages=[])
"""
    done = program(tmp_path, server, body)
    assert done.run.summary["otel/dropped_log_failed"] == 3, done.stderr
    assert done.stderr.count("spans were not written to W&B (log_failed") == 1
    assert asked(done) == ["**user**: one"]


def test_two_users_in_two_threads_never_mix(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, _ = set_up()
tracer = provider.get_tracer("app")
def serve(user):
    for number in range(20):
        with tracer.start_as_current_span(user):
            ask(f"{user} asks {number}")
threads = [threading.Thread(target=serve, args=(user,)) for user in ("ann", "bob")]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    found = traces(program(tmp_path, server, body).run)
    assert len(found) == 40
    for trace in found:
        (child,) = trace.root["child_spans"]
        (result,) = child["results"]
        user = trace.root["name"]
        assert result["inputs"]["request"].startswith(f"**user**: {user} asks")
        assert result["outputs"]["response"].startswith(f"**assistant**: You said: {user} asks")


def test_a_forked_child_has_its_own_run(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, exporter = set_up()
ask("parent before")
provider.force_flush(); exporter.force_flush()
child = fork()
ask("child" if child == 0 else "parent after")
if child == 0:
    sys.exit(0)
os.waitpid(child, 0)
"""
    done = program(tmp_path, server, body)
    found = sorted(sorted(str(row["request"]) for row in stats_rows(run)) for run in done.runs)
    assert found == [["**user**: child"], ["**user**: parent after", "**user**: parent before"]], done.stderr


def test_wandbs_own_requests_and_ours_make_no_spans(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, exporter = set_up(SimpleSpanProcessor)
tracer = provider.get_tracer("http")
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
import wandb
real = wandb.init
def init(*args, **kwargs):
    print("instrumented", is_instrumentation_enabled())
    return real(*args, **kwargs)
wandb.init = init
ask("one")
exporter.force_flush()
"""
    assert "instrumented False" in program(tmp_path, server, body).stdout


@pytest.mark.parametrize("named", ["id='mine'", "settings={'run_id': 'mine', 'resume': 'allow'}"])
@pytest.mark.parametrize("before", ["ask('parent')", "pass"], ids=["after a trace", "before one"])
def test_the_id_that_was_given_is_not_the_forked_childs(
    tmp_path: Path, server: OpenAIServer, named: str, before: str
) -> None:
    body = f"""
provider, exporter = set_up(SimpleSpanProcessor, {named})
{before}
if fork() == 0:
    ask("child")
    exporter.shutdown()
    os._exit(0)
os.wait()
ask("parent, later")
"""
    done = program(tmp_path, server, body)
    asked_by = {run.run_id: [row["request"] for row in stats_rows(run)] for run in done.runs}
    assert "**user**: parent, later" in asked_by.pop("mine"), done.stderr
    assert list(asked_by.values()) == [["**user**: child"]]
