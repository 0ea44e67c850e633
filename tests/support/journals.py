"""Finds and reads the journals that a program left behind."""

import gzip
from collections.abc import Sequence
from pathlib import Path

from otel_wandb._journal.reader import Texts, read_journal
from otel_wandb._journal.schema import Call, Message, Record, TraceRecord


def run_directories(directory: Path) -> list[Path]:
    """The directories of all runs below, in order."""
    return sorted(path.parent for path in directory.rglob("*.wandb"))


def records_below(directory: Path) -> list[Record]:
    """The records of all runs below."""
    return [record for run in run_directories(directory) for record in read_journal(run)]


def traces_in(records: Sequence[Record]) -> list[TraceRecord]:
    """The traces among them."""
    return [record for record in records if record["record"] == "trace"]


def conversations(records: Sequence[Record]) -> list[tuple[Call, list[Message], list[Message]]]:
    """Each call with what it was asked and what was answered."""
    texts = Texts()
    found = []
    for record in records:
        texts.take(record)
        if record["record"] == "trace":
            calls = [span["call"] for span in record["spans"]]
            found += [(call, texts.messages(call["asked"]), texts.messages(call["answered"])) for call in calls if call]
    return found


def content_of(path: Path) -> bytes:
    """What a file holds, unpacked."""
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data
