"""Makes a Python without some of this one's packages: a virtual environment of links."""

import sys
import sysconfig
import venv
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path


def python_without(directory: Path, *packages: str) -> Path:
    """The path of an interpreter in `directory` with all packages of this one, except for `packages`."""
    place = directory / "bare"
    venv.create(place, symlinks=True)
    site = place / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    left_out = {path for name in packages for path in _folders(name)}
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry not in left_out:
            _link(entry, site / entry.name, left_out)
    return place / "bin" / Path(sys.executable).name


def _link(entry: Path, place: Path, left_out: set[Path]) -> None:
    """Make one link, or a folder of links if something below the folder is left out."""
    if not any(entry in path.parents for path in left_out):
        place.symlink_to(entry)
        return
    place.mkdir()
    for inner in entry.iterdir():
        if inner not in left_out:
            _link(inner, place / inner.name, left_out)


def _folders(name: str) -> Iterator[Path]:
    """The folders and files that only this distribution has, also those within a shared folder."""
    found = distribution(name)
    shared = {"opentelemetry"}
    for path in found.files or ():
        if ".." not in path.parts:
            depth = 2 if path.parts[0] in shared else 1
            yield Path(str(found.locate_file(Path(*path.parts[:depth]))))
