"""What the lines of a journal are: schema 1.

A journal is the files `<run directory>/files/otel/traces-0001.jsonl.gz`, `-0002`, ...: JSON lines, UTF-8, one object a
line, compressed by gzip and flushed after each trace. Every file can be read alone: it begins with a `RunRecord`, and
ids of messages and of lists of tools are its own. A reader leaves out keys and kinds of records that it does not know;
what changes the meaning of one that is here makes a new schema. Times are nanoseconds since the epoch, ids lower-case
hex as in OpenTelemetry, costs US dollars; None means that nobody said or knows it, never 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, TypedDict

SCHEMA: Final = 1
FOLDER: Final = "otel"
"""Below the run's `files`."""


class Message(TypedDict, total=False):
    """A message in the form of the GenAI conventions; or only `text`, for what could not be read as one."""

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
    """A name and a version."""
    run: RunOfFile
    resource: Mapping[str, Any]
    time: int
    prices: str | None
    """The date of the price table."""


class MessageRecord(TypedDict):
    """A message, once in a file and before the first trace that has it. A message that was long ago may come again."""

    record: Literal["message"]
    id: int
    message: Message


class ToolsRecord(TypedDict):
    """A list of definitions of tools, in the same way."""

    record: Literal["tools"]
    id: int
    tools: Sequence[Any]


class UsageOfCall(TypedDict):
    """Tokens; those read from a cache are part of the input, those of reasoning part of the output."""

    input: int | None
    output: int | None
    total: int | None
    cache_read: int | None
    cache_write: int | None
    reasoning: int | None


class Call(TypedDict):
    """A call of a model. `asked`, `answered` and `tools` are ids in the same file; one answer for each choice."""

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
    """Seconds."""
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
    """An event of a span; `body` is that of a log record."""

    body: Any


SpanKind: TypeAlias = Literal["llm", "embedding", "tool", "agent", "chain"]


class Span(TypedDict):
    """A span; one with a `call` has its inputs and outputs there."""

    id: str
    parent: str | None
    name: str
    kind: SpanKind
    start: int
    end: int
    error: bool
    status: str | None
    """What is said of a failure."""
    attributes: Mapping[str, Any]
    events: Sequence[Event]
    inputs: Mapping[str, str] | None
    outputs: Mapping[str, str] | None
    scope: str
    call: Call | None


class Totals(TypedDict):
    """Those of the row of `traces`: of the calls, each counted once."""

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
    """0; above it is a supplement, of spans that ended after the trace was written."""
    complete: bool
    reason: str
    """Why it was written when it was: "root", "idle", "max_age", "max_spans", "memory" or "shutdown"."""
    name: str
    status: Literal["SUCCESS", "ERROR"]
    """That of the root."""
    error: str | None
    """What the first span says that failed."""
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
    """Feedback on a trace, which may be in another run."""

    record: Literal["feedback"]
    trace_id: str
    name: str
    value: float | str
    time: int


class EndRecord(TypedDict):
    """The counters of the process; the last one counts. There is none where the program was killed."""

    record: Literal["end"]
    counters: Mapping[str, int]
    time: int


Record: TypeAlias = RunRecord | MessageRecord | ToolsRecord | TraceRecord | FeedbackRecord | EndRecord
