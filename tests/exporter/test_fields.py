"""Every field of a call, by tables of what the dialects write."""

import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import pytest

from otel_wandb._genai.model_call import ModelCall, Usage
from otel_wandb._genai.view import read_view
from otel_wandb._records.markdown import Texts, texts_of_call
from otel_wandb._spans.span import EventRecord
from tests.exporter.spans import MILLISECOND, START, chat_attributes, fields_of, span

LLM: Final = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}


def call(attributes: Mapping[str, Any], *events: EventRecord, logs: tuple[EventRecord, ...] = ()) -> ModelCall:
    """The call that a span with these attributes is."""
    found = read_view(replace(span(attributes=attributes), events=events, logs=logs)).call
    assert found is not None
    return found


def said(role: str, text: str) -> dict[str, str]:
    """A message in OpenAI's form."""
    return {"role": role, "content": text}


QUESTION: Final = json.dumps([said("user", "hi")])


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        # The first key that is there wins, even if what it says is nothing.
        ({"gen_ai.usage.input_tokens": 0, "gen_ai.usage.prompt_tokens": 9}, {"usage": Usage(input=0, total=0)}),
        ({"user.id": "", "llm.user": "u"}, {"user": ""}),
        ({"gen_ai.input.messages": "[]", "gen_ai.prompt.0.content": "x"}, {"request": None}),
        # One that cannot be read is as good as none.
        ({"gen_ai.usage.input_tokens": "many", "gen_ai.usage.prompt_tokens": 9}, {"usage": Usage(input=9, total=9)}),
        ({"user.id": None, "llm.user": "u"}, {"user": "u"}),
        ({"gen_ai.provider.name": "aws.bedrock", "gen_ai.system": "openai"}, {"provider": "aws.bedrock"}),
        ({"gen_ai.system": "OpenAI"}, {"provider": "openai", "api_type": "openai"}),
        ({"gen_ai.system": "az.ai.openai"}, {"provider": "azure.ai.openai", "api_type": "azure"}),
        ({"llm.provider": "azure"}, {"provider": "azure.ai.openai", "api_type": "azure"}),
        ({"ai.model.provider": "openai.chat"}, {"provider": "openai"}),
        ({}, {"provider": None, "api_type": None}),
        ({"gen_ai.response.finish_reasons": '["stop", "tool_call"]'}, {"finish_reasons": ("stop", "tool_calls")}),
        ({"gen_ai.response.finish_reasons": "stop"}, {"finish_reasons": ("stop",)}),
        ({"gen_ai.request.stop_sequences": '["x"]'}, {"parameters": {"stop": ("x",)}}),
        (
            {"gen_ai.request.temperature": "0.5", "gen_ai.request.top_p": "Infinity"},
            {"parameters": {"temperature": 0.5}},
        ),
        ({"gen_ai.request.stream": False}, {"parameters": {}}),
        ({"gen_ai.request.temperature": "warm", "gen_ai.request.seed": True}, {"parameters": {}}),
        ({"gen_ai.request.max_tokens": 10**30, "gen_ai.request.top_k": 3}, {"parameters": {"top_k": 3}}),
        ({"llm.usage.total_tokens": 7}, {"usage": Usage(total=7)}),
        ({"gen_ai.usage.cache_creation.input_tokens": 3}, {"usage": Usage(cache_write=3)}),
        ({"gen_ai.usage.input_tokens": 10**30}, {"usage": Usage()}),
        ({"gen_ai.usage.input_tokens": -1, "gen_ai.usage.output_tokens": 2.0}, {"usage": Usage(output=2, total=2)}),
        (
            {"gen_ai.tool.definitions": '[{"type": "function", "function": {"name": "f"}}, {"type": "web_search"}]'},
            {"tools": ("f", "web_search")},
        ),
        ({"ai.prompt.tools": ('{"type": "function", "name": "f"}',)}, {"tools": ("f",)}),
        ({"llm.tools.0.tool.json_schema": '{"function": {"name": "f"}}'}, {"tools": ("f",)}),
        ({"llm.tools": [{"tool": {"json_schema": '{"name": "f"}'}}]}, {"tools": ("f",)}),
        ({"operation.cost": 0.25}, {"cost": 0.25}),
        ({"llm.cost.total": 2}, {"cost": 2.0}),
        ({"langfuse.observation.cost_details": '{"input": 1, "output": 0.5}'}, {"cost": 1.5}),
        ({"mlflow.llm.cost": '{"input_cost": 1, "total_cost": 3}'}, {"cost": 3.0}),
        ({"gen_ai.usage.cost": 0}, {"cost": 0.0}),
        ({"gen_ai.usage.cost": 0, "telemetry.sdk.name": "openlit"}, {"cost": None}),
        ({"traceloop.association.properties.session_id": "s"}, {"session": "s", "conversation": None}),
        ({"gen_ai.conversation.id": "c", "wandb.thread_id": "t"}, {"conversation": "t"}),
        ({"tag.tags": ("a", "b")}, {"tags": ("a", "b")}),
        ({"logfire.tags": ("LLM", "mine")}, {"tags": ("mine",)}),
        (
            {"langfuse.observation.prompt.name": "p", "langfuse.observation.prompt.version": 3},
            {"prompt_name": "p", "prompt_version": "3"},
        ),
    ],
)
def test_one_field_after_the_other(attributes: dict[str, Any], expected: dict[str, Any]) -> None:
    found = call({"gen_ai.operation.name": "chat", **attributes})
    assert fields_of(found, expected) == expected


