"""Writes the files of `openai-wandb export`: JSON lines, CSV or Parquet. A file appears only when it is complete."""

import contextlib
import csv
import io
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO, Final, Protocol

from otel_openai_wandb._export.calls import as_json
from otel_wandb._interface.records import Cell, Row, Table

STDOUT: Final = "-"
_MOST_ROWS: Final = 1_000  # in a row group, which is kept in memory
_MOST_CHARACTERS: Final = 16 << 20


class Rows(Protocol):
    """Writes rows to a file."""

    def write(self, row: Row) -> None:
        """Write a row, or buffer it."""
        ...

    def close(self) -> None:
        """Write what is buffered."""
        ...


@contextlib.contextmanager
def written(path: str) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` if the block succeeds, and is deleted if it fails. `-` is stdout.

    A path that is not a regular file, such as `/dev/stdout`, is written directly. Raises OSError.
    """
    if path == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            yield file
        return
    target = os.path.realpath(path)
    part = os.path.join(os.path.dirname(target), f".{os.path.basename(target)}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            yield file
        if os.path.exists(target):
            shutil.copymode(target, part)
        os.replace(part, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def write_line(file: BinaryIO, value: Mapping[str, Any]) -> None:
    """Write a value as a line of JSON."""
    file.write(f"{as_json(value)}\n".encode())


class CsvRows:
    """Writes CSV as in RFC 4180, with a header."""

    def __init__(self, file: BinaryIO, table: Table[Any]) -> None:
        self._file = file
        self._line = io.StringIO(newline="")
        self._csv = csv.writer(self._line)
        self._write([column.name for column in table.columns])

    def write(self, row: Row) -> None:
        """Write a row. Times are in ISO 8601."""
        self._write([cell.isoformat() if isinstance(cell, datetime) else cell for cell in row])

    def close(self) -> None:
        """Nothing is buffered."""

    def _write(self, cells: Sequence[Cell]) -> None:
        self._csv.writerow(cells)
        self._file.write(self._line.getvalue().encode("utf-8", "replace"))
        self._line.seek(0)
        self._line.truncate()


class ParquetRows:
    """Writes Parquet, in row groups of bounded size. Needs pyarrow."""

    def __init__(self, file: BinaryIO, table: Table[Any]) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        types = {
            str: pa.string(),
            float: pa.float64(),
            int: pa.int64(),
            bool: pa.bool_(),
            datetime: pa.timestamp("us", "UTC"),
        }
        self._batch_of = pa.RecordBatch.from_arrays
        self._array = pa.array
        self._schema = pa.schema([(column.name, types[column.type]) for column in table.columns])
        self._writer = ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[Row] = []
        self._characters = 0

    def write(self, row: Row) -> None:
        """Buffer a row. A full group is written."""
        self._rows.append(row)
        self._characters += sum(len(cell) for cell in row if isinstance(cell, str))
        if len(self._rows) >= _MOST_ROWS or self._characters >= _MOST_CHARACTERS:
            self._write()

    def close(self) -> None:
        """Write the last rows and the footer of the file."""
        if self._rows:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        columns = zip(self._schema, zip(*self._rows, strict=True), strict=True)
        arrays = [self._array(cells, field.type) for field, cells in columns]
        self._writer.write_batch(self._batch_of(arrays, schema=self._schema))
        self._rows, self._characters = [], 0
