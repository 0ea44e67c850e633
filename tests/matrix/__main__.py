"""Prints README's table. With `run`, creates every environment with uv and runs its tests there."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.matrix.environments import ENVIRONMENTS, Environment, table

CHECKOUT = Path(__file__).parents[2]


def interpreter(minor: str) -> str | None:
    """The Python of that version, from the path or beside the running one; None if this machine has none."""
    found = subprocess.run(
        ["uv", "python", "find", "--no-python-downloads", minor], capture_output=True, text=True, check=False
    )
    beside = sorted(Path(sys.base_prefix).parent.glob(f"{minor}.*/bin/python3"))
    return found.stdout.strip() or next(map(str, beside), None)


def passes(environment: Environment, place: Path, python: str) -> bool:
    """Whether the environment installs and its tests pass."""
    run = {**os.environ, "VIRTUAL_ENV": str(place), "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    install = ["uv", "pip", "install", "-q", *(["--prerelease", "allow"] if environment.prereleases else [])]
    kept = [pin for pin in environment.pins() if "==" in pin]
    # uv caches the build of a folder as long as the folder's pyproject.toml does not change.
    rebuilt = ["--refresh-package", "otel-openai-wandb"]
    steps: Sequence[Sequence[str]] = (
        ["uv", "venv", "-q", "--seed", "-p", python, str(place)],
        [*install, *environment.pins()],
        [*install, *rebuilt, *environment.package()],
        # Fails if the last step has changed a pinned version: restoring it needs the index, which is off.
        *([[*install, "--no-index", "--no-deps", "--dry-run", *kept]] if kept else []),
        ["pytest", *environment.tests],
    )
    return all(subprocess.run(step, cwd=CHECKOUT, env=run, check=False).returncode == 0 for step in steps)


def run(names: Sequence[str]) -> int:
    """Run all environments, or those in `names`. Returns the exit code."""
    said: list[str] = []
    failed = False
    for environment in ENVIRONMENTS:
        if names and environment.name not in names:
            continue
        python, started = interpreter(environment.python), time.monotonic()
        if python is None:
            said.append(f"{environment.name}: no Python {environment.python} on this machine")
            continue
        sys.stdout.write(f"== {environment.name}: {', '.join(environment.pins())}, {python}\n")
        sys.stdout.flush()
        with tempfile.TemporaryDirectory() as place:
            is_well = passes(environment, Path(place) / "venv", python)
        failed = failed or not (is_well or environment.prereleases)
        took = f"{time.monotonic() - started:.0f} s"
        said.append(f"{environment.name}: {'passed' if is_well else 'FAILED'}, {took}")
    sys.stdout.write("\n".join([table(), *said]) + "\n")
    return int(failed)


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        sys.exit(run(sys.argv[2:]))
    sys.stdout.write(table() + "\n")