@pytest.mark.parametrize(
    ("attributes", "request_text"),
    [
        # A limit on the number of attributes drops the oldest: what is left keeps its order.
        (
            {
                "gen_ai.prompt.10.content": "later",
                "gen_ai.prompt.9.content": "earlier",
                "gen_ai.prompt.9.role": "system",
                "gen_ai.prompt.name": "no message",
            },
            "**system**: earlier\n\n**user**: later",
        ),
        ({"llm.input_messages.6.message.content": "x"}, "**user**: x"),
        (
            {
                "llm.input_messages.0.message.contents.1.message_content.image.image.url": "https://x/y.png",
                "llm.input_messages.0.message.contents.1.message_content.type": "image",
                "llm.input_messages.0.message.contents.0.message_content.text": "this",
                "llm.input_messages.0.message.contents.0.message_content.type": "text",
            },
            "**user**: this\nhttps://x/y.png",
        ),
        ({"gen_ai.prompt.0.content": '[{"type": "text", "text": "part"}]'}, "**user**: part"),
        ({"gen_ai.prompt.0.content": '[{"a": 1}]'}, '**user**: [{"a": 1}]'),
        ({"llm.input_messages": [{"message": said("user", "x")}]}, "**user**: x"),
        ({"llm.input_messages": "?", "llm.input_messages.0.message.content": "x"}, "**user**: x"),
        ({"llm.input_messages.0.message": "cut", "llm.input_messages.0.message.content": "x"}, "**user**: x"),
        ({"llm.prompts": ("a", "b")}, "**Prompt**: a\n\n**Prompt**: b"),
        # Structured, as the SDK takes attributes since 1.45.
        (
            {
                "gen_ai.input.messages": (
                    MappingProxyType({"role": "user", "parts": ({"type": "text", "content": "x"},)}),
                )
            },
            "**user**: x",
        ),
        ({"gen_ai.input.messages": [said("user", "x")]}, "**user**: x"),
        # Cut, or no messages at all.
        ({"gen_ai.input.messages": '[{"role": "us'}, '[{"role": "us'),
        ({"langfuse.observation.input": '{"messages": [{"ro'}, '{"messages": [{"ro'),
        ({"input.value": '{"question": "why"}'}, '{"question": "why"}'),
        ({"gen_ai.input.messages": 5}, "5"),
        ({"gen_ai.input.messages": [None, b"xx"]}, 'null\n\n"<2 bytes>"'),
        (
            {"gen_ai.system_instructions": "be brief", "gen_ai.input.messages": QUESTION},
            "**system**: be brief\n\n**user**: hi",
        ),
        ({"system_prompt": "be brief"}, "**system**: be brief"),
        # As a body.
        ({"request_data": {"messages": [said("user", "x")], "system": "s"}}, "**system**: s\n\n**user**: x"),
        ({"request_data": '{"model": "m"}'}, None),
        ({"langfuse.observation.input": "x"}, "**Prompt**: x"),
        ({"mlflow.spanInputs": '{"input": [[1, 2]]}'}, "[1, 2]"),
        ({"ai.prompt": '{"prompt": "x", "system": "s"}'}, "**system**: s\n\n**user**: x"),
        ({"traceloop.entity.input": QUESTION}, "**user**: hi"),
        (
            {"events": '[{"event.name": "gen_ai.user.message", "content": "x"}, {"event.name": "gen_ai.choice"}, 5]'},
            "**user**: x",
        ),
    ],
)
def test_what_was_asked(attributes: dict[str, Any], request_text: str | None) -> None:
    known = {"gen_ai.request.model": "m"}
    assert texts_of_call(call({**known, **attributes})).input == request_text


