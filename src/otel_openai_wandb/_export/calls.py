"""Makes a row for each model call: the columns of the table `stats`, with messages and lists as JSON. Pure."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final, TypeAlias

from otel_openai_wandb._export.selection import FoundCall, FoundTrace, feedback_of
from otel_wandb._interface.journal import Call, Span
from otel_wandb._interface.records import ENGINE, Cell, Column, Table

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_AZURE: Final = "azure.ai.openai"


@dataclass(frozen=True, slots=True)
class Source:
    """A model call and its trace, from which a row is made."""

    trace: FoundTrace
    of: FoundCall

    @property
    def call(self) -> Call:
        """The model call."""
        return self.of.call

    @property
    def span(self) -> Span:
        """The span of the call."""
        return self.of.span


CallColumn: TypeAlias = Column[Source]


def as_json(value: Any) -> str:
    """Compact JSON. Characters are not escaped, unless the text has a lone surrogate."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(value, separators=(",", ":"))
    return text


def _time(nanoseconds: int) -> datetime:
    """A time in UTC, in whole microseconds, from nanoseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)


def _text(name: str, read: Callable[[Call], object]) -> CallColumn:
    def as_text(source: Source) -> Cell:
        value = read(source.call)
        return None if value is None else str(value).encode("utf-8", "replace").decode()

    return Column(name, str, as_text)


def _list(name: str, read: Callable[[Source], Any]) -> CallColumn:
    """A column with JSON, empty if there is no value."""

    def as_text(source: Source) -> Cell:
        found = read(source)
        return as_json(found) if found else None

    return Column(name, str, as_text)


def _number(name: str, read: Callable[[Call], Any]) -> CallColumn:
    def as_float(source: Source) -> Cell:
        value = read(source.call)
        return float(value) if isinstance(value, (int, float)) else None

    return Column(name, float, as_float)


def _count(name: str, read: Callable[[Call], int | None]) -> CallColumn:
    return Column(name, int, lambda source: read(source.call))


def _parameter(name: str) -> CallColumn:
    return _number(name, lambda call: call["parameters"].get(name))


def _error(source: Source) -> Cell:
    if not source.span["error"]:
        return None
    said = (source.call["error_type"], source.span["status"])
    return ": ".join(part for part in dict.fromkeys(said) if part) or "error"


def _api_type(call: Call) -> str | None:
    return "azure" if call["provider"] == _AZURE else call["provider"]


CALLS: Final = Table(
    "calls",
    (
        _list("request", lambda source: source.trace.texts.messages(source.call["asked"])),
        _list("response", lambda source: source.trace.texts.messages(source.call["answered"])),
        _text("model", lambda call: call["response_model"] or call["request_model"]),
        Column("start_time", datetime, lambda source: _time(source.span["start"])),
        Column("end_time", datetime, lambda source: _time(source.span["end"])),
        _text("request_id", lambda call: call["response_id"]),
        _text("api_type", _api_type),
        Column("session_id", str, lambda source: source.trace.run["id"]),
        Column("elapsed_time", float, lambda source: (source.span["end"] - source.span["start"]) / 1e9),
        _count("prompt_tokens", lambda call: call["usage"]["input"]),
        _count("completion_tokens", lambda call: call["usage"]["output"]),
        _count("total_tokens", lambda call: call["usage"]["total"]),
        Column("trace_id", str, lambda source: source.trace.record["trace_id"]),
        Column("span_id", str, lambda source: source.span["id"]),
        Column("parent_span_id", str, lambda source: source.span["parent"]),
        Column("name", str, lambda source: source.span["name"]),
        _text("operation", lambda call: call["operation"]),
        Column("status", str, lambda source: "ERROR" if source.span["error"] else "SUCCESS"),
        Column("error", str, _error),
        _text("finish_reasons", lambda call: ", ".join(call["finish_reasons"]) or None),
        _text("request_model", lambda call: call["request_model"]),
        _parameter("temperature"),
        _parameter("top_p"),
        _parameter("max_tokens"),
        _parameter("n"),
        _list("stop", lambda source: source.call["parameters"].get("stop")),
        _parameter("frequency_penalty"),
        _parameter("presence_penalty"),
        _parameter("seed"),
        Column("stream", bool, lambda source: bool(source.call["parameters"].get("stream"))),
        _text("stream_end", lambda call: call["stream_end"]),
        _number("time_to_first_chunk", lambda call: call["first_chunk"]),
        Column("engine", str, lambda source: source.span["attributes"].get(ENGINE)),
        _list("functions", lambda source: source.trace.texts.tools(source.call["tools"])),
        _text("user", lambda call: call["user"]),
        _text("session", lambda call: call["session"]),
        _text("conversation", lambda call: call["conversation"]),
        _text("prompt_name", lambda call: call["prompt_name"]),
        _text("prompt_version", lambda call: call["prompt_version"]),
        _list("tags", lambda source: source.call["tags"]),
        _count("http_status", lambda call: call["http_status"]),
        _text("http_request_id", lambda call: call["http_request_id"]),
        _text("provider", lambda call: call["provider"]),
        _count("cached_tokens", lambda call: call["usage"]["cache_read"]),
        _count("cache_write_tokens", lambda call: call["usage"]["cache_write"]),
        _count("reasoning_tokens", lambda call: call["usage"]["reasoning"]),
        Column("estimated", bool, lambda source: source.call["estimated"]),
        _number("cost", lambda call: call["cost"]),
        _text("cost_reason", lambda call: call["cost_reason"]),
        _list("feedback", lambda source: feedback_of(source.trace)),
    ),
)
