"""Finds files of a program that may still be running."""

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(directory: Path) -> Iterator[Path]:
    """All files below a directory; a folder that is deleted meanwhile has none (`Path.rglob` raises there)."""
    for folder, _, names in os.walk(directory):
        yield from (Path(folder, name) for name in names)


def bytes_below(directory: Path) -> int:
    """The bytes of all files below a directory; a file that is deleted meanwhile has none."""
    return sum(map(_size_of, files_below(directory)))


def _size_of(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