@pytest.mark.parametrize(
    ("attributes", "responses"),
    [
        (
            {"gen_ai.completion.0.content": "a", "gen_ai.completion.2.content": "c"},
            ("**assistant**: a", "**assistant**: c"),
        ),
        (
            {"output.value": '{"choices": [{"text": "a"}, {"message": {"content": "b"}}]}'},
            ("**assistant**: a", "**assistant**: b"),
        ),
        ({"output.value": '{"data": [{"embedding": [0.1]}]}'}, ()),
        ({"output.value": '{"answer": 42}'}, ('{"answer": 42}',)),
        ({"langfuse.observation.output": "text"}, ("**assistant**: text",)),
        ({"mlflow.spanOutputs": '"text"'}, ("**assistant**: text",)),
        ({"response_data": '{"message": {"role": "assistant", "content": "x"}, "usage": {}}'}, ("**assistant**: x",)),
        ({"response_data": '{"combined_chunk_content": "x", "chunk_count": 2}'}, ("**assistant**: x",)),
        ({"ai.response.text": '{"a": 1}'}, ('**assistant**: {"a": 1}',)),
        (
            {
                "ai.response.text": "I ask.",
                "ai.response.toolCalls": '[{"toolCallId": "1", "toolName": "f", "input": {"a": 1}}]',
            },
            ('**assistant**: I ask.\nf({"a": 1})',),
        ),
        ({"ai.response.toolCalls": '[{"toolName": "f", "args": "{}"}]'}, ("**assistant**: f({})",)),
        ({"gen_ai.output.messages": '[{"role": null, "parts": []}]'}, ("**assistant**: ",)),
        (
            {"gen_ai.completion": '["cut', "ai.response.toolCalls": '[{"name": "f"}]'},
            ('**assistant**: ["cut\nf(null)',),
        ),
        (
            {
                "output.value": {
                    "output": [{"type": "function_call", "name": "f", "arguments": '{"a":1}', "call_id": "c"}]
                }
            },
            ('**assistant**: f({"a": 1})',),
        ),
    ],
)
def test_what_was_answered(attributes: dict[str, Any], responses: tuple[str, ...]) -> None:
    assert texts_of_call(call({"gen_ai.request.model": "m", **attributes})).outputs == responses


