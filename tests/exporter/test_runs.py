"""Which traces are written, and to which runs."""

from pathlib import Path

import pytest

from tests.exporter.programs import asked, assert_all_accounted_for, count_of, program
from tests.support.openai_server import OpenAIServer
from tests.support.run_file import stats_rows, traces


def test_a_thousand_health_checks_write_nothing(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, exporter = set_up(SimpleSpanProcessor)
tracer = provider.get_tracer("web")
for _ in range(1000):
    with tracer.start_as_current_span("GET /health"):
        tracer.start_span("SELECT 1").end()
exporter.force_flush()
print("wandb" in sys.modules)
with tracer.start_as_current_span("GET /ask"):
    tracer.start_span("SELECT 2").end()
    ask("one")
"""
    done = program(tmp_path, server, body)
    assert done.stdout == "False\n"
    (trace,) = traces(done.run)
    assert (trace.root["name"], [child["name"] for child in trace.root["child_spans"]]) == (
        "GET /ask",
        ["chat gpt-3.5-turbo"],
    )
    assert count_of(done.run) == {"otel/received": 2003, "otel/logged": 2, "otel/trimmed": 2001}
    assert_all_accounted_for(done.runs)


def test_calls_that_ask_no_model_write_nothing(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, exporter = set_up(SimpleSpanProcessor)
openai.Model.list()
exporter.force_flush()
print("wandb" in sys.modules)
with provider.get_tracer("web").start_as_current_span("GET /ask"):
    openai.Model.list()
    ask("one")
"""
    done = program(tmp_path, server, body)
    assert done.stdout == "False\n"
    (trace,) = traces(done.run)
    assert [child["name"] for child in trace.root["child_spans"]] == ["chat gpt-3.5-turbo"]
    assert count_of(done.run) == {"otel/received": 4, "otel/logged": 2, "otel/trimmed": 2}
    assert_all_accounted_for(done.runs)


@pytest.mark.parametrize(
    ("keep", "env", "names"),
    [
        ("keep='all'", {}, ["GET /", "GET /health"]),
        ("", {"OTEL_WANDB_KEEP": "all"}, ["GET /", "GET /health"]),
        ("keep='llm'", {"OTEL_WANDB_KEEP": "all"}, ["GET /"]),
        ("keep=lambda span: span.name == 'GET /health'", {}, ["GET /health"]),
    ],
)
def test_what_is_kept_can_be_chosen(
    tmp_path: Path, server: OpenAIServer, keep: str, env: dict[str, str], names: list[str]
) -> None:
    body = f"""
provider, exporter = set_up(SimpleSpanProcessor, {keep})
tracer = provider.get_tracer("web")
tracer.start_span("GET /health").end()
with tracer.start_as_current_span("GET /"):
    ask("one")
"""
    done = program(tmp_path, server, body, **env)
    assert sorted(str(trace.root["name"]) for trace in traces(done.run)) == names
    assert_all_accounted_for(done.runs)


def test_a_keep_that_fails_is_counted_and_does_not_touch_the_calls(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
def keep(span):
    if "broken" in span.name:
        raise LookupError("secret")
    return True
set_up(SimpleSpanProcessor, keep=keep)
openai.ChatCompletion.create(model="broken", messages=[])
ask("one")
"""
    done = program(tmp_path, server, body)
    assert asked(done) == ["**user**: one"]
    assert count_of(done.run)["otel/dropped_keep_failed"] == 1
    assert "secret" not in done.stderr
    assert_all_accounted_for(done.runs)


def test_the_run_says_what_it_is(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, exporter = set_up(project="p", tags=["a"], config={"mine": 1})
ask("one")
provider.force_flush(); exporter.force_flush()
run = exporter._writer.runs[0]._run
print(run.name == f"shop traces {os.getpid()}", run.group, run.job_type, run.tags, run.settings.console)
"""
    done = program(tmp_path, server, body)
    assert done.stdout.splitlines()[-1] == "True shop traces ('a',) off"
    resource = done.run.config["resource"]
    assert isinstance(resource, dict)
    assert (resource["service.name"], done.run.config["mine"]) == ("shop", 1)


def test_a_full_run_is_followed_by_another(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
from otel_wandb._runs import destination
destination.ROTATION = destination.Rotation(traces=4)
provider, exporter = set_up(SimpleSpanProcessor)
for number in range(10):
    ask(str(number))
"""
    done = program(tmp_path, server, body)
    assert sorted(len(traces(run)) for run in done.runs) == [2, 4, 4]
    for run in done.runs:
        assert {row["trace_id"] for row in stats_rows(run)} == {trace.row["trace_id"] for trace in traces(run)}
        assert {row["session_id"] for row in stats_rows(run)} == {run.run_id}
        assert run.exit_code == 0
    assert_all_accounted_for(done.runs)


def test_traces_go_to_the_project_that_they_name(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, exporter = set_up(SimpleSpanProcessor, project="given")
tracer = provider.get_tracer("web")
for project in ("a", "b", "a"):
    with tracer.start_as_current_span("GET /", attributes={"wandb.project": project}):
        ask(project)
ask("none")
"""
    done = program(tmp_path, server, body)
    found = {run.project: sorted(str(row["request"]) for row in stats_rows(run)) for run in done.runs}
    assert found == {"a": ["**user**: a", "**user**: a"], "b": ["**user**: b"], "given": ["**user**: none"]}
    assert_all_accounted_for(done.runs)


MANY_PROJECTS = """
provider, exporter = set_up(SimpleSpanProcessor)
tracer = provider.get_tracer("web")
for number in [*range({projects})] * {times}:
    with tracer.start_as_current_span("chat m", attributes={{
        "wandb.project": f"p{{number}}", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"
    }}):
        pass
    exporter.force_flush()
print(len(exporter._writer.runs))
"""


def test_each_of_many_projects_has_one_run(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, MANY_PROJECTS.format(projects=23, times=2))
    assert (done.stdout, len(done.runs)) == ("23\n", 23), done.stderr
    assert {len(traces(run)) for run in done.runs} == {2}
    assert_all_accounted_for(done.runs)


def test_no_more_than_a_hundred_projects_are_open_at_once(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, MANY_PROJECTS.format(projects=101, times=2))
    assert done.stdout == "100\n", done.stderr
    again = [run for run in done.runs if run.display_name.endswith("(2)")]
    assert len(again) == len(done.runs) - 101 > 0
    assert sum(len(traces(run)) for run in done.runs) == 202


def test_feedback_before_the_first_trace_is_in_the_group_of_its_service(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, exporter = set_up(SimpleSpanProcessor, set_global=True)
exporter.log_feedback("0" * 32, "thumbs", 1)
assert exporter.force_flush()
"""
    done = program(tmp_path, server, body)
    resource = done.run.config["resource"]
    assert isinstance(resource, dict)
    assert (done.run.group, resource["service.name"]) == ("shop", "shop"), done.stderr


def test_a_flush_is_true_if_nothing_was_lost_since_the_last(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
provider, exporter = set_up(SimpleSpanProcessor, keep=lambda span: 1 / (fails - 1))
fails = 1
ask("lost")
print(exporter.force_flush(), exporter.force_flush())
fails = 2
ask("kept")
print(exporter.force_flush())
"""
    done = program(tmp_path, server, body)
    assert done.stdout.split() == ["False", "True", "True"], done.stderr
    assert asked(done) == ["**user**: kept"]


def test_a_run_that_is_old_or_has_many_tables_is_followed_by_another(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
from otel_wandb._runs import destination
from otel_wandb._runs.run import OpenRun
provider, exporter = set_up(SimpleSpanProcessor)
def step(text):
    ask(text)
    assert exporter.force_flush()
step("one")
destination._MOST_TABLES = 1
step("two")  # the tables of the first are seen after its second trace
destination._MOST_TABLES = 40
step("three")
destination.ROTATION = destination.Rotation(seconds=0.0)
step("four")
destination.ROTATION = destination.Rotation()
step("five")
"""
    done = program(tmp_path, server, body)
    assert done.returncode == 0, done.stderr
    assert sorted(len(traces(run)) for run in done.runs) == [1, 2, 2]
    assert asked(done) == [f"**user**: {text}" for text in ("five", "four", "one", "three", "two")]
