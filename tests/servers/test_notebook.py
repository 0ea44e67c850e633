"""A Jupyter notebook with `autolog`, executed as a whole."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.support.notebooks import executed
from tests.support.openai_server import OpenAIServer
from tests.support.run_file import stats_rows, traces

CELLS: Final = (
    """
import openai
from otel_openai_wandb import autolog
autolog({"project": "notebook"})
def question(text):
    return {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": text}]}
""",
    'openai.ChatCompletion.create(**question("one")).choices[0].message.content',
    '(await openai.ChatCompletion.acreate(**question("two"))).choices[0].message.content',
    '[chunk async for chunk in await openai.ChatCompletion.acreate(**question("three"), stream=True)]',
)

# The cells of W&B's quickstart notebook, as its documentation links it.
QUICKSTART: Final = (
    """
import os
import openai
from wandb.integration.openai import autolog
""",
    'autolog({"project": "gpt5"})',
    """
request_kwargs = dict(
    model="gpt-3.5-turbo",
    messages=[
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Who won the world series in 2020?"},
        {"role": "assistant", "content": "The Los Angeles Dodgers"},
        {"role": "user", "content": "Where was it played?"},
    ],
)
response = openai.ChatCompletion.create(**request_kwargs)
""",
    """
request_kwargs["messages"] = [{"role": "user", "content": "Write a poem about a notebook."}]
response = openai.ChatCompletion.create(**request_kwargs)
""",
    "autolog.disable()",
)


@pytest.mark.parametrize("last", [(), ("autolog.disable()",)], ids=["left alone", "disabled"])
def test_a_notebook(tmp_path: Path, server: OpenAIServer, last: Sequence[str]) -> None:
    done = executed(tmp_path, server, *CELLS, *last)
    assert done.returncode == 0, done.stderr
    asked = [row["request"] for row in stats_rows(done.run)]
    assert asked == [f"**user**: {text}" for text in ("one", "two", "three")], done.stderr
    assert (done.run.project, done.run.exit_code) == ("notebook", 0)


@pytest.mark.parametrize("before", [(), ("import wandb.integration.openai",)], ids=["fresh", "imported before"])
def test_wandbs_quickstart_runs_with_one_line_in_front(
    tmp_path: Path, server: OpenAIServer, before: Sequence[str]
) -> None:
    done = executed(tmp_path, server, *before, "%load_ext otel_openai_wandb", *QUICKSTART)
    assert done.returncode == 0, done.stderr
    run = done.run
    assert (run.project, run.exit_code, len(traces(run))) == ("gpt5", 0, 2)
    last = [str(row["request"]).rpartition("**user**: ")[2] for row in stats_rows(run)]
    assert last == ["Where was it played?", "Write a poem about a notebook."]


def test_without_that_line_wandbs_own_error_stays(tmp_path: Path, server: OpenAIServer) -> None:
    done = executed(tmp_path, server, *QUICKSTART)
    assert done.returncode != 0
    assert "cannot import name 'autolog' from 'wandb.integration.openai'" in done.stderr
    assert done.runs == []
