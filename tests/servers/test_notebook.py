"""A Jupyter notebook with `autolog`, executed as a whole."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.exporter.programs import settings
from tests.support.openai_server import OpenAIServer
from tests.support.program import run_command
from tests.support.run_file import stats_rows

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


@pytest.mark.parametrize("last", [(), ("autolog.disable()",)], ids=["left alone", "disabled"])
def test_a_notebook(tmp_path: Path, server: OpenAIServer, last: Sequence[str]) -> None:
    (tmp_path / "notebook.ipynb").write_text(json.dumps(notebook(*CELLS, *last)))
    done = run_command(["jupyter-execute", "--inplace", "notebook.ipynb"], tmp_path, env=settings(server))
    assert done.returncode == 0, done.stderr
    asked = [row["request"] for row in stats_rows(done.run)]
    assert asked == [f"**user**: {text}" for text in ("one", "two", "three")], done.stderr
    assert (done.run.project, done.run.exit_code) == ("notebook", 0)


def notebook(*cells: str) -> dict[str, Any]:
    """A notebook of these cells of code, in its file's format."""
    code: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "cells": [{**code, "id": f"cell-{number}", "source": cell} for number, cell in enumerate(cells)],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
