"""Reads the recordings in `dialects/` as span records."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from otel_wandb._spans.span import EventRecord, SpanRecord
from tests.exporter.spans import START, span

RECORDINGS = Path(__file__).parent / "dialects"
_HEADER = re.compile(r" (?P<name>\S+) (?P<kind>[A-Z]+) (?P<status>[A-Z]+) (?P<scope>\S+) (?P<events>\[.*\])")
_ATTRIBUTE = re.compile(r" {5}(?P<key>\S+) = (?P<value>.+)")


def recording(name: str) -> tuple[SpanRecord, ...]:
    """The spans of one instrumentation, in the order of the calls, each with its log records."""
    path = next(RECORDINGS.glob(f"{name}.*"))
    return tuple(_from_json(json.loads(path.read_text())) if path.suffix == ".json" else _from_text(path.read_text()))


def _from_json(recorded: Mapping[str, Any]) -> Iterator[SpanRecord]:
    for one in recorded["spans"]:
        status = one["status"]
        span_id = one["context"]["span_id"].removeprefix("0x")
        yield SpanRecord(
            trace_id=one["context"]["trace_id"].removeprefix("0x"),
            span_id=span_id,
            parent_id=one["parent_id"] and one["parent_id"].removeprefix("0x"),
            parent_is_remote=False,
            name=one["name"],
            start_ns=_nanoseconds(one["start_time"]),
            end_ns=_nanoseconds(one["end_time"]),
            is_error=status["status_code"] == "ERROR",
            status_message=status.get("description"),
            # The SDK gives sequences as tuples.
            attributes={key: tuple(v) if isinstance(v, list) else v for key, v in one["attributes"].items()},
            events=tuple(
                EventRecord(event["name"], _nanoseconds(event["timestamp"]), event["attributes"])
                for event in one["events"]
            ),
            scope="",
            resource={},
            logs=tuple(_log_record(log) for log in recorded["logs"] if log["span_id"] == span_id),
        )


def _log_record(log: Mapping[str, Any]) -> EventRecord:
    return EventRecord(log["event_name"] or log["attributes"]["event.name"], START, log["attributes"], log["body"])


def _nanoseconds(text: str) -> int:
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e6) * 1_000


def _from_text(text: str) -> Iterator[SpanRecord]:
    for block in re.split(r"\n\n", text.strip("\n")):
        first, *lines = block.splitlines()
        header = _HEADER.fullmatch(first)
        assert header is not None, first
        attributes = (_ATTRIBUTE.fullmatch(line) for line in lines)
        yield replace(
            span(
                name=header["name"],
                error="refused" if header["status"] == "ERROR" else None,
                attributes={found["key"]: ast.literal_eval(found["value"]) for found in attributes if found},
            ),
            events=tuple(EventRecord(name, START + 1_000_000, {}) for name in ast.literal_eval(header["events"])),
        )
