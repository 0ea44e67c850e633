"""Runs a program as a user would: in a separate process, without the environment of this machine's user."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.run_file import RunFile

CHECKOUT = Path(__file__).parents[2]
_FOREIGN = ("OPENAI_", "WANDB_", "OTEL_", "PYTHON")


@dataclass(frozen=True, slots=True)
class Finished:
    """The result of a program that has ended."""

    returncode: int
    stdout: str
    stderr: str
    directory: Path

    @property
    def runs(self) -> "list[RunFile]":
        from tests.support.run_file import find_runs, read_run  # not every environment of the tests has wandb

        return [read_run(path) for path in find_runs(self.directory)]

    @property
    def run(self) -> "RunFile":
        """The only run that it wrote."""
        (run,) = self.runs
        return run


def environment(directory: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment with all of wandb's directories below `directory`, no keys, and no settings of this process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    ours = {
        "HOME": str(directory),
        "NETRC": str(directory / "netrc"),
        "NO_PROXY": "127.0.0.1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(CHECKOUT),
        "WANDB_DIR": str(directory),
        "WANDB_DATA_DIR": str(directory / "data"),
        "WANDB_CACHE_DIR": str(directory / "cache"),
        "WANDB_CONFIG_DIR": str(directory / "config"),
    }
    return {**kept, **ours, **(more or {})}


def run_program(
    directory: Path,
    source: str,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    command: Sequence[str] = (sys.executable,),
    timeout: float = 120,
) -> Finished:
    """Write `source` to a file below `directory`, run it with `command`, and wait for it."""
    script = directory / "program.py"
    script.write_text(textwrap.dedent(source))
    return run_command([*command, str(script), *arguments], directory, env=env, timeout=timeout)


def run_command(
    command: Sequence[str] | str,
    directory: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 120,
) -> Finished:
    """Run a command or a shell line with all of wandb's directories below `directory`, and wait for it."""
    done = subprocess.run(
        command,
        shell=isinstance(command, str),
        cwd=cwd or directory,
        env=environment(directory, env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr, directory)
