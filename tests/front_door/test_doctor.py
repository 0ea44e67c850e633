"""`openai-wandb doctor`: what it says, and its exit code."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.exporter.test_private_parts import HIDE
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_command, run_program
from tests.support.run_file import stats_rows, traces
from tests.support.wandb_server import IMPATIENT, WandbServer
from tests.support.weave_server import WeaveServer

KEY = "sk-canary-0123456789"


def doctor(tmp_path: Path, *launcher: str, **env: str) -> Finished:
    settings = {"OPENAI_API_KEY": KEY}
    return run_command([*launcher, "openai-wandb", "doctor"], tmp_path, env={**settings, **env})


def report(tmp_path: Path, **env: str) -> Any:
    return json.loads(run_command(["openai-wandb", "doctor", "--json"], tmp_path, env=env).stdout)


def findings(done: Finished) -> dict[str, tuple[str, str]]:
    """State and text by what was examined."""
    found = (re.fullmatch(r" *(ok|note|failed)  (\S.*?)  +(.*)", line) for line in done.stdout.splitlines())
    return {match[2]: (match[1], match[3]) for match in found if match is not None}


def left_behind(tmp_path: Path) -> list[Path]:
    """Whatever of a run."""
    return [path for path in tmp_path.rglob("*") if "run-" in path.name or path.suffix in {".wandb", ".tmp"}]


def test_all_is_well_without_a_key(tmp_path: Path) -> None:
    done = doctor(tmp_path)
    found = findings(done)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert [name for name, (state, _) in found.items() if state == "ok"] == [
        "packages",
        "instrumentor",
        "sampler",
        "capture",
        "test trace",
    ]
    assert "openai 0.28.1" in found["packages"][1] or "openai 0.27.8" in found["packages"][1]
    assert found["exporter"][0] == found["W&B"][0] == "note"
    assert found["W&B"][1].startswith("no key for ")
    assert left_behind(tmp_path) == []


def test_a_version_that_nobody_tested_is_a_note(tmp_path: Path) -> None:
    installed = tmp_path / "newer" / "wandb-0.99.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: wandb\nVersion: 0.99.0\n")
    done = doctor(tmp_path, PYTHONPATH=str(installed.parent))
    state, text = findings(done)["versions"]
    assert (done.returncode, state) == (0, "note"), done.stdout
    assert "wandb 0.99.0 (wandb >= 0.20.1, < 0.32)" in text
    assert "wandb" not in findings(doctor(tmp_path)).get("versions", ("", ""))[1]


def test_a_wandb_that_lacks_a_comfort_is_a_note(tmp_path: Path) -> None:
    part = {"module": "wandb.sdk.wandb_setup", "of": "_WandbSetup", "name": "remove_active_run", "kind": "gone"}
    hide = HIDE
    for field, value in part.items():
        hide = hide.replace(f"{{{field}!r}}", repr(value))
    done = run_program(tmp_path, SOURCE.format(before=hide))
    said = "this version lacks private parts that are used for keeping our run out of wandb's active runs"
    assert (done.returncode, findings(done)["wandb"]) == (0, ("note", said)), done.stderr
    assert "wandb" not in findings(doctor(tmp_path))


def test_what_opentelemetry_instrument_started_is_active(tmp_path: Path) -> None:
    done = doctor(tmp_path, "opentelemetry-instrument", OTEL_TRACES_EXPORTER="wandb", WANDB_MODE="offline")
    found = findings(done)
    assert (done.returncode, found["exporter"]) == (0, ("ok", "OTEL_TRACES_EXPORTER=wandb")), done.stdout
    assert found["instrumentor"] == ("ok", "active, started by opentelemetry-instrument")
    assert found["test trace"][0] == "ok"
    assert left_behind(tmp_path) == []


def test_a_key_that_is_taken(tmp_path: Path, wandb_server: WandbServer) -> None:
    done = doctor(tmp_path, **wandb_server.environment)
    assert findings(done)["W&B"] == ("ok", f"{wandb_server.url} takes the key")
    assert done.returncode == 0
    assert list(wandb_server.runs) == []
    assert left_behind(tmp_path) == []
    said = done.stdout + done.stderr
    assert KEY not in said
    assert wandb_server.environment["WANDB_API_KEY"] not in said


def test_weave_is_asked_where_traces_go_there(
    tmp_path: Path, wandb_server: WandbServer, weave_server: WeaveServer
) -> None:
    env = {**wandb_server.environment, "WF_TRACE_SERVER_URL": weave_server.url, "OTEL_WANDB_WEAVE": "true"}
    done = doctor(tmp_path, **env)
    said = f"{weave_server.url}/otel/v1/traces took a span, which is in testers/openai-wandb-doctor"
    assert findings(done)["Weave"] == ("ok", said)
    assert "offline run" not in done.stderr
    (call,) = weave_server.calls
    assert (call.name, call.project) == ("openai-wandb doctor", "testers/openai-wandb-doctor")
    weave_server.always = 403, {}
    done = doctor(tmp_path, **env)
    assert done.returncode == 1
    assert findings(done)["Weave"][0] == "failed"
    assert "unauthorized" in findings(done)["Weave"][1]
    assert "Weave" not in findings(doctor(tmp_path, **wandb_server.environment))


def test_an_account_gets_runs_with_everything_in_them(
    tmp_path: Path, wandb_server: WandbServer, weave_server: WeaveServer
) -> None:
    env = {**wandb_server.environment, **IMPATIENT, "WF_TRACE_SERVER_URL": weave_server.url}
    done = run_command(["openai-wandb", "doctor", "--account"], tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    calls, agents = wandb_server.runs.values()
    for run in (calls, agents):
        assert [len(trace.root["child_spans"]) for trace in traces(run)] == [3, 2]
        assert (len(stats_rows(run)), len(stats_rows(run, "traces")), len(stats_rows(run, "feedback"))) == (4, 2, 1)
        assert any("page" in row for row in run.history)
        assert run.run_id in done.stdout
    assert {post.path for post in weave_server.posts} == {"/otel/v1/traces", "/agents/otel/v1/traces"}
    linked = [call for call in weave_server.calls if call.run_id]
    assert {call.run_id for call in linked} == {calls.run_id}
    assert [call.name for call in linked if call.is_turn] == ["invoke_agent openai-wandb", "GET /stream"]
    assert f"--delete testers/openai-wandb-doctor/{calls.run_id} testers/openai-wandb-doctor/{agents.run_id}" in (
        done.stdout
    )


def test_the_runs_that_it_made_are_deleted(
    tmp_path: Path, wandb_server: WandbServer, weave_server: WeaveServer
) -> None:
    env = {**wandb_server.environment, **IMPATIENT, "WF_TRACE_SERVER_URL": weave_server.url}
    made = run_command(["openai-wandb", "doctor", "--account"], tmp_path, env=env)
    assert len(wandb_server.runs) == 2, made.stderr
    command = made.stdout.splitlines()[-1].partition("): ")[2].split()
    done = run_command(command, tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("was deleted.") == 2
    assert list(wandb_server.runs) == []
    again = run_command(command, tmp_path, env=env)
    assert (again.returncode, again.stdout) == (1, "")
    assert "could not be deleted" in again.stderr


def test_without_an_account_there_is_none_to_look_at(tmp_path: Path) -> None:
    done = run_command(["openai-wandb", "doctor", "--account"], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "wandb login" in done.stderr


def test_runs_are_deleted_only_with_account(tmp_path: Path) -> None:
    done = run_command(["openai-wandb", "doctor", "--delete", "a/b/c"], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--delete deletes runs that --account made: add --account\n"


def test_for_machines(tmp_path: Path) -> None:
    well, ill = report(tmp_path), report(tmp_path, OTEL_SDK_DISABLED="true")
    assert (well["ok"], {found["state"] for found in well["findings"]}) == (True, {"ok", "note"})
    assert ill["ok"] is False
    assert ill["findings"][1] == {
        "what": "instrumentor",
        "state": "failed",
        "text": "OTEL_SDK_DISABLED is true: no span is recorded",
        "remedy": "unset OTEL_SDK_DISABLED",
    }


WRONG: list[tuple[dict[str, str], str, str, str]] = [
    (
        {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "a, openai_v0"},
        "instrumentor",
        "disabled by OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
        "unset OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
    ),
    ({"OTEL_SDK_DISABLED": "true"}, "instrumentor", "OTEL_SDK_DISABLED is true", "unset OTEL_SDK_DISABLED"),
    ({"OTEL_TRACES_SAMPLER": "always_off"}, "sampler", "OTEL_TRACES_SAMPLER=always_off records no call", "unset"),
    (
        {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
        "sampler",
        "OTEL_TRACES_SAMPLER=parentbased_traceidratio records no call",
        "unset OTEL_TRACES_SAMPLER",
    ),
    (
        {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "sure"},
        "capture",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT='sure' is none of",
        "set OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT to no_content or span_only",
    ),
    ({"OTEL_TRACES_EXPORTER": "wandb,jaegr"}, "traces exporter", "OTEL_TRACES_EXPORTER=wandb,jaegr: no", "wandb, or"),
    (
        {"OTEL_TRACES_EXPORTER": "wandb,"},
        "traces exporter",
        "OTEL_TRACES_EXPORTER=wandb,: a name is empty",
        "=wandb, or",
    ),
    (
        {"OTEL_TRACES_EXPORTER": "wandb,none"},
        "traces exporter",
        "OTEL_TRACES_EXPORTER=wandb,none: none must stand alone",
        "OTEL_TRACES_EXPORTER=wandb, or",
    ),
    ({"OTEL_METRICS_EXPORTER": "statsd"}, "metrics exporter", "OTEL_METRICS_EXPORTER=statsd: no", "EXPORTER=none, or"),
    (
        {"OTEL_LOGS_EXPORTER": "otlp_json"},
        "logs exporter",
        "OTEL_LOGS_EXPORTER=otlp_json: no installed package has an exporter otlp_json",
        "OTEL_LOGS_EXPORTER=none, or",
    ),
    (
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "x"},
        "OpenTelemetry",
        "ValueError: OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be a non-negative integer",
        "correct what it names",
    ),
    (
        {"WANDB_BASE_URL": "nonsense", "OTEL_WANDB_WEAVE": "true"},
        "Weave",
        "ValidationError: 1 validation error for Settings",
        "correct what it names",
    ),
    ({"WANDB_MODE": "nonsense"}, "W&B", "WANDB_MODE=nonsense is none of online", "unset WANDB_MODE"),
    ({"WANDB_MODE": "disabled"}, "W&B", "its mode is disabled: nothing is written", "unset WANDB_MODE"),
    ({"WANDB_MODE": "online"}, "W&B", "its mode is online, and there is no key for https://", "wandb login --host="),
    ({"WANDB_BASE_URL": "nonsense"}, "W&B", "WANDB_BASE_URL cannot be read", "unset WANDB_BASE_URL"),
]


@pytest.mark.parametrize(("env", "what", "said", "remedy"), WRONG, ids=[" ".join(env) for env, *_ in WRONG])
def test_what_is_wrong_is_said_with_what_to_type_and_makes_the_exit_code(
    tmp_path: Path, env: dict[str, str], what: str, said: str, remedy: str
) -> None:
    done = doctor(tmp_path, **env)
    state, text = findings(done)[what]
    assert (done.returncode, state) == (1, "failed"), done.stdout
    assert text.startswith(said)
    assert remedy in text[len(said) :]
    assert "Traceback" not in done.stderr
    assert left_behind(tmp_path) == []


def test_wandb_disabled_for_the_directory(tmp_path: Path) -> None:
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "settings").write_text("[default]\nmode = disabled\n")
    done = doctor(tmp_path)
    assert (done.returncode, findings(done)["W&B"][0]) == (1, "failed"), done.stdout


@pytest.mark.parametrize("key", ["short", "0" * 40])
def test_a_key_that_is_not_taken(tmp_path: Path, wandb_server: WandbServer, key: str) -> None:
    wandb_server.fail(401)
    done = doctor(tmp_path, **{**wandb_server.environment, "WANDB_API_KEY": key})
    state, text = findings(done)["W&B"]
    assert (done.returncode, state) == (1, "failed"), done.stdout
    assert text.startswith(f"{wandb_server.url} does not take the key: ")
    assert text.endswith(": export WANDB_API_KEY=...")
    assert key not in (done.stdout + done.stderr).replace("shorter", "")


def test_a_server_that_is_not_there(tmp_path: Path, refusing: str) -> None:
    address = refusing.replace("://", "://user:secret@").removesuffix("/v1")
    done = doctor(tmp_path, WANDB_BASE_URL=address, WANDB_API_KEY="0" * 40)
    state, text = findings(done)["W&B"]
    assert (done.returncode, state) == (1, "failed"), done.stdout
    assert text.endswith(f": curl -I {refusing.removesuffix('/v1')}")
    assert "secret" not in done.stdout


def test_the_key_of_a_file_is_not_read(tmp_path: Path) -> None:
    done = doctor(tmp_path, OPENAI_API_KEY_PATH=str(tmp_path / "missing"))
    assert (done.returncode, findings(done)["test trace"][0]) == (0, "ok"), done.stderr


@pytest.mark.parametrize(
    ("mode", "said"), [("dryrun", "its mode is offline: "), ("run", "its mode is run, and there is no key")]
)
def test_the_older_names_of_modes_are_known(tmp_path: Path, mode: str, said: str) -> None:
    assert findings(doctor(tmp_path, WANDB_MODE=mode))["W&B"][1].startswith(said)


def test_no_exporter_is_named(tmp_path: Path) -> None:
    done = doctor(tmp_path, OTEL_TRACES_EXPORTER="none")
    assert findings(done)["exporter"][1].startswith("OTEL_TRACES_EXPORTER is none: ")


def test_a_part_of_the_calls_is_noted(tmp_path: Path) -> None:
    done = doctor(tmp_path, OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG="0.01")
    assert findings(done)["sampler"] == ("note", "OTEL_TRACES_SAMPLER=traceidratio records a part of the calls")


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}, "disabled by OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"),
        ({"OTEL_METRICS_EXPORTER": "statsd"}, "opentelemetry-instrument started this program and did not instrument"),
        (
            {"OTEL_TRACES_EXPORTER": "wandb", "OTEL_PYTHON_DISTRO": "nobody's"},
            "opentelemetry-instrument set up no SDK, so nothing is recorded",
        ),
    ],
)
def test_a_launch_that_did_not_activate(tmp_path: Path, env: dict[str, str], said: str) -> None:
    done = doctor(tmp_path, "opentelemetry-instrument", **env)
    state, text = findings(done)["instrumentor"]
    assert (done.returncode, state) == (1, "failed"), done.stdout + done.stderr
    assert text.startswith(said)


def test_a_launch_without_an_exporter_leaves_the_sdk_to_the_program(tmp_path: Path) -> None:
    done = doctor(tmp_path, "opentelemetry-instrument")
    state, text = findings(done)["instrumentor"]
    assert (done.returncode, state) == (0, "note"), done.stdout
    assert text.endswith("the program must set up OpenTelemetry itself")


def test_wandb_and_otlp_are_there(tmp_path: Path) -> None:
    found = findings(doctor(tmp_path, OTEL_TRACES_EXPORTER="wandb,otlp"))
    assert found["exporter"] == ("ok", "OTEL_TRACES_EXPORTER=wandb,otlp")


SOURCE = """
import sys
{before}
from otel_openai_wandb._cli import main
sys.exit(main(["doctor"]))
"""
ANOTHER = """
import openai, wrapt
wrapper = eval("lambda wrapped, _, args, kwargs: wrapped(*args, **kwargs)", {"__name__": "langfuse.openai"})
wrapt.wrap_function_wrapper(openai.ChatCompletion, "create", wrapper)
"""
# Other versions than those that are installed; None: it is not.
VERSIONS = """
import opentelemetry.instrumentation.dependencies as dependencies
from importlib.metadata import PackageNotFoundError
real, other = dependencies.version, {other!r}
def version(name):
    found = other.get(name, "") if name in other else real(name)
    if found is None:
        raise PackageNotFoundError(name)
    return found
