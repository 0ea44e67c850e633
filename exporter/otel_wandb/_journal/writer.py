"""Writes a journal. Only this module does IO for it. Errors are counted and logged; they do not affect the run.

After each trace the compressor is flushed and the file is written, so that a killed process leaves complete lines.
Compression level 1 takes half the time of level 6, for files that are a tenth larger.
"""

import contextlib
import os
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from importlib.metadata import version
from io import FileIO
from json import JSONEncoder
from time import monotonic, time_ns
from typing import Any, Final

from otel_wandb._costs.prices import PRICES_AS_OF
from otel_wandb._journal.records import feedback_record, trace_record
from otel_wandb._journal.schema import FOLDER, SCHEMA, EndRecord, Message, Record, RunOfFile, RunRecord
from otel_wandb._spans.clean import Json, clean, clean_text
from otel_wandb._traces.feedback import Feedback
from otel_wandb._traces.read_trace import ReadTrace

_LARGEST: Final = 64 << 20  # bytes of a file
_MOST_KNOWN: Final = 50_000  # messages whose ids in the file are remembered: about 10 MB
_LEVEL: Final = 1
_GZIP: Final = 31  # for zlib: the largest window, and the header and trailer of gzip
_RESTART_BYTES: Final = 256 << 10  # compressed bytes between restart points; damage costs at most so much
_RETRY_SECONDS: Final = 30.0  # before another file is tried after an error

_encoded: Final = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Journal:
    """The journal of one run. Thread safe; nothing raises."""

    def __init__(
        self,
        files: str,
        run: RunOfFile,
        *,
        keep: Callable[[str], object],
        failed: Callable[[object], None],
        largest: int = _LARGEST,
        first: int = 1,
    ) -> None:
        """`files` is the run's directory `files`. `keep(path)` adds a new file to the run.

        `failed(why)` is called for each record that cannot be written. `largest` is the size in bytes after which the
        next file begins. `first` is the number of the first file: several processes may write files of one run.
        """
        self._directory = os.path.join(files, FOLDER)
        self._run = run
        self._keep = keep
        self._failed = failed
        self._largest = largest
        self._first = first
        self._lock = threading.RLock()
        self._resource: Mapping[str, Any] = {}
        self._file: _File | None = None
        self._ended: list[str] = []  # files that were closed since the last `sync`
        self._not_before = 0.0
        self._problem: object = ""
        self._has_begun = False
        self._is_closed = False

    def add_trace(self, read: ReadTrace) -> bool:
        """Write a trace, and its messages and tools that are new in the file. Returns False if that failed."""
        self._resource = read.trace.spans[0].resource or self._resource
        return self._add(lambda file: trace_record(read, file))

    def add_feedback(self, source: Feedback) -> None:
        """Write feedback."""
        self._add(lambda _: feedback_record(source))

    def sync(self) -> None:
        """Sync the open file, and those that were closed since the last call, to the disk. Raises OSError."""
        with self._lock:
            file, ended = self._file, self._ended
            self._ended = []
            try:
                for path in ended:
                    sync_file(path)
                if file is not None:
                    sync_file(file.path)
            except OSError:
                self._ended = ended
                raise

    def close(self, counters: Mapping[str, int]) -> None:
        """Write the counters, and close the journal. Later traces are not written."""
        with self._lock:
            if self._has_begun:
                end: EndRecord = {"record": "end", "counters": counters, "time": time_ns()}
                self._add(lambda _: end)
            self._end_file()
            self._is_closed = True

    def release(self) -> None:
        """Close the file without writing: a forked child must not write to its parent's file, nor wait for its lock."""
        self._is_closed = True
        if self._file is not None:
            self._file.release()

    def _add(self, record: Callable[["_File"], Record]) -> bool:
        with self._lock:
            if self._is_closed:
                return False
            if monotonic() < self._not_before:
                self._failed(self._problem)
                return False
            try:
                file = self._file or self._next_file()
                file.add(record(file))
                if file.size >= self._largest:
                    self._end_file()
            except OSError as error:
                self._give_up_file(error)
            except Exception as error:  # noqa: BLE001  # an error in one trace; the file is unchanged
                self._failed(type(error).__qualname__)
            else:
                return True
            return False

    def _next_file(self) -> "_File":
        os.makedirs(self._directory, exist_ok=True)
        file = _File(_new_file(self._directory, self._first))
        file.add(self._first_record())
        self._file = file
        self._has_begun = True
        with contextlib.suppress(Exception):  # an error of wandb; the file is in the run's directory anyway
            self._keep(file.path)
        return file

    def _first_record(self) -> RunRecord:
        resource = {clean_text(str(key)): clean(value) for key, value in self._resource.items()}
        return {
            "record": "run",
            "schema": SCHEMA,
            "writer": f"otel-openai-wandb {version('otel-openai-wandb')}",
            "run": self._run,
            "resource": resource,
            "time": time_ns(),
            "prices": PRICES_AS_OF,
        }

    def _end_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            self._ended.append(file.path)
            try:
                file.end()
            except OSError as error:
                self._problem = error

    def _give_up_file(self, error: OSError) -> None:
        """Close the file without the failed record, and try another file later."""
        self._problem, self._not_before = error, monotonic() + _RETRY_SECONDS
        file, self._file = self._file, None
        if file is not None:
            file.release()
        self._failed(error)