VERCEL: Final = {
    "ai.operationId": "ai.streamText.doStream",
    "ai.model.provider": "openai.chat",
    "ai.model.id": "gpt-4o-mini",
    "ai.prompt.messages": json.dumps(
        [
            said("system", "be brief"),
            {"role": "user", "content": [{"type": "text", "text": "weather in Paris?"}]},
            {
                "role": "assistant",
                "content": [{"type": "tool-call", "toolCallId": "1", "toolName": "f", "input": {"city": "Paris"}}],
            },
            {
                "role": "tool",
                "content": [{"type": "tool-result", "toolCallId": "1", "output": {"type": "text", "value": "rainy"}}],
            },
        ]
    ),
    "ai.response.text": "rainy",
    "ai.response.id": "chatcmpl-1",
    "ai.response.model": "gpt-4o-mini-2024-07-18",
    "ai.response.finishReason": "tool-calls",
    "ai.response.msToFirstChunk": 250,
    "ai.usage.promptTokens": 20,
    "ai.usage.completionTokens": 7,
    "ai.settings.maxOutputTokens": 50,
    "ai.settings.temperature": 0.2,
    "ai.telemetry.metadata.userId": "u1",
    "ai.telemetry.metadata.sessionId": "s1",
}
MLFLOW: Final = {
    "mlflow.spanType": '"CHAT_MODEL"',
    "mlflow.llm.provider": '"OpenAI"',
    "mlflow.llm.model": '"gpt-4o-mini"',
    "mlflow.spanInputs": json.dumps({"messages": [said("user", "hi")], "model": "x", "temperature": 0.2, "user": "u1"}),
    "mlflow.spanOutputs": json.dumps(
        {
            "id": "chatcmpl-1",
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"finish_reason": "stop", "message": said("assistant", "hello")}],
        }
    ),
    "mlflow.chat.tokenUsage": '{"input_tokens": 20, "output_tokens": 7, "cache_read_input_tokens": 4}',
    "mlflow.chat.tools": '[{"type": "function", "function": {"name": "f"}}]',
    "mlflow.trace.session": '"s1"',
}
LANGFUSE: Final = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.input": QUESTION,
    "langfuse.observation.output": json.dumps(said("assistant", "hello")),
    "langfuse.observation.model.name": "claude",
    "langfuse.observation.model.parameters": '{"max_tokens": "Infinity", "temperature": 0.2, "top_p": 1, "seed": 3}',
    "langfuse.observation.usage_details": '{"input": 20, "output": 7, "input_cached_tokens": 4, "total": 27}',
    "langfuse.user.id": "u1",
    "session.id": "s1",
}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (
            VERCEL,
            {
                "provider": "openai",
                "request_model": "gpt-4o-mini",
                "response_model": "gpt-4o-mini-2024-07-18",
                "response_id": "chatcmpl-1",
                "request": '**system**: be brief\n\n**user**: weather in Paris?\n\n**assistant**: f({"city": "Paris"})'
                "\n\n**tool**: rainy",
                "responses": ("**assistant**: rainy",),
                "finish_reasons": ("tool_calls",),
                "usage": Usage(20, 7, total=27),
                "parameters": {"temperature": 0.2, "max_tokens": 50, "stream": True},
                "time_to_first_chunk": 0.25,
                "user": "u1",
                "session": "s1",
            },
        ),
        (
            {
                "ai.operationId": "ai.embedMany.doEmbed",
                "ai.values": ('"a"', '"b"'),
                "ai.embeddings": ("[0.1]", "[0.2]"),
                "ai.usage.tokens": 5,
            },
            {
                "operation": "embeddings",
                "request": "**Input**: a\n\n**Input**: b",
                "responses": ("**Embeddings**: 2",),
                "usage": Usage(5, total=5),
            },
        ),
        (
            MLFLOW,
            {
                "provider": "openai",
                "request_model": "gpt-4o-mini",
                "response_model": "gpt-4o-mini-2024-07-18",
                "response_id": "chatcmpl-1",
                "request": "**user**: hi",
                "responses": ("**assistant**: hello",),
                "finish_reasons": ("stop",),
                "usage": Usage(20, 7, 4, total=27),
                "tools": ("f",),
                "parameters": {"temperature": 0.2},
                "user": "u1",
                "session": "s1",
            },
        ),
        (
            LANGFUSE,
            {
                "operation": "chat",
                "response_model": "claude",
                "request": "**user**: hi",
                "responses": ("**assistant**: hello",),
                "usage": Usage(20, 7, 4, total=27),
                "parameters": {"temperature": 0.2, "seed": 3},
                "user": "u1",
                "session": "s1",
            },
        ),
    ],
)
def test_dialects_that_were_not_recorded(attributes: dict[str, Any], expected: dict[str, Any]) -> None:
    found = call(attributes)
    assert fields_of(found, expected) == expected


