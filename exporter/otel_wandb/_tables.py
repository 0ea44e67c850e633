"""The columns of the `stats` table: those of W&B's own autolog first, in their order, then what it did not know."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final, TypeAlias

from otel_wandb import _attributes as names
from otel_wandb._clean import clean_text
from otel_wandb._model_call import ModelCall, texts
from otel_wandb._span import SpanRecord

Cell: TypeAlias = str | float | bool | datetime | None
Row: TypeAlias = tuple[Cell, ...]

STATS: Final = "stats"
_LONGEST_CELL: Final = 20_000  # characters


@dataclass(frozen=True, slots=True)
class Source:
    """What a row is made from; `session_id` is the run's id."""

    span: SpanRecord
    call: ModelCall
    session_id: str


@dataclass(frozen=True, slots=True)
class Column:
    """One typed column: wandb refuses a table whose cells change their type."""

    name: str
    type: type
    read: Callable[[Source], Cell]


def stats_row(source: Source) -> Row:
    """One row for one call, with all its choices."""
    return tuple(column.read(source) for column in STATS_COLUMNS)


def _timestamp(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, tz=timezone.utc)


def _cut(text: str | None) -> str | None:
    return None if text is None else clean_text(text, _LONGEST_CELL)


def _error(source: Source) -> str | None:
    if not source.span.is_error:
        return None
    kind = source.span.attributes.get(names.ERROR_TYPE)
    message = source.span.status_message
    return _cut(": ".join(str(part) for part in (kind, message) if part) or "error")


def _joined(texts: Sequence[str]) -> str | None:
    return ", ".join(texts) or None


def _number(name: str) -> Column:
    def read(source: Source) -> Cell:
        value = source.call.parameters.get(name)
        return float(value) if isinstance(value, (int, float)) else None

    return Column(name, float, read)


def _stop(source: Source) -> str | None:
    stop = texts(source.call.parameters.get("stop"))
    return _cut(json.dumps(stop, ensure_ascii=False)) if stop else None


def _attribute(column: str, attribute: str, kind: type) -> Column:
    def read(source: Source) -> Cell:
        value: Any = source.span.attributes.get(attribute)
        if kind is float:
            return float(value) if isinstance(value, (int, float)) else None
        return None if value is None else _cut(str(value))

    return Column(column, kind, read)


LEGACY_COLUMNS: Final[tuple[Column, ...]] = (
    Column("request", str, lambda source: _cut(source.call.request)),
    Column("response", str, lambda source: _cut(source.call.response)),
    Column("model", str, lambda source: _cut(source.call.model)),
    Column("start_time", datetime, lambda source: _timestamp(source.span.start_ns)),
    Column("end_time", datetime, lambda source: _timestamp(source.span.end_ns)),
    Column("request_id", str, lambda source: _cut(source.call.response_id)),
    Column("api_type", str, lambda source: _cut(source.call.api_type)),
    Column("session_id", str, lambda source: source.session_id),
    Column("elapsed_time", float, lambda source: source.span.seconds),
    Column("prompt_tokens", float, lambda source: source.call.input_tokens),
    Column("completion_tokens", float, lambda source: source.call.output_tokens),
    Column("total_tokens", float, lambda source: source.call.total_tokens),
)

STATS_COLUMNS: Final[tuple[Column, ...]] = (
    *LEGACY_COLUMNS,
    Column("trace_id", str, lambda source: source.span.trace_id),
    Column("span_id", str, lambda source: source.span.span_id),
    Column("parent_span_id", str, lambda source: source.span.parent_id),
    Column("name", str, lambda source: _cut(source.span.name)),
    Column("operation", str, lambda source: _cut(source.call.operation)),
    Column("status", str, lambda source: "ERROR" if source.span.is_error else "SUCCESS"),
    Column("error", str, _error),
    Column("finish_reasons", str, lambda source: _joined(source.call.finish_reasons)),
    Column("request_model", str, lambda source: _cut(source.call.request_model)),
    _number("temperature"),
    _number("top_p"),
    _number("max_tokens"),
    _number("n"),
    Column("stop", str, _stop),
    _number("frequency_penalty"),
    _number("presence_penalty"),
    _number("seed"),
    Column("stream", bool, lambda source: bool(source.call.parameters.get("stream"))),
    _attribute("stream_end", names.STREAM_END, str),
    _attribute("time_to_first_chunk", names.TIME_TO_FIRST_CHUNK, float),
    _attribute("engine", names.ENGINE, str),
    Column("functions", str, lambda source: _joined(source.call.tools)),
    _attribute("user", names.USER_ID, str),
    _attribute("session", names.SESSION_ID, str),
    _attribute("conversation", names.CONVERSATION_ID, str),
    _attribute("prompt_name", names.PROMPT_NAME, str),
    _attribute("prompt_version", names.PROMPT_VERSION, str),
    Column("tags", str, lambda source: _cut(_joined(texts(source.span.attributes.get(names.TAGS))))),
    _attribute("http_status", names.HTTP_STATUS, float),
    _attribute("http_request_id", names.HTTP_REQUEST_ID, str),
)
