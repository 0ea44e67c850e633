"""Makes spans for Weave from a trace of the journal. Pure.

Weave has lists of attribute names for inputs and outputs, and reads the first one that a span has. It splits all names
at their dots to a tree, and refuses a span if one name is a leaf and a branch of it (`weave.trace_server.opentelemetry`
of weave 0.53.12). So a span for Weave has few attributes, all made here: `inputs` and `output` as JSON, and all other
values in `wandb.attributes`. The agents endpoint reads the GenAI conventions.
"""

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from otel_wandb._journal.schema import Span, TraceRecord
from otel_wandb._traces.sink import Place
from otel_wandb._weave.agents import as_agent
from otel_wandb._weave.calls import as_call
from otel_wandb._weave.source import Source, Texts, Value

_EXCEPTION: Final = "exception"
_FAILED: Final = "failed"  # Weave shows a failed call as successful if its status has no description


class Endpoint(enum.Enum):
    """Weave's two endpoints: for calls, which are linked with runs, and for agents."""

    CALLS = "calls"
    AGENTS = "agents"


@dataclass(frozen=True, slots=True)
class WeaveEvent:
    """An exception that a span recorded."""

    name: str
    time_ns: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WeaveSpan:
    """One span to send. Ids are hex; times are nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start_ns: int
    end_ns: int
    error: str | None
    """The description of an error; None for a success."""
    attributes: Mapping[str, Value]
    events: Sequence[WeaveEvent]


def weave_spans(record: TraceRecord, texts: Texts, place: Place, endpoint: Endpoint) -> list[WeaveSpan]:
    """The spans of a trace, for one of Weave's endpoints."""
    known = {span["id"] for span in record["spans"]}
    attributes_of = as_call if endpoint is Endpoint.CALLS else as_agent
    return [
        WeaveSpan(
            trace_id=record["trace_id"],
            span_id=span["id"],
            parent_id=span["parent"],
            name=span["name"],
            start_ns=span["start"],
            end_ns=span["end"],
            error=_error(span),
            attributes=dict(attributes_of(Source(record, span, texts, place, span["parent"] not in known))),
            events=list(_exceptions(span)),
        )
        for span in record["spans"]
    ]


def _error(span: Span) -> str | None:
    if not span["error"]:
        return None
    call = span["call"]
    return span["status"] or (call["error_type"] if call is not None else None) or _FAILED


def _exceptions(span: Span) -> Iterator[WeaveEvent]:
    for event in span["events"]:
        said = event["attributes"]
        if event["name"] == _EXCEPTION and isinstance(said, Mapping):
            texts = {key: value for key, value in said.items() if key.startswith("exception.") and _is_text(value)}
            yield WeaveEvent(_EXCEPTION, event["time"], texts)


def _is_text(value: object) -> bool:
    return isinstance(value, str)
