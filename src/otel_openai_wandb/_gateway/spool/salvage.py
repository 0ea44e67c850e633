"""Copies the readable rows of a damaged spool to a new one, and renames the damaged file."""

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_openai_wandb._gateway.spool.file import Row, SpoolFile, connection, is_damage, read_row, sync_directory

log: Final = logging.getLogger(__name__)

_MOST_FAILURES: Final = 100_000  # consecutive unreadable numbers, after which the rest is given up
_SUFFIXES: Final = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Salvaged:
    """The result for a damaged spool. `lost` is None if the counters could not be read. `aside` is the damaged file."""

    bodies: int
    spans: int
    lost: int | None
    aside: Path


def opened(path: Path) -> tuple[SpoolFile, Salvaged | None]:
    """Open the spool's file; a damaged one is salvaged first. Raises sqlite3.Error and OSError if that fails."""
    new = _new(path)
    if new.exists() and not path.exists():  # the process was killed after it had renamed the damaged file
        _remove(path)  # its log, which SQLite would replay into the new file
        new.rename(path)
    file: SpoolFile | None = None
    try:
        file = SpoolFile(path)
        file.check()
    except sqlite3.Error as error:
        if file is not None:
            file.close()
        if not is_damage(error):
            raise
        return salvaged(path, error)
    return file, None


def salvaged(path: Path, why: object) -> tuple[SpoolFile, Salvaged]:
    """Replace the damaged file at `path` by a new one with its readable rows.

    Rows keep their numbers. Raises sqlite3.Error and OSError. If copying fails, the damaged file stays in place.
    """
    _remove(_new(path))
    with closing(connection(path)) as damaged, closing(SpoolFile(_new(path))) as target:
        newest = _newest(damaged)
        counts = _counts(damaged)
        bodies, spans = target.restore(_readable(damaged, newest), newest, counts)
    aside = _set_aside(path)
    _new(path).rename(path)
    sync_directory(path.parent)
    lost = None if counts is None else max(0, counts["received"] - counts["released"] - counts["lost"] - spans)
    log.error(
        "the spool was damaged (%s): %d bodies with %d spans were saved, %s spans are lost; the damaged file is %s",
        *(why, bodies, spans, "an unknown number of" if lost is None else lost, aside),
    )
    return SpoolFile(path), Salvaged(bodies, spans, lost, aside)


def _new(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _counts(damaged: sqlite3.Connection) -> Mapping[str, int] | None:
    with suppress(sqlite3.Error):
        found = dict(damaged.execute("SELECT name, spans FROM counts").fetchall())
        return found if found.keys() >= {"received", "released", "lost"} else None
    return None


def _newest(damaged: sqlite3.Connection) -> int:
    """The highest row number that was ever used, as far as the file can be read."""
    found = 0
    for query in ("SELECT seq FROM sqlite_sequence WHERE name = 'bodies'", "SELECT max(id) FROM bodies"):
        with suppress(sqlite3.Error):
            (number,) = damaged.execute(query).fetchone() or (0,)
            found = max(found, number or 0)
    return found


def _readable(damaged: sqlite3.Connection, newest: int) -> Iterator[Row]:
    """The intact rows, newest first. After a damaged page each lower number is tried in turn."""
    below, failures = newest + 1, 0
    while below > 0 and failures < _MOST_FAILURES:
        try:
            (number,) = damaged.execute("SELECT max(id) FROM bodies WHERE id < ?", (below,)).fetchone()
        except sqlite3.Error:
            below, failures = below - 1, failures + 1
            continue
        if number is None:
            return
        below, failures = number, 0
        with suppress(sqlite3.Error):
            row = read_row(damaged, number)
            if row is not None:
                yield row


def _set_aside(path: Path) -> Path:
    number = 1
    while path.with_name(f"damaged-{number}-{path.name}").exists():
        number += 1
    aside = path.with_name(f"damaged-{number}-{path.name}")
    for suffix in _SUFFIXES:
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def _remove(path: Path) -> None:
    for suffix in _SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
