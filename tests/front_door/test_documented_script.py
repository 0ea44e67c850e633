"""The script from W&B's documentation, by the one line of `autolog` and by no line at all."""

from pathlib import Path

import pytest

from tests.support.openai_server import OpenAIServer, error
from tests.support.program import Finished, run_program
from tests.support.run_file import stats_rows, traces

SCRIPT = """
import openai
{start}
request_kwargs = dict(
    model="gpt-3.5-turbo",
    messages=[
        {{"role": "system", "content": "You are a helpful assistant."}},
        {{"role": "user", "content": "Who won the world series in 2020?"}},
        {{"role": "assistant", "content": "The Los Angeles Dodgers"}},
        {{"role": "user", "content": "Where was it played?"}},
    ],
)
response = openai.ChatCompletion.create(**request_kwargs)
{end}
"""
REQUEST = (
    "**system**: You are a helpful assistant.\n\n**user**: Who won the world series in 2020?\n\n"
    "**assistant**: The Los Angeles Dodgers\n\n**user**: Where was it played?"
)
RESPONSE = "**assistant**: You said: Where was it played?"
WAYS = {
    "autolog": (
        SCRIPT.format(
            start='from otel_openai_wandb import autolog\nautolog({"project": "gpt5"})', end="autolog.disable()"
        ),
        (),
        {},
    ),
    "zero code": (
        SCRIPT.format(start="", end=""),
        ("opentelemetry-instrument",),
        {
            "OTEL_TRACES_EXPORTER": "wandb",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "WANDB_PROJECT": "gpt5",
        },
    ),
}


@pytest.fixture(params=WAYS)
def finished(request: pytest.FixtureRequest, server: OpenAIServer, tmp_path: Path) -> Finished:
    source, launcher, env = WAYS[request.param]
    env = {**env, "OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-canary-0123456789", "WANDB_MODE": "offline"}
    command = (*launcher, "python")
    return run_program(tmp_path, source, env=env, command=command)


def test_the_call_is_in_the_run(finished: Finished) -> None:
    assert finished.returncode == 0, finished.stderr
    run = finished.run
    assert run.project == "gpt5"
    (trace,) = traces(run)
    assert trace.root["span_kind"] == "LLM"
    assert trace.root["results"] == [{"inputs": {"request": REQUEST}, "outputs": {"response": RESPONSE}}]
    assert trace.model["_kind"] == "openai"
    usage = {key: trace.row[key] for key in trace.row if key.startswith("usage/")}
    elapsed = usage.pop("usage/elapsed_time")
    assert usage.pop("usage/cost") == 4.2e-05
    assert usage == {"usage/prompt_tokens": 20, "usage/completion_tokens": 6, "usage/total_tokens": 26}
    (row,) = stats_rows(run)
    assert [row["request"], row["response"], row["model"]] == [REQUEST, RESPONSE, "gpt-3.5-turbo"]
    assert [row["prompt_tokens"], row["completion_tokens"], row["total_tokens"]] == [20, 6, 26]
    assert (row["session_id"], row["api_type"], row["request_id"]) == (run.run_id, "openai", "chatcmpl-1")
    assert row["elapsed_time"] == pytest.approx(elapsed, abs=1e-6)


def test_the_key_is_nowhere(finished: Finished) -> None:
    files = [path for path in finished.directory.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert [path for path in files if b"sk-canary-0123456789" in path.read_bytes()] == []
    assert "sk-canary-0123456789" not in finished.stdout + finished.stderr


@pytest.mark.parametrize("way", ["argument", "header", "module"])
def test_a_key_that_the_server_repeats_is_nowhere(tmp_path: Path, server: OpenAIServer, way: str) -> None:
    server.answer_always(error(401, "Incorrect API key provided: word-of-no-pattern."))
    source = f"""
import os
import openai
from otel_openai_wandb import autolog
key = os.environ["A_KEY"]
ways = {{"argument": {{"api_key": key}}, "header": {{"headers": {{"Authorization": "Bearer " + key}}}}, "module": {{}}}}
openai.api_key = key if {way!r} == "module" else "other"
autolog({{"project": "p"}})
try:
    openai.ChatCompletion.create(model="m", messages=[], **ways[{way!r}])
except openai.error.AuthenticationError:
    print("refused")
autolog.disable()
"""
    env = {"OPENAI_API_BASE": server.url, "WANDB_MODE": "offline", "A_KEY": "word-of-no-pattern"}
    done = run_program(tmp_path, source, env=env)
    assert done.stdout.splitlines()[-1] == "refused", done.stderr
    assert stats_rows(done.run)[0]["error"] == "AuthenticationError: Incorrect API key provided: [scrubbed]."
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if b"word-of-no-pattern" in path.read_bytes()] == []
    assert "word-of-no-pattern" not in done.stderr