@pytest.mark.parametrize(
    ("name", "operation"), [("chat gpt", "chat"), ("embeddings m", "embeddings"), ("openai.chat", "chat")]
)
def test_an_operation_that_only_the_name_of_the_span_says(name: str, operation: str) -> None:
    found = read_view(span(name=name, attributes={"gen_ai.request.model": "m"})).call
    assert found is not None
    assert found.operation == operation


def event(name: str, attributes: Mapping[str, Any] | None = None, body: Any = None, at: float = 0) -> EventRecord:
    return EventRecord(name, START + int(at * MILLISECOND), attributes or {}, body)


def test_messages_in_events_of_the_span() -> None:
    found = call(
        LLM,
        event("gen_ai.content.prompt", {"gen_ai.prompt": QUESTION}),
        event("gen_ai.content.completion", {"gen_ai.completion": json.dumps([said("assistant", "hello")])}),
    )
    assert texts_of_call(found) == Texts("**user**: hi", ("**assistant**: hello",))


def test_messages_in_log_records_are_told_by_the_event() -> None:
    logs = (
        event("gen_ai.system.message", body={"content": "be brief"}),
        event("gen_ai.user.message", body="hi"),
        event(
            "gen_ai.assistant.message", body={"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}
        ),
        event("gen_ai.tool.message", body={"content": "rainy", "id": "1"}),
        event("gen_ai.choice", body={"index": 0, "finish_reason": "stop", "message": {"content": "a"}}),
        event("gen_ai.choice", {"index": 1, "message": '{"content": "b"}', "finish_reason": "length"}),
        event("gen_ai.evaluation.result", {"gen_ai.usage.input_tokens": 9}),
    )
    found = call({}, logs=logs)
    assert texts_of_call(found) == Texts(
        "**system**: be brief\n\n**user**: hi\n\n**assistant**: f({})\n\n**tool**: rainy",
        ("**assistant**: a", "**assistant**: b"),
    )
    assert found.finish_reasons == ("stop", "length")
    assert found.usage == Usage()


def test_an_event_with_the_whole_call_adds_what_the_span_does_not_say() -> None:
    details = {**chat_attributes("hi", "hello"), "gen_ai.input.messages": [said("user", "from the event")]}
    log = event("gen_ai.client.inference.operation.details", details)
    found = call({"gen_ai.request.model": "the span's"}, logs=(log,))
    assert found.request_model == "the span's"
    assert texts_of_call(found) == Texts("**user**: from the event", ("**assistant**: hello",))


@pytest.mark.parametrize(
    ("said_at", "seconds"),
    [
        ('"2023-11-14T22:13:20.250000Z"', 0.25),
        ("2023-11-14T23:13:20.250000+01:00", 0.25),
        ("2023-11-14T22:13:20.250000", 0.25),
        ("2023-11-14T22:13:19Z", None),
        ("soon", None),
        (5, None),
        (b"2023-11-14", None),
    ],
)
def test_the_first_chunk_is_told_by_a_time(said_at: Any, seconds: float | None) -> None:
    assert call({**LLM, "langfuse.observation.completion_start_time": said_at}).time_to_first_chunk == seconds


def test_the_first_chunk_and_the_exception_are_told_by_events() -> None:
    found = call(
        LLM,
        event("llm.content.completion.chunk", at=3),
        event("llm.content.completion.chunk", at=5),
        event("exception", {"exception.type": "ValueError"}),
    )
    assert (found.time_to_first_chunk, found.error_type) == (0.003, "ValueError")
    assert call(LLM, event("First Token Stream Event", at=-5)).time_to_first_chunk is None
