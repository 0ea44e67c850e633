"""Decodes the bodies of OTLP requests into records. A malformed body is refused; spans without ids are left out."""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from google.protobuf.internal import api_implementation

from otel_wandb._otlp import from_json, from_protobuf
from otel_wandb._spans.span import EventRecord, SpanRecord


class Encoding(Enum):
    """The encoding of a body."""

    PROTOBUF = "protobuf"
    JSON = "json"


class Signal(Enum):
    """The kind of data in a body."""

    TRACES = "traces"
    LOGS = "logs"


class Read(NamedTuple):
    """The spans of a body, and how many were rejected and why. `why` is empty if none were."""

    spans: tuple[SpanRecord, ...]
    rejected: int
    why: str


class ReadEvents(NamedTuple):
    """GenAI events, each with its trace id and span id in hex. Other log records are left out, but not rejected."""

    events: tuple[tuple[str, str, EventRecord], ...]
    rejected: int = 0
    why: str = ""


def read_spans(body: bytes, encoding: Encoding) -> Read:
    """Decode the spans of a trace request. Raises MalformedError."""
    found: Iterator[SpanRecord | None] = _FORMATS[encoding].spans(body)
    every = list(found)
    spans = tuple([span for span in every if span is not None])
    rejected = len(every) - len(spans)
    return Read(spans, rejected, "a span needs a trace id of 16 bytes and a span id of 8" if rejected else "")


def read_events(body: bytes, encoding: Encoding) -> ReadEvents:
    """Decode the GenAI events of a log request. Raises MalformedError."""
    return ReadEvents(tuple(_FORMATS[encoding].events(body)))


def has_fast_protobuf() -> bool:
    """Whether the compiled protobuf is installed. The one in pure Python takes 194 us for a span, instead of 1 us."""
    kind: str = api_implementation.Type()
    return kind != "python"


_FORMATS = {Encoding.PROTOBUF: from_protobuf, Encoding.JSON: from_json}
