"""Finds files of a program that may still be running."""

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(directory: Path) -> Iterator[Path]:
    """All files below a directory. A folder that is deleted meanwhile is skipped (`Path.rglob` raises an error)."""
    for folder, _, names in os.walk(directory):
        yield from (Path(folder, name) for name in names)


def bytes_below(directory: Path) -> int:
    """The bytes of all files below a directory. A file that is deleted meanwhile counts as empty."""
    return sum(map(_size_of, files_below(directory)))


def _size_of(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
