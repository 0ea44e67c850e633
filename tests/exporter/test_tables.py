"""The `stats` table's columns."""

import json
import math
from datetime import datetime, timezone
from typing import Any

import pytest

from otel_wandb._records.table import Column, Table
from otel_wandb._records.tables import FEEDBACK, STATS_COLUMNS
from otel_wandb._spans import attributes as names
from otel_wandb._traces.feedback import feedback_of
from tests.exporter.spans import chat_attributes, messages, span, stats_of

LEGACY = [
    "request", "response", "model", "start_time", "end_time", "request_id", "api_type", "session_id",
    "elapsed_time", "prompt_tokens", "completion_tokens", "total_tokens",
]  # fmt: skip


def test_the_legacy_columns_come_first_and_in_order() -> None:
    assert [column.name for column in STATS_COLUMNS][: len(LEGACY)] == LEGACY


def test_a_row_of_a_chat_call() -> None:
    values = stats_of(span("s", "p", name="chat m", start=0, end=1_500, attributes=chat_attributes("hi", "hello")))
    assert {name: values[name] for name in (*LEGACY, "trace_id", "span_id", "parent_span_id", "status", "error")} == {
        "request": "**user**: hi",
        "response": "**assistant**: hello",
        "model": "gpt-3.5-turbo-0613",
        "start_time": datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc),
        "end_time": datetime(2023, 11, 14, 22, 13, 21, 500_000, tzinfo=timezone.utc),
        "request_id": "chatcmpl-1",
        "api_type": "openai",
        "session_id": "run-1",
        "elapsed_time": 1.5,
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 7,
        "trace_id": "t",
        "span_id": "s",
        "parent_span_id": "p",
        "status": "SUCCESS",
        "error": None,
    }


def test_all_choices_are_in_one_row_and_tokens_counted_once() -> None:
    values = stats_of(
        span(attributes=chat_attributes(**{"gen_ai.output.messages": messages("assistant", "a", "b", "c")}))
    )
    assert values["response"] == "**assistant**: a\n\n**assistant**: b\n\n**assistant**: c"
    assert values["total_tokens"] == 7


@pytest.mark.parametrize(("provider", "api_type"), [("azure.ai.openai", "azure"), ("openai", "openai")])
def test_the_api_type(provider: str, api_type: str) -> None:
    assert stats_of(span(attributes=chat_attributes(**{"gen_ai.provider.name": provider})))["api_type"] == api_type


@pytest.mark.parametrize(
    ("said", "shown"),
    [("slow down", "RateLimitError: slow down"), ("RateLimitError", "RateLimitError"), ("", "RateLimitError")],
)
def test_a_failed_call_has_its_error(said: str, shown: str) -> None:
    record = span(error=said, attributes={"gen_ai.operation.name": "chat", "error.type": "RateLimitError"})
    values = stats_of(record)
    assert (values["status"], values["error"], values["total_tokens"]) == ("ERROR", shown, None)


def test_request_parameters_are_typed_columns() -> None:
    parameters: dict[str, Any] = {
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.stop_sequences": ("x", "y"),
        "gen_ai.request.stream": True,
        "gen_ai.response.time_to_first_chunk": 0.25,
        "openai.stream.end": "closed",
        "user.id": "u",
        "session.id": "s",
        "openai.call.tags": ("a", "b"),
        "http.response.status_code": 200,
    }
    values = stats_of(span(attributes=chat_attributes(**parameters)))
    picked = ("temperature", "max_tokens", "stop", "stream", "time_to_first_chunk", "stream_end", "user", "seed")
    assert [values[name] for name in picked] == [0.5, 9.0, '["x", "y"]', True, 0.25, "closed", "u", None]
    assert [values[name] for name in ("session", "tags", "http_status", "conversation")] == ["s", "a, b", 200.0, None]


