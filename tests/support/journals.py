"""Finds and reads the journals that a program has written."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from otel_wandb._journal.reader import Texts, read_journal
from otel_wandb._journal.schema import Call, Message, Record, Span, TraceRecord
from tests.support.files import files_below


def run_directories(directory: Path) -> list[Path]:
    """The directories of all runs below a directory, in order."""
    return sorted(path.parent for path in files_below(directory) if path.suffix == ".wandb")


def records_below(directory: Path) -> list[Record]:
    """The records of all runs below a directory."""
    return [record for run in run_directories(directory) for record in read_journal(run)]


def traces_in(records: Sequence[Record]) -> list[TraceRecord]:
    """The traces among records."""
    return [record for record in records if record["record"] == "trace"]


def conversations(records: Sequence[Record]) -> list[tuple[Call, list[Message], list[Message]]]:
    """Each call with its input and output messages."""
    texts = Texts()
    found = []
    for record in records:
        texts.take(record)
        if record["record"] == "trace":
            calls = [span["call"] for span in record["spans"]]
            found += [(call, texts.messages(call["asked"]), texts.messages(call["answered"])) for call in calls if call]
    return found


def content_of(path: Path) -> bytes:
    """The decompressed content of a file."""
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def made_span(
    key: str,
    parent: str | None = None,
    *,
    name: str = "step",
    usage: tuple[int | None, int | None] | None = None,
    error: str | None = None,
) -> Span:
    """A span of 1.234 seconds. With `usage`, the input and output tokens, it is a call."""
    call: Call | None = None
    if usage is not None:
        fields: Any = {
            **dict.fromkeys(Call.__annotations__),
            "operation": "chat",
            "asked": [],
            "answered": [],
            "parameters": {},
            "usage": {
                "input": usage[0],
                "output": usage[1],
                "total": None,
                "cache_read": None,
                "cache_write": None,
                "reasoning": None,
            },
            "estimated": False,
            "error_type": error,
        }
        call = fields
    return {
        "id": key,
        "parent": parent,
        "name": name,
        "kind": "chain",
        "start": 0,
        "end": 1_234_000_000,
        "error": error is not None,
        "status": None if error is None else "ünsaid",
        "attributes": {},
        "events": [],
        "inputs": None,
        "outputs": None,
        "scope": "",
        "call": call,
    }


def made_trace(*spans: Span) -> TraceRecord:
    """A trace of these spans."""
    return {
        **dict.fromkeys(TraceRecord.__annotations__),  # type: ignore[typeddict-item]
        "record": "trace",
        "trace_id": "0" * 32,
        "sequence": 0,
        "name": "trace 00000000",
        "status": "ERROR" if any(span["error"] for span in spans) else "SUCCESS",
        "start": 0,
        "end": 1_234_000_000,
        "spans": spans,
    }
