"""Keeps accepted bodies until they are in a run.

The event loop calls `put`; the feeding thread calls `next` and `release`. Only the writer's thread uses the connection
that writes. It puts all bodies that came during a commit into the next commit.
"""

import asyncio
import logging
import sqlite3
import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from otel_openai_wandb._gateway.spool.file import NAME, Body, Released, Row, is_damage
from otel_openai_wandb._gateway.spool.salvage import opened, salvaged

log: Final = logging.getLogger(__name__)

_MOST_AT_ONCE: Final = 16 * 2**20  # bytes of one commit
_RETRY_SECONDS: Final = 1.0


class SpoolFullError(Exception):
    """There is no room for the body until other bodies are released."""


class SpoolFailedError(Exception):
    """The spool cannot be used; the message says why."""


@dataclass(slots=True)
class _Put:
    body: Body
    done: "asyncio.Future[None]"
    loop: asyncio.AbstractEventLoop


@dataclass(slots=True)
class _Batch:
    puts: list[_Put] = field(default_factory=list)
    released: dict[int, int] = field(default_factory=dict)  # number of a row -> how many of its spans are lost


class Spool:
    """Holds at most `max_bytes`. If shared, a tenant may use about half of what the other tenants leave free."""

    def __init__(self, directory: Path, max_bytes: int, *, is_shared: bool = False) -> None:
        """Open or create the spool in `directory`; a damaged one is salvaged. Raises SpoolFailedError."""
        self.max_bytes = max_bytes
        self._is_shared = is_shared
        self._path = directory / NAME
        try:
            with ExitStack() as failed:
                self._lock = failed.enter_context(closing(_locked(directory)))
                self._file, self.salvaged = opened(self._path)
                self._read_totals()
                failed.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise SpoolFailedError(f"the spool {self._path} cannot be used: {error}") from error
        self._changed = threading.Condition()
        self._file_lock = threading.Lock()  # nobody may read while the file is replaced
        self._puts: deque[_Put] = deque()
        self._releases: dict[int, int] = {}
        self._releasing: frozenset[int] = frozenset()
        self._damage: sqlite3.Error | None = None
        self._grown = 0
        self._is_closing = False
        self.failure: str | None = None
        """Why the last commit failed; None if it succeeded."""
        self._thread = threading.Thread(target=self._write, name="openai-wandb-spool", daemon=True)
        self._thread.start()

    @property
    def bytes(self) -> int:
        """The bytes of all bodies, including those that are being written."""
        return self._bytes.total()

    def tenants(self) -> Sequence[str]:
        """The tenants with bodies in the spool."""
        with self._file_lock:
            return list(self._file.held())

    def counts(self) -> Mapping[str, int]:
        """The spans `received`, `released` and `lost` since the file was created, and those in it now: `spooled`."""
        with self._changed:
            return {
                **self._counts,
                "spooled": self._counts["received"] - self._counts["released"] - self._counts["lost"],
            }

    async def put(self, body: Body) -> None:
        """Return when the body is on the disk. If it is not kept, raises SpoolFullError or SpoolFailedError."""
        loop = asyncio.get_running_loop()
        put = _Put(body, loop.create_future(), loop)
        with self._changed:
            self._take_room(body)
            self._puts.append(put)
            self._changed.notify_all()
        await asyncio.shield(put.done)

    def next(self, after: int, tenant: str) -> Row | None:
        """The tenant's first body with a number above `after` that is not released; None if there is none now."""
        while True:
            with self._changed:
                skipped = self._releasing | self._releases.keys()
            try:
                with self._file_lock:
                    return self._file.next(after, tenant, skipped)
            except sqlite3.Error as error:
                if not self._repaired(error):
                    return None

    def release(self, numbers: Iterable[int], *, lost: Mapping[int, int] | None = None) -> None:
        """Delete these bodies soon: their spans are settled, except for `lost`, the lost spans by number of a body."""
        with self._changed:
            self._releases.update({number: (lost or {}).get(number, 0) for number in numbers})
            self._changed.notify_all()

    def wait(self, seen: int, seconds: float) -> int:
        """Wait at most `seconds` until bodies came after the mark `seen`. Returns the new mark."""
        with self._changed:
            self._changed.wait_for(lambda: self._grown != seen or self._is_closing, seconds)
            return self._grown

    def wake(self) -> None:
        """Make `wait` return."""
        with self._changed:
            self._grown += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Commit what was put and released, and close the file."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()
        self._file.close()
        self._lock.close()

    # --- sizes and counters

    def _read_totals(self) -> None:
        self._bytes = Counter({tenant: held.bytes for tenant, held in self._file.held().items()})
        self._counts = self._file.counts()

    def _take_room(self, body: Body) -> None:
        free = self.max_bytes - self._bytes.total() - body.size
        if self._is_closing:
            raise SpoolFailedError("the gateway is stopping")
        if free < 0 or (self._is_shared and self._bytes[body.tenant] > free):
            raise SpoolFullError(f"the spool has {self._bytes.total()} of {self.max_bytes} bytes")
        self._bytes[body.tenant] += body.size

    # --- the writer's thread

    def _write(self) -> None:
        while (batch := self._taken()) is not None:
            try:
                deleted = self._file.commit([put.body for put in batch.puts], batch.released)
            except (sqlite3.Error, OSError) as error:
                self._failed(batch, error)
            else:
                self._committed(batch, deleted)

    def _taken(self) -> _Batch | None:
        """The next batch to commit; None at the end. After a failure an empty batch checks whether the disk works."""
        with self._changed:
            pending = lambda: self._puts or self._releases or self._damage or self._is_closing  # noqa: E731
            self._changed.wait_for(pending, _RETRY_SECONDS if self.failure else None)
            if self._damage is not None:
                self._salvage(self._damage)
            if self._is_closing and not self._puts and (not self._releases or self.failure):
                return None
            batch = _Batch(released=self._releases)
            self._releases, self._releasing = {}, frozenset(batch.released)
            size = 0
            while self._puts and size < _MOST_AT_ONCE:
                batch.puts.append(self._puts.popleft())
                size += batch.puts[-1].body.size
            return batch

    def _committed(self, batch: _Batch, deleted: Sequence[Released]) -> None:
        with self._changed:
            if self.failure:
                log.warning("the spool can be written again")
            self.failure, self._releasing = None, frozenset()
            for row in deleted:
                self._bytes[row.tenant] -= row.bytes
            self._counts["received"] += sum(put.body.spans for put in batch.puts)
            self._counts["released"] += sum(row.released for row in deleted)
            self._counts["lost"] += sum(row.lost for row in deleted)
            self._grown += bool(batch.puts)
            self._changed.notify_all()
        _answer(batch.puts, None)

    def _failed(self, batch: _Batch, error: sqlite3.Error | OSError) -> None:
        with self._changed:
            if self.failure is None:
                log.error("the spool cannot be written: %s", error)
            self.failure, self._releasing = str(error), frozenset()
            self._releases = {**batch.released, **self._releases}
            for put in batch.puts:
                self._bytes[put.body.tenant] -= put.body.size
            if isinstance(error, sqlite3.Error) and is_damage(error):
                self._salvage(error)
        _answer(batch.puts, SpoolFailedError(self.failure))

    # --- a damaged file

    def _repaired(self, error: sqlite3.Error) -> bool:
        """Called after a failed read: let the writer's thread repair the file. Returns whether to read again."""
        if not is_damage(error):
            log.warning("the spool cannot be read: %s", error)
            return False
        with self._changed:
            self._damage = error
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._damage is None or self._is_closing) and not self._is_closing

    def _salvage(self, why: sqlite3.Error) -> None:
        """Replace the damaged file. If that fails it is tried again, and until then nothing is accepted."""
        with self._file_lock:
            self._file.close()
            try:
                self._file, self.salvaged = salvaged(self._path, why)
                self._read_totals()
            except (sqlite3.Error, OSError) as error:
                self.failure = f"the damaged spool cannot be replaced: {error}"
                log.warning("%s", self.failure)
                self._damage = why
                self._changed.wait(_RETRY_SECONDS)
                return
        for put in self._puts:
            self._bytes[put.body.tenant] += put.body.size
        self._damage = None
        self._changed.notify_all()


def _locked(directory: Path) -> sqlite3.Connection:
    """A lock on the directory, until it is closed or the process dies. Raises SpoolFailedError if it is held."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = sqlite3.connect(directory / "lock.db", timeout=0, isolation_level=None, check_same_thread=False)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if "locked" in str(error):
            raise SpoolFailedError(f"another gateway uses {directory}") from error
        raise
    return lock


def _answer(puts: Iterable[_Put], error: Exception | None) -> None:
    """Resolve the futures of `puts`, with one call for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Put]] = {}
    for put in puts:
        by_loop.setdefault(put.loop, []).append(put)
    for loop, of_loop in by_loop.items():
        loop.call_soon_threadsafe(_resolve, of_loop, error)


def _resolve(puts: Sequence[_Put], error: Exception | None) -> None:
    for put in puts:
        if put.done.done():  # the caller was cancelled
            continue
        if error is None:
            put.done.set_result(None)
        else:
            put.done.set_exception(error)
