"""The spans of the eight methods, attribute by attribute."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from tests.instrumentation.driving import ANSWERED, ROWS, Caller, Json, Recording, text
from tests.support.openai_server import OpenAIServer, Reply

WEATHER: Json = {"name": "weather", "description": "tells it", "parameters": {"type": "object", "properties": {}}}
USAGE: Json = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0},
}
USAGE_ATTRIBUTES: Json = {
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 5,
    "gen_ai.usage.reasoning.output_tokens": 3,
}


def choice(index: int, finish: str, **message: Any) -> Json:
    return {"index": index, "message": {"role": "assistant", **message}, "finish_reason": finish}


CHAT: Json = {
    "asked": {
        "model": "gpt-3.5-turbo",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "Wetter in Köln?", "name": "anna"},
            {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": '{"at": "K"}'}},
            {"role": "function", "name": "weather", "content": "rain"},
        ],
        "functions": [WEATHER],
        "function_call": {"name": "weather"},
        "temperature": 0.5,
        "top_p": 1,
        "max_tokens": 10,
        "n": 2,
        "stop": ["a", "b"],
        "frequency_penalty": 0.25,
        "presence_penalty": -1,
        "seed": 7,
        "response_format": {"type": "json_object"},
        "service_tier": "flex",
        "user": "u-1",
        "logit_bias": {"50256": -100},
    },
    "answered": {
        "id": "chatcmpl-x",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-3.5-turbo-0613",
        "system_fingerprint": "fp_1",
        "service_tier": "default",
        "choices": [  # servers may send the indexes in any order
            choice(1, "length", content=None, function_call={"name": "weather", "arguments": '{"at": '}),
            choice(0, "function_call", content="so", function_call={"name": "weather", "arguments": '{"at":"K"}'}),
        ],
        "usage": USAGE,
    },
    "name": "chat gpt-3.5-turbo",
    "attributes": {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-3.5-turbo",
        "openai.api.type": "chat_completions",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 1.0,
        "gen_ai.request.max_tokens": 10,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.stop_sequences": ("a", "b"),
        "gen_ai.request.frequency_penalty": 0.25,
        "gen_ai.request.presence_penalty": -1.0,
        "gen_ai.request.seed": 7,
        "gen_ai.output.type": "json",
        "openai.request.service_tier": "flex",
        "openai.request.function_call": "weather",
        "user.id": "u-1",
        "gen_ai.response.id": "chatcmpl-x",
        "gen_ai.response.model": "gpt-3.5-turbo-0613",
        "gen_ai.response.finish_reasons": ("function_call", "length"),
        "openai.response.system_fingerprint": "fp_1",
        "openai.response.service_tier": "default",
        **USAGE_ATTRIBUTES,
        "gen_ai.tool.definitions": [{"type": "function", **WEATHER}],
        "gen_ai.input.messages": [
            {"role": "system", **text("be brief")},
            {"role": "user", **text("Wetter in Köln?"), "name": "anna"},
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": None, "name": "weather", "arguments": {"at": "K"}}],
            },
            {
                "role": "function",
                "parts": [{"type": "tool_call_response", "id": None, "response": "rain"}],
                "name": "weather",
            },
        ],
        "gen_ai.output.messages": [
            {
                "role": "assistant",
                "parts": [
                    {"type": "text", "content": "so"},
                    {"type": "tool_call", "id": None, "name": "weather", "arguments": {"at": "K"}},
                ],
                "finish_reason": "tool_call",
            },
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": None, "name": "weather", "arguments": '{"at": '}],
                "finish_reason": "length",
            },
        ],
    },
}
COMPLETION: Json = {
    "asked": {
        "model": "text-davinci-003",
        "prompt": "Once",
        "best_of": 3,
        "echo": True,
        "logprobs": 2,
        "stop": "\n",
        "n": 1,
        "suffix": "end",
    },
    "answered": {
        "id": "cmpl-x",
        "object": "text_completion",
        "created": 1,
        "model": "text-davinci-003-eu",
        "choices": [{"index": 0, "text": "Once upon", "logprobs": None, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1},
    },
    "name": "text_completion text-davinci-003",
    "attributes": {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.request.model": "text-davinci-003",
        "openai.api.type": "completions",
        "openai.request.best_of": 3,
        "openai.request.echo": True,
        "openai.request.logprobs": 2,
        "gen_ai.request.stop_sequences": ("\n",),
        "gen_ai.response.id": "cmpl-x",
        "gen_ai.response.model": "text-davinci-003-eu",
        "gen_ai.response.finish_reasons": ("length",),
        "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.output_tokens": 0,
        "gen_ai.input.messages": [{"role": "user", **text("Once")}],
        "gen_ai.output.messages": [{"role": "assistant", **text("Once upon"), "finish_reason": "length"}],
    },
}
EDIT: Json = {
    "asked": {"model": "text-davinci-edit-001", "input": "helo", "instruction": "spell", "n": 2, "temperature": 0},
    "answered": {
        "object": "edit",
        "created": 1,
        "choices": [{"index": 0, "text": "hello"}, {"index": 1, "text": "halo"}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9},
    },
    "name": "text_completion text-davinci-edit-001",
    "attributes": {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.request.model": "text-davinci-edit-001",
        "openai.api.type": "edits",
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.usage.input_tokens": 4,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.system_instructions": [{"type": "text", "content": "spell"}],
        "gen_ai.input.messages": [{"role": "user", **text("helo")}],
        "gen_ai.output.messages": [{"role": "assistant", **text("hello")}, {"role": "assistant", **text("halo")}],
    },
}
EMBEDDING: Json = {
    "asked": {"model": "text-embedding-ada-002", "input": ["one", "two"], "user": "u-2"},
    "answered": {
        "object": "list",
        "data": [{"object": "embedding", "index": i, "embedding": [0.5, 1.0, 2.0]} for i in range(2)],
        "model": "text-embedding-ada-002-v2",
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    },
    "name": "embeddings text-embedding-ada-002",
    "attributes": {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.request.model": "text-embedding-ada-002",
        "openai.api.type": "embeddings",
        "user.id": "u-2",
        "gen_ai.response.model": "text-embedding-ada-002-v2",
        "gen_ai.usage.input_tokens": 2,
        "gen_ai.embeddings.dimension.count": 3,
        "openai.response.embedding_count": 2,
        "gen_ai.input.messages": [{"role": "user", **text("one")}, {"role": "user", **text("two")}],
    },
}
CASES = dict(zip(ROWS, (CHAT, COMPLETION, EDIT, EMBEDDING), strict=True))


@pytest.mark.parametrize("owner", ROWS)
async def test_a_call_is_one_whole_span(owner: str, caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    case = CASES[owner]
    server.answer_next(Reply(body=case["answered"]))
    assert await caller.create(owner, **case["asked"]) == case["answered"]
    span = recording.only()
    assert (span.name, span.kind, span.status.status_code) == (case["name"], SpanKind.CLIENT, StatusCode.UNSET)
    place = {"server.address": "127.0.0.1", "server.port": int(server.url.split(":")[2].split("/")[0])}
    assert recording.attributes() == {"gen_ai.provider.name": "openai", **place, **ANSWERED, **case["attributes"]}
    assert span.events == ()


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [(None, {}), ("base64", {"gen_ai.request.encoding_formats": ("base64",)})],
)
async def test_embeddings_are_measured_not_recorded(
    encoding: str | None, expected: Json, caller: Caller, recording: Recording
) -> None:
    asked = {} if encoding is None else {"encoding_format": encoding}
    await caller.create("Embedding", model="m", input="text", **asked)
    found = recording.attributes()
    assert found["gen_ai.embeddings.dimension.count"] == 8
    assert found["openai.response.embedding_count"] == 1
    assert {key: value for key, value in found.items() if "encoding" in key} == expected
    assert "gen_ai.output.messages" not in found