class _File:
    """One file, and the ids of messages and tools that it has."""

    def __init__(self, raw: FileIO) -> None:
        self.path = str(raw.name)
        self.size = 0
        self._restarted = 0
        self._raw = raw
        self._compressor = zlib.compressobj(_LEVEL, wbits=_GZIP)
        self._lines: list[str] = []
        self._known: OrderedDict[bytes, int] = OrderedDict()
        self._numbers = {"message": 0, "tools": 0}

    def add_message(self, message: Message) -> int:
        """The id of a message. A message that is new in this file is written before the trace."""
        return self._number("message", _encoded(message))

    def add_tools(self, tools: Sequence[Json]) -> int:
        """The id of a list of definitions."""
        return self._number("tools", _encoded(tools))

    def add(self, record: Record) -> None:
        """Write a record, after its new messages and tools. Raises OSError; then `release` the file."""
        self._lines += (_encoded(record), "")
        lines, self._lines = "\n".join(self._lines), []
        is_restart = self.size - self._restarted >= _RESTART_BYTES
        flush = zlib.Z_FULL_FLUSH if is_restart else zlib.Z_SYNC_FLUSH
        self._write(self._compressor.compress(lines.encode()) + self._compressor.flush(flush))
        if is_restart:
            self._restarted = self.size

    def end(self) -> None:
        """Write the gzip trailer and close the file."""
        try:
            self._write(self._compressor.flush())
        finally:
            self._raw.close()

    def release(self) -> None:
        """Close the file without writing to it."""
        self._raw.close()

    def _number(self, kind: str, text: str) -> int:
        key = blake2b(text.encode(), digest_size=16, person=kind.encode()).digest()
        number = self._known.get(key)
        if number is not None:
            self._known.move_to_end(key)
            return number
        number = self._known[key] = self._numbers[kind]
        self._numbers[kind] += 1
        self._lines.append(f'{{"record":"{kind}","id":{number},"{kind}":{text}}}')
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return number

    def _write(self, data: bytes) -> None:
        """Write all of `data`, or nothing. Raises OSError."""
        written = 0
        try:
            while written < len(data):
                written += self._raw.write(data[written:]) or 0
        except OSError:
            with contextlib.suppress(OSError):
                self._raw.truncate(self.size)
            raise
        self.size += written


def sync_file(path: str) -> None:
    """Sync a file to the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fdatasync(handle) if hasattr(os, "fdatasync") else os.fsync(handle)  # not on macOS
    finally:
        os.close(handle)


def _new_file(directory: str, number: int) -> FileIO:
    """Create a file with the next free number: several exporters may write to a run, one after another."""
    while True:
        try:
            return FileIO(os.path.join(directory, f"traces-{number:04}.jsonl.gz"), "x")
        except FileExistsError:
            number += 1
