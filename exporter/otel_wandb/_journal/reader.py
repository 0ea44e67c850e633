"""Reads a journal: whole lines only, whatever cut the file."""

import glob
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from typing import Any


def read_journal(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """The records of a run directory, or of one file of a journal, in order; never raises on a cut file."""
    files = sorted(glob.glob(os.path.join(path, "files", "otel", "traces-*.jsonl.gz"))) or [os.fspath(path)]
    for file in files:
        yield from _records(file)


def _records(file: str) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(file) as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                yield json.loads(line)
    except (OSError, EOFError, zlib.error, ValueError):
        return
