"""The format of a journal: schema 1.

A journal consists of the files `<run directory>/files/otel/traces-0001.jsonl.gz`, `-0002`, ... They have JSON lines in
UTF-8, one object in each line, compressed by gzip and flushed after each trace. Each file can be read alone: it begins
with a `RunRecord`, and has its own ids of messages and of lists of tools. Readers ignore unknown keys and unknown kinds
of records. A change of the meaning of a known one makes a new schema. Times are nanoseconds since the epoch. Ids are
lower-case hex as in OpenTelemetry. Costs are US dollars. None means unknown, never 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, TypedDict

SCHEMA: Final = 1
FOLDER: Final = "otel"
"""The folder of the journal in the run's `files`."""


class Message(TypedDict, total=False):
    """A message in the form of the GenAI conventions, or only `text` if it could not be read as a message."""

    role: str
    parts: Sequence[Any]
    name: str
    finish_reason: str
    text: str


class RunOfFile(TypedDict):
    """The run that a file belongs to; `url` is None for an offline one."""

    id: str
    project: str
    entity: str
    url: str | None


class RunRecord(TypedDict):
    """The first line of each file."""

    record: Literal["run"]
    schema: int
    writer: str
    """The name and version of the program that wrote the file."""
    run: RunOfFile
    resource: Mapping[str, Any]
    time: int
    prices: str | None
    """The date of the price table."""


class MessageRecord(TypedDict):
    """A message, before the first trace that has it. It is written once in a file; an old one may be repeated."""

    record: Literal["message"]
    id: int
    message: Message


class ToolsRecord(TypedDict):
    """A list of definitions of tools. It is written as often as a message."""

    record: Literal["tools"]
    id: int
    tools: Sequence[Any]


class UsageOfCall(TypedDict):
    """Numbers of tokens. Cached tokens are part of the input, and reasoning tokens part of the output."""

    input: int | None
    output: int | None
    total: int | None
    cache_read: int | None
    cache_write: int | None
    reasoning: int | None


class Call(TypedDict):
    """A call of a model. `asked`, `answered` and `tools` are ids in the same file. Each choice is one answer."""

    operation: str
    provider: str | None
    request_model: str | None
    response_model: str | None
    response_id: str | None
    asked: Sequence[int]
    answered: Sequence[int]
    tools: int | None
    parameters: Mapping[str, Any]
    usage: UsageOfCall
    estimated: bool
    cost: float | None
    cost_reason: str | None
    finish_reasons: Sequence[str]
    first_chunk: float | None
    """Seconds from the start of the call to the first chunk of its stream."""
    stream_end: str | None
    prompt_name: str | None
    prompt_version: str | None
    session: str | None
    conversation: str | None
    user: str | None
    tags: Sequence[str]
    error_type: str | None
    http_status: int | None
    http_request_id: str | None


class _Event(TypedDict):
    name: str
    time: int
    attributes: Any


class Event(_Event, total=False):
    """An event of a span. A log record also has a `body`."""

    body: Any


SpanKind: TypeAlias = Literal["llm", "embedding", "tool", "agent", "chain"]


class Span(TypedDict):
    """A span. If it has a `call`, the inputs and outputs are in the call."""

    id: str
    parent: str | None
    name: str
    kind: SpanKind
    start: int
    end: int
    error: bool
    status: str | None
    """The description of an error."""
    attributes: Mapping[str, Any]
    events: Sequence[Event]
    inputs: Mapping[str, str] | None
    outputs: Mapping[str, str] | None
    scope: str
    call: Call | None


class Totals(TypedDict):
    """The totals of all calls of a trace, as in the table `traces`."""

    calls: int
    input: int | None
    output: int | None
    total: int | None
    estimated: bool
    cost: float | None
    cost_reason: str | None


class TraceRecord(TypedDict):
    """A trace, with its spans in the order of their starts."""

    record: Literal["trace"]
    trace_id: str
    sequence: int
    """0, or more for a supplement with spans that ended after the trace was written."""
    complete: bool
    reason: str
    """Why it was written at that moment: "root", "idle", "max_age", "max_spans", "memory" or "shutdown"."""
    name: str
    status: Literal["SUCCESS", "ERROR"]
    """The status of the root."""
    error: str | None
    """The description of the first span with an error."""
    start: int
    end: int
    service: str | None
    remote_parent: str | None
    session: str | None
    conversation: str | None
    user: str | None
    tags: Sequence[str]
    totals: Totals
    spans: Sequence[Span]


class FeedbackRecord(TypedDict):
    """Feedback on a trace. The trace may be in another run."""

    record: Literal["feedback"]
    trace_id: str
    name: str
    value: float | str
    time: int


class EndRecord(TypedDict):
    """The counters of the process. If there are several records, the last is valid. A killed program has none."""

    record: Literal["end"]
    counters: Mapping[str, int]
    time: int


Record: TypeAlias = RunRecord | MessageRecord | ToolsRecord | TraceRecord | FeedbackRecord | EndRecord
