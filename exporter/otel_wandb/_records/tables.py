"""The tables: `stats` has a row for each model call, `traces` for each trace, `feedback` for each feedback.

The first columns of `stats` are those of W&B's own autolog, in their order.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final, TypeAlias

from otel_wandb._costs.billing import Bill, summed, total_cost
from otel_wandb._genai.model_call import ModelCall, Usage
from otel_wandb._records.markdown import Texts
from otel_wandb._records.table import Cell, Column, Row, Table
from otel_wandb._records.timeline import Timeline
from otel_wandb._spans import attributes as names
from otel_wandb._spans.clean import clean, clean_text
from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.feedback import Feedback

_LONGEST_CELL: Final = 20_000  # characters


@dataclass(frozen=True, slots=True)
class CallSource:
    """The source of a row of `stats`; `session_id` is the run's id."""

    span: SpanRecord
    call: ModelCall
    texts: Texts
    bill: Bill
    session_id: str
    weave_url: str | None = None


@dataclass(frozen=True, slots=True)
class TraceSource:
    """The source of a row of `traces`."""

    tree: Timeline
    weave_url: str | None = None


CallColumn: TypeAlias = Column[CallSource]
TraceColumn: TypeAlias = Column[TraceSource]


def table_rows(
    tree: Timeline, session_id: str, weave_url: Callable[[str], str | None]
) -> Mapping[Table[Any], Sequence[Row]]:
    """The rows of one trace, by table. `weave_url` returns the address of a span's page in Weave."""
    read = tree.read
    calls = [
        CallSource(span, call, tree.texts[span.span_id], bill, session_id, weave_url(span.span_id))
        for (span, call), bill in zip(read.calls, read.bills, strict=True)
    ]
    trace = TraceSource(tree, weave_url(read.roots[0].span_id))
    return {STATS: [STATS.row(call) for call in calls], TRACES: [TRACES.row(trace)]}


def _timestamp(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, tz=timezone.utc)


def _cut(text: str | None) -> str | None:
    return None if text is None else clean_text(text, _LONGEST_CELL)


def _error(source: CallSource) -> str | None:
    if not source.span.is_error:
        return None
    said = (source.call.error_type, source.span.status_message)
    return _cut(": ".join(part for part in dict.fromkeys(said) if part) or "error")


def _joined(texts: Sequence[str]) -> str | None:
    return ", ".join(texts) or None


def _text(name: str, read: Callable[[ModelCall], str | None]) -> CallColumn:
    return Column(name, str, lambda source: _cut(read(source.call)))


def _number(name: str, read: Callable[[ModelCall], float | None]) -> CallColumn:
    def as_float(source: CallSource) -> Cell:
        value = read(source.call)
        return None if value is None else float(value)

    return Column(name, float, as_float)


def _tokens(name: str, read: Callable[[Usage], int | None]) -> CallColumn:
    def as_float(source: CallSource) -> Cell:
        count = read(source.bill.usage)
        return None if count is None else float(count)

    return Column(name, float, as_float)


def _parameter(name: str) -> CallColumn:
    return _number(name, lambda call: call.parameters.get(name))


def _stop(call: ModelCall) -> str | None:
    stop = call.parameters.get("stop")
    return json.dumps(stop, ensure_ascii=False) if stop else None


LEGACY_COLUMNS: Final[tuple[CallColumn, ...]] = (
    Column("request", str, lambda source: _cut(source.texts.input)),
    Column("response", str, lambda source: _cut(source.texts.output or None)),
    _text("model", lambda call: call.model),
    Column("start_time", datetime, lambda source: _timestamp(source.span.start_ns)),
    Column("end_time", datetime, lambda source: _timestamp(source.span.end_ns)),
    _text("request_id", lambda call: call.response_id),
    _text("api_type", lambda call: call.api_type),
    Column("session_id", str, lambda source: source.session_id),
    Column("elapsed_time", float, lambda source: source.span.seconds),
    _tokens("prompt_tokens", lambda usage: usage.input),
    _tokens("completion_tokens", lambda usage: usage.output),
    _tokens("total_tokens", lambda usage: usage.total),
)

STATS_COLUMNS: Final[tuple[CallColumn, ...]] = (
    *LEGACY_COLUMNS,
    Column("trace_id", str, lambda source: source.span.trace_id),
    Column("span_id", str, lambda source: source.span.span_id),
    Column("parent_span_id", str, lambda source: source.span.parent_id),
    _text("name", lambda call: call.name),
    _text("operation", lambda call: call.operation),
    Column("status", str, lambda source: "ERROR" if source.span.is_error else "SUCCESS"),
    Column("error", str, _error),
    _text("finish_reasons", lambda call: _joined(call.finish_reasons)),
    _text("request_model", lambda call: call.request_model),
    _parameter("temperature"),
    _parameter("top_p"),
    _parameter("max_tokens"),
    _parameter("n"),
    _text("stop", _stop),
    _parameter("frequency_penalty"),
    _parameter("presence_penalty"),
    _parameter("seed"),
    Column("stream", bool, lambda source: bool(source.call.parameters.get("stream"))),
    _text("stream_end", lambda call: call.stream_end),
    _number("time_to_first_chunk", lambda call: call.time_to_first_chunk),
    _text("engine", lambda call: call.engine),
    _text("functions", lambda call: _joined(call.tools)),
    _text("user", lambda call: call.user),
    _text("session", lambda call: call.session),
    _text("conversation", lambda call: call.conversation),
    _text("prompt_name", lambda call: call.prompt_name),
    _text("prompt_version", lambda call: call.prompt_version),
    _text("tags", lambda call: _joined(call.tags)),
    _number("http_status", lambda call: call.http_status),
    _text("http_request_id", lambda call: call.http_request_id),
    _text("provider", lambda call: call.provider),
    _number("cached_tokens", lambda call: call.usage.cache_read),
    _number("cache_write_tokens", lambda call: call.usage.cache_write),
    _number("reasoning_tokens", lambda call: call.usage.reasoning),
    Column("estimated", bool, lambda source: source.bill.is_estimated),
    Column("cost", float, lambda source: source.bill.cost.dollars),
    Column("cost_reason", str, lambda source: source.bill.cost.reason),
    Column("weave_url", str, lambda source: source.weave_url),
)


