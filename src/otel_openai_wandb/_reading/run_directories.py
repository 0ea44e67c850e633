"""Finds the directory of a run: the one that was named, or the newest one below wandb's directory."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_RUN: Final = re.compile(r"(?:offline-)?run-(\d{8}_\d{6})-.+")
_TRACE: Final = b"wb_trace_tree"  # in each row of the history with a trace
_CHUNK: Final = 1 << 20


class NoRunError(Exception):
    """No run was found; the message says why."""


def run_directory(named: str | None, environ: Mapping[str, str]) -> Path:
    """The directory of the run `named`, else of the newest below `WANDB_DIR` or the working directory.

    Raises NoRunError.
    """
    if named is not None:
        path = Path(named)
        if path.is_file():
            path = path.parent
        if not path.is_dir():
            raise NoRunError(f"There is no run directory {named}.")
        return path
    root = Path(environ.get("WANDB_DIR") or ".")
    found = [path for name in ("wandb", ".wandb") for path in (root / name).glob("*run-*") if _started(path)]
    if not found:
        raise NoRunError(f"There is no run below {root / 'wandb'}; name a run directory, or set WANDB_DIR.")
    return max(found, key=lambda path: (_started(path), path.stat().st_mtime_ns))


def has_traces(directory: Path) -> bool:
    """Whether the run's file has traces in its history. The file may be incomplete."""
    return any(_holds(path, _TRACE) for path in directory.glob("*.wandb"))


def from_here(directory: Path) -> str:
    """The path relative to the working directory, if it is below that."""
    try:
        return str(directory.relative_to(Path.cwd()))
    except ValueError:
        return str(directory)


def _started(path: Path) -> str:
    """The start of a run, from its directory's name; empty for any other directory."""
    match = _RUN.fullmatch(path.name)
    return match[1] if match is not None and path.is_dir() else ""


def _holds(path: Path, sought: bytes) -> bool:
    with path.open("rb") as file:
        rest = b""
        while data := file.read(_CHUNK):
            if sought in rest + data:
                return True
            rest = data[-len(sought) :]
    return False
