"""Recordings of the same six calls by seven instrumentations give the same view, but for what one does not record."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from otel_wandb._genai.dialects import fields as f
from otel_wandb._genai.model_call import Kind, ModelCall, Usage
from otel_wandb._genai.reading import read_fields
from otel_wandb._genai.view import read_view
from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.merging import merged
from tests.exporter.recordings import recording
from tests.exporter.spans import fields_of, stats_of, timeline, trace
from tests.exporter.spans import span as one_span

CHAT: Final[Mapping[str, Any]] = {
    "operation": "chat",
    "provider": "openai",
    "request_model": "gpt-4o-mini",
    "response_model": "gpt-4o-mini-2024-07-18",
    "response_id": "chatcmpl-1",
    "request": "**system**: be brief\n\n**user**: weather in Paris?",
    "usage": Usage(input=20, output=7, cache_read=4, reasoning=3, total=27),
    "tools": ("get_weather",),
    "parameters": {},
    "user": None,
    "cost": None,
    "error_type": None,
}
NO_TOOLS: Final[Mapping[str, Any]] = {"tools": ()}
EXPECTED: Final[Mapping[str, Mapping[str, Any]]] = {
    "tools": {
        **CHAT,
        "responses": ('**assistant**: get_weather({"city": "Paris"})',),
        "finish_reasons": ("tool_calls",),
        "parameters": {"temperature": 0.2, "max_tokens": 50, "stop": ("x",)},
    },
    "round trip": {
        **CHAT,
        "request": CHAT["request"] + '\n\n**assistant**: get_weather({"city": "Paris"})\n\n**tool**: rainy',
        "responses": ("**assistant**: rainy",),
        "finish_reasons": ("stop",),
    },
    "stream": {
        **CHAT,
        **NO_TOOLS,
        "response_id": "chatcmpl-s",
        "responses": ("**assistant**: Hello",),
        "finish_reasons": ("stop",),
        "usage": Usage(input=9, output=2, total=11),
        "parameters": {"stream": True},
    },
    "completion": {
        **CHAT,
        **NO_TOOLS,
        "operation": "text_completion",
        "request_model": "gpt-3.5-turbo-instruct",
        "response_model": "gpt-3.5-turbo-instruct",
        "response_id": "cmpl-1",
        "request": "**Prompt**: x",
        "responses": ("**Completion**: hi",),
        "finish_reasons": ("length",),
        "usage": Usage(input=2, output=1, total=3),
    },
    "embedding": {
        **CHAT,
        **NO_TOOLS,
        "operation": "embeddings",
        "request_model": "text-embedding-3-small",
        "response_model": "text-embedding-3-small",
        "response_id": None,
        "request": "**Input**: x",
        "responses": (),
        "finish_reasons": (),
        "usage": Usage(input=5, total=5),
    },
    "error": {
        **CHAT,
        **NO_TOOLS,
        "request_model": "gpt-boom",
        "response_model": None,
        "response_id": None,
        "responses": (),
        "finish_reasons": (),
        "usage": Usage(),
        "error_type": "openai.BadRequestError",
    },
}
ALL: Final = tuple(EXPECTED)
NO_COMPLETION: Final = ("tools", "round trip", "stream", "embedding", "error")
RECORDED: Final[Mapping[str, tuple[str, ...]]] = {
    "otel_1_41": NO_COMPLETION,
    "otel_1_36": ("tools", "round trip", "stream", "error"),
    "traceloop_0_62": ALL,
    "openinference": ALL,
    "logfire": ALL,
    "langfuse": ALL,
    "openlit": NO_COMPLETION,
}
# What a dialect does not record, or records otherwise: of all calls, or of one.
ONE_EMBEDDING: Final = ("**Embeddings**: 1 of 2 dimensions",)
TEMPERATURE_AND_TOKENS: Final = {"temperature": 0.2, "max_tokens": 50}
DIFFERENCES: Final[Mapping[tuple[str, str], Mapping[str, Any]]] = {
    ("otel_1_41", "embedding"): {"request": None},
    ("otel_1_36", "tools"): {"tools": (), "parameters": TEMPERATURE_AND_TOKENS, "usage": Usage(20, 7, total=27)},
    ("otel_1_36", "round trip"): {"tools": (), "usage": Usage(20, 7, total=27)},
    ("otel_1_36", "stream"): {"parameters": {}},
    ("otel_1_36", "error"): {"error_type": "BadRequestError"},
    ("traceloop_0_62", "tools"): {"user": "u1", "parameters": TEMPERATURE_AND_TOKENS},
    ("traceloop_0_62", "embedding"): {"usage": Usage(5, cache_read=0, total=5)},
    ("traceloop_0_62", "error"): {"error_type": "BadRequestError"},
    ("openinference", "tools"): {"user": "u1"},
    ("openinference", "embedding"): {"responses": ONE_EMBEDDING},
    # The stream's log has neither the id nor the model of the answer.
    ("logfire", "stream"): {"response_id": None, "response_model": "gpt-4o-mini"},
    ("logfire", "completion"): {"request": None},
    ("logfire", "embedding"): {"request": None},
    ("logfire", "error"): {"response_model": "gpt-boom"},
    # One model, that of the answer if there is one; and neither a provider, an id nor why the answer ended.
    ("langfuse", "*"): {"provider": None, "request_model": None, "response_id": None},
    ("langfuse", "tools"): {"finish_reasons": (), "parameters": TEMPERATURE_AND_TOKENS},
    ("langfuse", "round trip"): {"finish_reasons": ()},
    ("langfuse", "completion"): {"finish_reasons": ()},
    ("langfuse", "embedding"): {"responses": ONE_EMBEDDING},
    ("langfuse", "error"): {"response_model": "gpt-boom", "cost": 0.0, "error_type": None},
    ("openlit", "tools"): {"tools": (), "user": "u1", "usage": Usage(20, 7, 4, 0, total=27)},
    # The assistant's call of the tool is not among the messages.
    ("openlit", "round trip"): {
        "request": CHAT["request"] + "\n\n**tool**: rainy",
        "tools": (),
        "usage": Usage(20, 7, 4, 0, total=27),
    },
    ("openlit", "stream"): {"usage": Usage(9, 2, 0, 0, total=11)},
    ("openlit", "error"): {"request": None, "error_type": "BadRequestError"},
}
CASES: Final = [(dialect, call) for dialect, calls in RECORDED.items() for call in calls]


def spans_of(dialect: str) -> dict[str, SpanRecord]:
    """The spans of the calls of models, by the call."""
    recorded = recording(dialect)
    if dialect == "logfire":  # the calls stand on their own there, and a stream is merged within its trace
        recorded = merged(tuple(replace(one, parent_id="all") for one in recorded))
    calls = [one for one in recorded if read_view(one).kind is Kind.LLM]
    return dict(zip(RECORDED[dialect], calls, strict=True))


def call_of(span: SpanRecord) -> ModelCall:
    call = read_view(span).call
    assert call is not None
    return call


def plain(messages: Any) -> list[Any]:
    """Messages as their roles and parts, without nulls."""
    return [
        (
            message.get("role") or "assistant",
            [{k: v for k, v in part.items() if v is not None} for part in message["parts"]],
        )
        for message in json.loads(json.dumps(messages))
    ]


@pytest.mark.parametrize(("dialect", "call"), CASES)
def test_a_recorded_call(dialect: str, call: str) -> None:
    found = call_of(spans_of(dialect)[call])
    expected = {**EXPECTED[call], **DIFFERENCES.get((dialect, "*"), {}), **DIFFERENCES.get((dialect, call), {})}
    assert fields_of(found, expected) == expected


ASKED: Final = [
    ("system", [{"type": "text", "content": "be brief"}]),
    ("user", [{"type": "text", "content": "weather in Paris?"}]),
]
CALLED: Final = (
    "assistant",
    [{"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}}],
)
ANSWERED: Final = ("tool", [{"type": "tool_call_response", "id": "call_1", "response": "rainy"}])


@pytest.mark.parametrize("dialect", RECORDED)
def test_the_messages_have_one_form(dialect: str) -> None:
    found = spans_of(dialect)
    tools, round_trip = read_fields(found["tools"]), read_fields(found["round trip"])
    assert plain(tools.get(f.INPUT_MESSAGES)) == ASKED
    assert plain(tools.get(f.OUTPUT_MESSAGES)) == [CALLED]
    called = [] if dialect == "openlit" else [CALLED]
    assert plain(round_trip.get(f.INPUT_MESSAGES)) == [*ASKED, *called, ANSWERED]
    assert plain(round_trip.get(f.OUTPUT_MESSAGES)) == [("assistant", [{"type": "text", "content": "rainy"}])]


@pytest.mark.parametrize("dialect", RECORDED)
def test_the_tree_and_the_row_are_the_same(dialect: str) -> None:
    span = spans_of(dialect)["tools"]
    expected = spans_of("otel_1_41")["tools"]
    node, other = (timeline(trace(one), 1_000).root for one in (span, expected))
    assert (node.kind, node.results, node.is_error) == (other.kind, other.results, other.is_error)
    row, other_row = stats_of(span), stats_of(expected)
    same = ("request", "response", "model", "prompt_tokens", "completion_tokens", "total_tokens", "operation", "status")
    assert [row[name] for name in same] == [other_row[name] for name in same]


@pytest.mark.parametrize("dialect", RECORDED)
def test_what_is_shown_as_messages_is_no_attribute_too(dialect: str) -> None:
    for span in spans_of(dialect).values():
        shown = timeline(trace(span), 1_000).root.attributes
        assert "weather in Paris?" not in json.dumps(shown)
        assert len(shown) > 2


@pytest.mark.parametrize(
    ("dialect", "seconds"),
    [
        ("otel_1_41", 0.0497),
        ("otel_1_36", None),
        ("traceloop_0_62", 0.0537),
        ("openinference", 0.0492),
        ("langfuse", 0.0497),
        ("openlit", 0.0460),
    ],
)
def test_a_stream_says_when_its_first_chunk_came(dialect: str, seconds: float | None) -> None:
    found = spans_of(dialect)
    expected = None if seconds is None else pytest.approx(seconds, abs=1e-4)
    assert call_of(found["stream"]).time_to_first_chunk == expected
    assert call_of(found["tools"]).time_to_first_chunk is None


TRACELOOP: Final[Mapping[str, Any]] = {
    "operation": "chat",
    "provider": "openai",
    "request_model": "gpt-3.5-turbo",
    "response_model": "gpt-3.5-turbo-0613",
    "request": "**system**: be brief\n\n**user**: hi",
    "usage": Usage(),
}
TRACELOOP_CALLS: Final[tuple[Mapping[str, Any], ...]] = (
    {
        **TRACELOOP,
        "responses": ('**assistant**: f({"a": 1})',),
        "finish_reasons": ("function_call",),
        "usage": Usage(9, 3, total=12),
        "tools": ("f",),
        "parameters": {"temperature": 0.2},
    },
    {
        **TRACELOOP,
        "responses": ("**assistant**: Hello",),
        "finish_reasons": ("stop",),
        "parameters": {"stream": True},
        "time_to_first_chunk": 0.001,
    },
    {
        **TRACELOOP,
        "operation": "text_completion",
        "request_model": "text-davinci-003",
        "response_model": "text-davinci-003",
        "request": "**Prompt**: x",  # `gen_ai.prompt.0.user`
        "responses": ("**Completion**: hi",),
        "finish_reasons": ("length",),
        "usage": Usage(2, 1, total=3),
    },
    {
        **TRACELOOP,
        "operation": "embeddings",
        "request_model": "text-embedding-ada-002",
        "response_model": "text-embedding-ada-002-v2",
        "request": "**Input**: x",
        "responses": (),
        "usage": Usage(5, total=5),
    },
)


@pytest.mark.parametrize("version", ["traceloop_0_20", "traceloop_0_40"])
@pytest.mark.parametrize("number", range(len(TRACELOOP_CALLS)))
def test_messages_with_an_attribute_for_each_field(version: str, number: int) -> None:
    span = recording(version)[number]
    expected = dict(TRACELOOP_CALLS[number])
    if version == "traceloop_0_40" and expected["usage"] != Usage():
        expected["usage"] = replace(expected["usage"], cache_read=0)
    call = call_of(span)
    assert fields_of(call, expected) == expected
    shown = timeline(trace(span), 1_000).root.attributes
    assert not [
        key for key in shown if key.startswith(("gen_ai.prompt.", "gen_ai.completion.", "llm.request.f", "llm.h"))
    ]


@pytest.mark.parametrize("kind", ["generation", "tool"])
def test_a_level_of_langfuse_is_a_failure(kind: str) -> None:
    level = {"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": "no such thing"}
    failed = one_span("a", "root", attributes={"langfuse.observation.type": kind, **level})
    tree = timeline(trace(one_span("root", end=20), failed), 1_000)
    (node,) = tree.root.children
    assert (node.is_error, node.message, tree.read.error) == (True, "no such thing", "no such thing")
    assert not tree.root.is_error
    rows = [stats_of(record) for record, _ in tree.read.calls]
    assert [(row["status"], row["error"]) for row in rows] == [("ERROR", "no such thing")] * len(rows)


@pytest.mark.parametrize("level", ["WARNING", "DEFAULT", "DEBUG", 5])
def test_other_levels_of_langfuse_are_none(level: Any) -> None:
    attributes = {"langfuse.observation.type": "span", "langfuse.observation.level": level}
    assert not timeline(trace(one_span(attributes=attributes)), 1_000).root.is_error
