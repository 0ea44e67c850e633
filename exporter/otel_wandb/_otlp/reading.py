"""The bodies of OTLP requests, as records. A body is read whole or not at all; a span without ids is left out."""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from google.protobuf.internal import api_implementation

from otel_wandb._otlp import from_json, from_protobuf
from otel_wandb._spans.span import EventRecord, SpanRecord


class Encoding(Enum):
    """How a body is written."""

    PROTOBUF = "protobuf"
    JSON = "json"


class Signal(Enum):
    """What a body contains."""

    TRACES = "traces"
    LOGS = "logs"


class Read(NamedTuple):
    """The spans of a body, how many of it were rejected, and why; "" if none were."""

    spans: tuple[SpanRecord, ...]
    rejected: int
    why: str


class ReadEvents(NamedTuple):
    """GenAI events, each with its trace's and its span's id in hex. Other log records are left out, not rejected."""

    events: tuple[tuple[str, str, EventRecord], ...]
    rejected: int = 0
    why: str = ""


def read_spans(body: bytes, encoding: Encoding) -> Read:
    """The spans of a request for traces. Raises MalformedError."""
    found: Iterator[SpanRecord | None] = _FORMATS[encoding].spans(body)
    every = list(found)
    spans = tuple([span for span in every if span is not None])
    rejected = len(every) - len(spans)
    return Read(spans, rejected, "a span needs a trace id of 16 bytes and a span id of 8" if rejected else "")


def read_events(body: bytes, encoding: Encoding) -> ReadEvents:
    """The GenAI events of a request for logs. Raises MalformedError."""
    return ReadEvents(tuple(_FORMATS[encoding].events(body)))


def has_fast_protobuf() -> bool:
    """Whether protobuf is compiled here. In Python it takes 194 us for a span, not one."""
    kind: str = api_implementation.Type()
    return kind != "python"


_FORMATS = {Encoding.PROTOBUF: from_protobuf, Encoding.JSON: from_json}
