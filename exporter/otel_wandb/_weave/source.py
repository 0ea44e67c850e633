"""The data from which spans for both of Weave's endpoints are made. Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from otel_wandb._journal.schema import Call, Message, Span, TraceRecord
from otel_wandb._traces.sink import Place

Value: TypeAlias = str | int | float | bool | Sequence[str]

_OF_USAGE: Final = {
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
}


class Texts(Protocol):
    """The messages and tools that a record refers to by ids."""

    def messages(self, ids: Sequence[int]) -> Sequence[Message]:
        """The messages with these ids."""
        ...

    def tools(self, number: int | None) -> Sequence[Any]:
        """The definitions with this id; empty for None."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """A span with its trace, and the run that the trace is in."""

    record: TraceRecord
    span: Span
    texts: Texts
    place: Place
    is_root: bool

    @property
    def thread(self) -> str | None:
        """Weave's thread: the session of the trace, else its conversation."""
        return self.record["session"] or self.record["conversation"]


def first_and_last(record: TraceRecord) -> tuple[Call | None, Call | None]:
    """The first call with an input, and the last call with an answer."""
    calls = [call for span in record["spans"] if (call := span["call"]) is not None]
    return (
        next((call for call in calls if call["asked"]), None),
        next((call for call in reversed(calls) if call["answered"]), None),
    )


def of_call(call: Call) -> Iterator[tuple[str, Value]]:
    """The attributes of the GenAI conventions, which both endpoints read."""
    said = {
        "gen_ai.operation.name": call["operation"],
        "gen_ai.provider.name": call["provider"],
        "gen_ai.request.model": call["request_model"],
        "gen_ai.response.model": call["response_model"],
        "gen_ai.response.id": call["response_id"],
        "error.type": call["error_type"],
    }
    yield from ((name, value) for name, value in said.items() if value)
    if call["finish_reasons"]:
        yield "gen_ai.response.finish_reasons", list(call["finish_reasons"])
    for name, attribute in _OF_USAGE.items():
        count = call["usage"].get(name)
        if isinstance(count, int):
            yield attribute, count


def as_json(value: Any) -> str:
    """Strict JSON: NaN and infinity raise ValueError."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