def _seconds(source: TraceSource) -> float:
    return (source.tree.root.end_ms - source.tree.root.start_ms) / 1e3


def _side(side: str) -> Callable[[TraceSource], Cell]:
    """A reader of the input or output of the root, as the timeline shows it."""

    def read(source: TraceSource) -> Cell:
        sets = (getattr(result, side) for result in source.tree.root.results)
        return _cut("\n\n".join(text for found in sets if found for text in found.values()) or None)

    return read


def _sum(counts: Sequence[int | None]) -> float | None:
    total = summed(counts)
    return None if total is None else float(total)


def _first(name: str, read: Callable[[ModelCall], str | None]) -> TraceColumn:
    """A column with the value of the first call that has one."""

    def first(source: TraceSource) -> Cell:
        return _cut(next(filter(None, (read(call) for _, call in source.tree.read.calls)), None))

    return Column(name, str, first)


def _service(source: TraceSource) -> str | None:
    return _cut(str(source.tree.read.trace.spans[0].resource.get(names.SERVICE_NAME) or "") or None)


def _models(source: TraceSource) -> str | None:
    return _cut(_joined(list(dict.fromkeys(call.model for _, call in source.tree.read.calls if call.model))))


def _cost_of_trace(source: TraceSource) -> float | None:
    return total_cost(source.tree.read.bills).dollars if source.tree.read.bills else None


def _remote_parent(source: TraceSource) -> str | None:
    return next((span.parent_id for span in source.tree.read.trace.spans if span.parent_is_remote), None)


TRACES_COLUMNS: Final[tuple[TraceColumn, ...]] = (
    Column("trace_id", str, lambda source: source.tree.read.trace.trace_id),
    Column("name", str, lambda source: _cut(source.tree.root.name)),
    Column("status", str, lambda source: "ERROR" if source.tree.root.is_error else "SUCCESS"),
    Column("error", str, lambda source: _cut(source.tree.read.error)),
    Column("start_time", datetime, lambda source: _timestamp(int(source.tree.root.start_ms * 1e6))),
    Column("end_time", datetime, lambda source: _timestamp(int(source.tree.root.end_ms * 1e6))),
    Column("elapsed_time", float, _seconds),
    Column("input", str, _side("inputs")),
    Column("output", str, _side("outputs")),
    Column("models", str, _models),
    Column("calls", float, lambda source: float(len(source.tree.read.calls))),
    Column("spans", float, lambda source: float(len(source.tree.read.trace.spans))),
    Column("prompt_tokens", float, lambda source: _sum([bill.usage.input for bill in source.tree.read.bills])),
    Column("completion_tokens", float, lambda source: _sum([bill.usage.output for bill in source.tree.read.bills])),
    Column("total_tokens", float, lambda source: _sum([bill.usage.total for bill in source.tree.read.bills])),
    Column("estimated", bool, lambda source: any(bill.is_estimated for bill in source.tree.read.bills)),
    Column("cost", float, _cost_of_trace),
    Column("cost_reason", str, lambda source: total_cost(source.tree.read.bills).reason),
    _first("user", lambda call: call.user),
    _first("session", lambda call: call.session),
    _first("conversation", lambda call: call.conversation),
    Column("service", str, _service),
    Column("remote_parent_id", str, _remote_parent),
    Column("sequence", float, lambda source: float(source.tree.read.trace.sequence)),
    Column("complete", bool, lambda source: source.tree.read.trace.is_complete),
    Column("weave_url", str, lambda source: source.weave_url),
)

STATS: Final = Table("stats", STATS_COLUMNS)
TRACES: Final = Table("traces", TRACES_COLUMNS)


def _number_said(source: Feedback) -> float | None:
    """The value, if it is a number that JSON can express; else None."""
    if isinstance(source.value, str):
        return None
    try:
        found = float(source.value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _text_said(source: Feedback) -> str | None:
    return None if _number_said(source) is not None else _cut(str(clean(source.value)))


FEEDBACK_COLUMNS: Final[tuple[Column[Feedback], ...]] = (
    Column("trace_id", str, lambda source: source.trace_id),
    Column("name", str, lambda source: _cut(source.name)),
    Column("value", float, _number_said),
    Column("text", str, _text_said),
    Column("time", datetime, lambda source: _timestamp(int(source.seconds * 1e9))),
)
FEEDBACK: Final = Table("feedback", FEEDBACK_COLUMNS)
