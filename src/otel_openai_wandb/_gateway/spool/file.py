"""The spool's file: SQLite with one connection that writes and one that reads. Threads and limits are `Spool`'s.

The counters change in the transaction that inserts or deletes a body's row, so that they agree after any kill.
"""

import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

NAME: Final = "spool.db"
_ROWS_AT_ONCE: Final = 16  # of up to 16 MiB each
ROW_BYTES: Final = 200  # approximate size of a row without its body
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS bodies(
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, signal TEXT NOT NULL, encoding TEXT NOT NULL,
    spans INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS bodies_of_tenant ON bodies(tenant, id);
CREATE TABLE IF NOT EXISTS counts(name TEXT PRIMARY KEY, spans INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO counts VALUES ('received', 0), ('released', 0), ('lost', 0);
"""


@dataclass(frozen=True, slots=True)
class Body:
    """One OTLP request, decompressed. `tenant` is "entity/project", or empty without tokens."""

    tenant: str
    signal: str
    encoding: str
    spans: int
    data: bytes

    @property
    def size(self) -> int:
        """Bytes in the spool."""
        return len(self.data) + ROW_BYTES


class Row(NamedTuple):
    """A body and its number in the spool."""

    id: int
    body: Body


class Held(NamedTuple):
    """The totals of a tenant's bodies in the spool."""

    bodies: int
    spans: int
    bytes: int


class Released(NamedTuple):
    """A deleted row: how many of its spans were released, and how many lost."""

    tenant: str
    released: int
    lost: int
    bytes: int


class CorruptError(sqlite3.DatabaseError):
    """The file is damaged, or the body of a row is not the one that was written."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is damaged. A full disk or a held lock is no damage."""
    texts = ("malformed", "not a database", "corrupt")
    return isinstance(error, CorruptError) or any(text in str(error) for text in texts)


class SpoolFile:
    """Opens the file `path`, or creates it and its directory. Raises sqlite3.Error and OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _make_private(path)
        self._writing = connection(path)
        try:
            self._writing.execute("PRAGMA journal_mode = WAL")
            self._writing.execute("PRAGMA synchronous = FULL")
            self._writing.execute("PRAGMA journal_size_limit = 67108864")
            with transaction(self._writing):
                for statement in _SCHEMA.split(";\n"):
                    self._writing.execute(statement)
            self._reading = connection(path)
        except BaseException:
            self._writing.close()
            raise

    def check(self) -> None:
        """Raise CorruptError if a page is damaged. Reads the whole file."""
        (found,) = self._reading.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise CorruptError(found)

    def commit(self, bodies: Sequence[Body], released: Mapping[int, int]) -> list[Released]:
        """Add `bodies` and delete the rows `released`, on the disk when this returns. Returns the deleted rows.

        `released` maps the number of a row to how many of its spans are lost. Even an empty commit writes to the file.
        """
        with transaction(self._writing) as writing:
            writing.executemany(
                "INSERT INTO bodies(tenant, signal, encoding, spans, crc, body) VALUES (?, ?, ?, ?, ?, ?)",
                ((b.tenant, b.signal, b.encoding, b.spans, zlib.crc32(b.data), b.data) for b in bodies),
            )
            deleted = [row for number in released.items() if (row := self._delete(*number)) is not None]
            self._count("received", sum(body.spans for body in bodies))
            self._count("released", sum(row.released for row in deleted))
            self._count("lost", sum(row.lost for row in deleted))
        return deleted

    def next(self, after: int, tenant: str, skipped: frozenset[int] = frozenset()) -> Row | None:
        """The tenant's first row with a number above `after` that is not in `skipped`; None if there is none."""
        query = "SELECT id FROM bodies WHERE tenant = ? AND id > ? ORDER BY id"
        with closing(self._reading.execute(query, (tenant, after))) as found:
            number = next((number for (number,) in found if number not in skipped), None)
        return None if number is None else read_row(self._reading, number)

    def held(self) -> Mapping[str, Held]:
        """The totals by tenant."""
        found = self._reading.execute(
            "SELECT tenant, count(*), sum(spans), sum(length(body)) FROM bodies GROUP BY tenant"
        )
        return {tenant: Held(bodies, spans, size + bodies * ROW_BYTES) for tenant, bodies, spans, size in found}

    def counts(self) -> dict[str, int]:
        """The spans `received`, `released` and `lost` since the file was created."""
        return dict(self._reading.execute("SELECT name, spans FROM counts").fetchall())

    def restore(self, rows: Iterable[Row], newest: int, counts: Mapping[str, int] | None) -> tuple[int, int]:
        """Insert rows with their numbers, and set the counters. Returns the number of bodies and of spans.

        Spans that the counters include but no row has are counted as lost. The next row's number is above `newest`.
        """
        bodies = spans = 0
        left = iter(rows)
        while some := list(islice(left, _ROWS_AT_ONCE)):
            with transaction(self._writing) as writing:
                for number, body in some:
                    writing.execute(
                        "INSERT INTO bodies VALUES (?, ?, ?, ?, ?, ?, ?)",
                        (number, body.tenant, body.signal, body.encoding, body.spans, zlib.crc32(body.data), body.data),
                    )
            bodies, spans = bodies + len(some), spans + sum(row.body.spans for row in some)
        known = counts or {"received": spans, "released": 0}
        lost = known["received"] - known["released"] - spans
        with transaction(self._writing) as writing:
            for name, number in {**known, "lost": lost}.items():
                writing.execute("UPDATE counts SET spans = ? WHERE name = ?", (number, name))
            writing.execute("DELETE FROM sqlite_sequence WHERE name = 'bodies'")
            writing.execute("INSERT INTO sqlite_sequence(name, seq) VALUES ('bodies', ?)", (newest,))
        return bodies, spans

    def close(self) -> None:
        """Close both connections. The file can be opened again."""
        self._reading.close()
        self._writing.close()

    def _delete(self, number: int, lost: int) -> Released | None:
        found = self._writing.execute(
            "SELECT tenant, spans, length(body) FROM bodies WHERE id = ?", (number,)
        ).fetchone()
        if found is None:
            return None
        self._writing.execute("DELETE FROM bodies WHERE id = ?", (number,))
        tenant, spans, size = found
        return Released(tenant, spans - lost, lost, size + ROW_BYTES)

    def _count(self, name: str, spans: int) -> None:
        self._writing.execute("UPDATE counts SET spans = spans + ? WHERE name = ?", (spans, name))


def read_row(reading: sqlite3.Connection, number: int) -> Row | None:
    """One row, or None if there is none. Raises CorruptError if the checksum of its body is wrong."""
    found = reading.execute(
        "SELECT tenant, signal, encoding, spans, crc, body FROM bodies WHERE id = ?", (number,)
    ).fetchone()
    if found is None:
        return None
    tenant, signal, encoding, spans, crc, data = found
    if not isinstance(data, bytes) or zlib.crc32(data) != crc:
        raise CorruptError(f"row {number} is corrupt")
    return Row(number, Body(tenant, signal, encoding, spans, data))


def connection(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode. Several threads may use it, one at a time."""
    return sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)


@contextmanager
def transaction(writing: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run the block in a transaction: all of it is committed, or nothing."""
    writing.execute("BEGIN IMMEDIATE")
    try:
        yield writing
        writing.execute("COMMIT")
    except BaseException:
        if writing.in_transaction:  # a full disk may have rolled it back already
            writing.execute("ROLLBACK")
        raise


def _make_private(path: Path) -> None:
    """Create the file. Only its owner may read it, because it contains prompts."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Write the directory's entries to the disk, on systems that can."""
    with suppress(PermissionError):  # Windows cannot open a directory
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
