"""Span records for tests of the pure parts, with the defaults of a small chat call."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from otel_wandb._costs.billing import bill_of
from otel_wandb._costs.prices import PRICES
from otel_wandb._genai.model_call import ModelCall
from otel_wandb._genai.view import read_view
from otel_wandb._records import timeline as timelines
from otel_wandb._records.markdown import texts_of_call
from otel_wandb._records.tables import STATS, CallSource
from otel_wandb._records.timeline import Timeline
from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.assembly import Reason, Trace
from otel_wandb._traces.read_trace import ReadTrace, read_trace

START = 1_700_000_000_000_000_000  # nanoseconds
MILLISECOND = 1_000_000


def span(
    span_id: str = "a",
    parent: str | None = None,
    *,
    trace_id: str = "t",
    name: str = "step",
    start: float = 0,
    end: float = 10,
    remote: bool = False,
    error: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> SpanRecord:
    """One span; `start` and `end` are milliseconds after the beginning of the test's time."""
    return SpanRecord(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent,
        parent_is_remote=remote,
        name=name,
        start_ns=START + int(start * MILLISECOND),
        end_ns=START + int(end * MILLISECOND),
        is_error=error is not None,
        status_message=error,
        attributes=attributes or {},
        events=(),
        scope="tests",
        resource={},
    )


def chat_attributes(question: str = "hi", answer: str = "hello", **more: Any) -> Mapping[str, Any]:
    """What `otel_openai_v0` writes for a chat call."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-3.5-turbo",
        "gen_ai.response.model": "gpt-3.5-turbo-0613",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.input.messages": messages("user", question),
        "gen_ai.output.messages": messages("assistant", answer),
        **more,
    }


def messages(role: str, *texts: str) -> str:
    """Messages as the JSON of the conventions."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]} for text in texts])


def trace(*spans: SpanRecord, sequence: int = 0, reason: Reason = Reason.ROOT, missing: int = 0) -> Trace:
    """A trace of `spans` as the assembler would emit it."""
    ordered = tuple(sorted(spans, key=lambda one: one.start_ns))
    return Trace(spans[0].trace_id, sequence, reason, ordered, missing)


def fields_of(call: ModelCall, names: Iterable[str]) -> dict[str, object]:
    """These fields of a call; `request` and `responses` are what it asked and was answered, as Markdown."""
    texts = texts_of_call(call)
    rendered = {"request": texts.input, "responses": texts.outputs}
    return {name: rendered[name] if name in rendered else getattr(call, name) for name in names}


def stats_of(record: SpanRecord) -> dict[str, object]:
    """The row of `stats` for a call of a model, by its columns."""
    call = read_view(record).call
    assert call is not None
    bill = bill_of(call, PRICES, record.start_ns)
    row = STATS.row(CallSource(record, call, texts_of_call(call), bill, "run-1"))
    return dict(zip([column.name for column in STATS.columns], row, strict=True))


def read(made: Trace) -> ReadTrace:
    """A trace, read with our own prices."""
    return read_trace(made, PRICES)


def timeline(made: Trace, longest: int) -> Timeline:
    """The timeline of a trace."""
    return timelines.timeline(read(made), longest)