dependencies.version = version
"""


@pytest.mark.parametrize(
    ("before", "what", "said"),
    [
        (
            ANOTHER,
            "instrumentor",
            ["openai is instrumented by langfuse.openai already: every call would have two spans"],
        ),
        (
            VERSIONS.format(other={"openai": "1.12.0"}),
            "packages",
            ["openai<1,>=0.27.8 is needed, but openai 1.12.0 is installed"],
        ),
        (VERSIONS.format(other={"wrapt": "1.0"}), "packages", ["wrapt<3,>=1.11 is needed, but wrapt 1.0 is installed"]),
        (
            VERSIONS.format(other={"openai": "1.12.0", "wandb": None, "opentelemetry-sdk": None}),
            "packages",
            [
                "openai<1,>=0.27.8 is needed, but openai 1.12.0",
                "wandb",
                "is missing",
                "opentelemetry-sdk",
                "pip install ",
            ],
        ),
    ],
    ids=["another instrumentation", "newer openai", "older wrapt", "no extras and newer openai"],
)
def test_what_the_installation_lacks(
    tmp_path: Path, server: OpenAIServer, before: str, what: str, said: list[str]
) -> None:
    done = run_program(tmp_path, SOURCE.format(before=before), env={"OPENAI_API_BASE": server.url})
    state, text = findings(done)[what]
    assert (done.returncode, state) == (1, "failed"), done.stdout + done.stderr
    assert [part for part in said if part not in text] == []