def test_the_provider_and_tokens_of_each_kind_are_columns() -> None:
    usage: dict[str, Any] = {
        "gen_ai.usage.cache_read.input_tokens": 2,
        "gen_ai.usage.cache_write.input_tokens": 1,
        "gen_ai.usage.reasoning.output_tokens": 0,
    }
    values = stats_of(span(attributes=chat_attributes(**usage)))
    picked = ("provider", "cached_tokens", "cache_write_tokens", "reasoning_tokens")
    assert [values[name] for name in picked] == ["openai", 2.0, 1.0, 0.0]


def test_every_cell_is_of_its_columns_type_or_empty() -> None:
    known = [value for name, value in vars(names).items() if name.isupper()]
    odd = {key: object() for key in known} | {"gen_ai.operation.name": "chat"}
    for attributes in (chat_attributes(), odd, {"gen_ai.operation.name": "chat"}):
        values = stats_of(span(attributes=attributes))
        for column in STATS_COLUMNS:
            value = values[column.name]
            kinds = (int, float) if column.type is float else column.type
            assert value is None or isinstance(value, kinds), column.name


def test_embeddings_have_prompt_tokens_for_a_total() -> None:
    attributes = {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.usage.input_tokens": 5,
        "openai.response.embedding_count": 2,
        "gen_ai.embeddings.dimension.count": 8,
    }
    values = stats_of(span(attributes=attributes))
    assert (values["response"], values["completion_tokens"], values["total_tokens"]) == (
        "**Embeddings**: 2 of 8 dimensions",
        None,
        5,
    )


@pytest.mark.parametrize(
    ("attributes", "response"),
    [
        ({"openai.moderation.flagged": False}, "**Flagged**: no"),
        (
            {"openai.moderation.flagged": True, "openai.moderation.categories": ("hate", "violence")},
            "**Flagged**: hate, violence",
        ),
        ({}, None),
    ],
)
def test_a_moderation_says_what_it_flagged(attributes: dict[str, Any], response: str | None) -> None:
    assert stats_of(span(attributes={"gen_ai.operation.name": "moderation", **attributes}))["response"] == response


@pytest.mark.parametrize(
    ("value", "number", "text"),
    [
        (1, 1.0, None),
        (True, 1.0, None),
        (0.5, 0.5, None),
        ("good", None, "good"),
        (math.nan, None, "nan"),
        (-math.inf, None, "-inf"),
        (10**400, None, "1" + "0" * 400),
        (10**5_000, None, "<integer of 16610 bits>"),
    ],
    ids=range(8),
)
def test_feedback_that_is_no_number_of_json_is_a_text(value: float | str, number: float | None, text: str) -> None:
    row = dict(
        zip(
            [column.name for column in FEEDBACK.columns],
            FEEDBACK.row(feedback_of("0" * 32, "n", value, 0.0)),
            strict=True,
        )
    )
    assert (row["value"], row["text"]) == (number, text)
    json.dumps([row["value"], row["text"]], allow_nan=False)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_cell_that_json_does_not_have_is_empty(value: float) -> None:
    assert Table("t", (Column("n", float, lambda given: given),)).row(value) == (None,)


def test_costs_that_nobody_pays_are_not_believed() -> None:
    for cost in ('{"input": 1e308, "output": 1e308}', '{"total": 1e308}'):
        attributes = {"langfuse.observation.type": "generation", "langfuse.observation.cost_details": cost}
        assert stats_of(span(attributes=attributes))["cost"] is None


def test_images_cost_what_their_number_and_size_do() -> None:
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "image_generation",
        "gen_ai.provider.name": "openai",
        "openai.request.image.size": "512x512",
        "openai.response.image_count": 2,
    }
    values = stats_of(span(attributes=attributes))
    assert (values["cost"], values["cost_reason"]) == (0.036, None)
    del attributes["openai.response.image_count"]
    values = stats_of(span(attributes=attributes))
    assert (values["cost"], values["cost_reason"]) == (None, "billed_per_image")
