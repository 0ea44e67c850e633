"""Executes notebooks in a real kernel."""

import json
from pathlib import Path
from typing import Any

from tests.exporter.programs import settings
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_command


def executed(tmp_path: Path, server: OpenAIServer, *cells: str, **env: str) -> Finished:
    """Run the cells one by one in a separate kernel. The file has their outputs afterwards."""
    (tmp_path / "notebook.ipynb").write_text(json.dumps(notebook(*cells)))
    return run_command(["jupyter-execute", "--inplace", "notebook.ipynb"], tmp_path, env={**settings(server), **env})


def shown_below(tmp_path: Path) -> list[list[dict[str, str]]]:
    """The outputs of each cell of the executed notebook, by MIME type."""
    cells = json.loads((tmp_path / "notebook.ipynb").read_text())["cells"]
    return [
        [
            {kind: "".join(text) for kind, text in output["data"].items()}
            for output in cell["outputs"]
            if "data" in output
        ]
        for cell in cells
    ]


def notebook(*cells: str) -> dict[str, Any]:
    """A notebook of these code cells, in the format of its file."""
    code: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "cells": [{**code, "id": f"cell-{number}", "source": cell} for number, cell in enumerate(cells)],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
