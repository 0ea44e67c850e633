"""The model and the parameters, however they were given."""

from __future__ import annotations

import enum
import json

import openai
import pytest

from tests.instrumentation.driving import CHAT, HELLO, Caller, Json, Recording
from tests.support.openai_server import OpenAIServer, Reply

AZURE: Json = {"api_type": "azure", "api_version": "2023-05-15"}
FINE_TUNED = ("ft:gpt-3.5-turbo:org::id", "davinci:ft-org-2023-01-01")


@pytest.mark.parametrize(
    ("asked", "model", "engine", "path"),
    [
        ({"model": "gpt-4"}, "gpt-4", None, "/v1/chat/completions"),
        ({"engine": "e"}, "e", "e", "/v1/engines/e/chat/completions"),
        ({"deployment_id": "d"}, "d", "d", "/v1/engines/d/chat/completions"),
        ({"engine": "e", "deployment_id": "d"}, "e", "e", "/v1/engines/e/chat/completions"),
        ({"engine": "e", "model": "gpt-4"}, "gpt-4", "e", "/v1/engines/e/chat/completions"),
        ({"deployment_id": "d", "model": "gpt-4", **AZURE}, "gpt-4", "d", "/v1/openai/deployments/d/chat/completions"),
        ({"deployment_id": "d", **AZURE}, "d", "d", "/v1/openai/deployments/d/chat/completions"),
        ({"engine": "e", "deployment_id": "d", **AZURE}, "e", "e", "/v1/openai/deployments/e/chat/completions"),
        *(({"model": name}, name, None, "/v1/chat/completions") for name in FINE_TUNED),
    ],
)
async def test_the_model_is_the_one_that_is_asked_for(
    asked: Json, model: str, engine: str | None, path: str, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    await caller.create("ChatCompletion", messages=HELLO, **asked)
    found = recording.attributes()
    assert recording.only().name == f"chat {model}"
    assert (found["gen_ai.request.model"], found.get("openai.request.engine")) == (model, engine)
    assert server.requests[0].path.partition("?")[0] == path


async def test_a_fine_tuned_engine_keeps_its_name(caller: Caller, recording: Recording) -> None:
    await caller.create("Completion", engine=FINE_TUNED[1], prompt="x")
    assert recording.attributes()["gen_ai.request.model"] == FINE_TUNED[1]


async def test_the_models_of_request_and_response_stay_apart(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(Reply(body={"model": "gpt-35-turbo", "choices": []}))
    await caller.create("ChatCompletion", messages=HELLO, deployment_id="mine", **AZURE)
    found = recording.attributes()
    assert (found["gen_ai.request.model"], found["gen_ai.response.model"]) == ("mine", "gpt-35-turbo")


async def test_without_a_model_the_span_is_named_by_its_operation(caller: Caller, recording: Recording) -> None:
    with pytest.raises(openai.error.InvalidRequestError):
        await caller.create("ChatCompletion", messages=HELLO)
    assert recording.only().name == "chat"
    assert "gen_ai.request.model" not in recording.attributes()


async def test_positional_arguments_are_bound_as_openai_binds_them(
    caller: Caller, server: OpenAIServer, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "api_base", "http://elsewhere.invalid/v1")
    local = server.url.replace("127.0.0.1", "localhost")
    await caller.create("ChatCompletion", "canary-key", local, "azure", "req", "2023-05-15", engine="e", messages=HELLO)
    found = recording.attributes()
    assert (found["gen_ai.provider.name"], found["server.address"]) == ("azure.ai.openai", "localhost")
    assert server.requests[0].headers["api-key"] == "canary-key"
    assert "canary-key" not in recording.only().to_json()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"n": 1}, {}),
        ({"stream": False}, {}),
        ({"temperature": None}, {}),
        ({"temperature": 1}, {"gen_ai.request.temperature": 1.0}),
        ({"stop": "end"}, {"gen_ai.request.stop_sequences": ("end",)}),
        ({"stop": ("a", "b")}, {"gen_ai.request.stop_sequences": ("a", "b")}),
        ({"service_tier": "auto"}, {}),
        ({"response_format": {"type": "text"}}, {"gen_ai.output.type": "text"}),
        ({"response_format": {"type": "json_schema"}}, {"gen_ai.output.type": "json"}),
        ({"function_call": "none"}, {"openai.request.function_call": "none"}),
        ({"max_completion_tokens": 5}, {"gen_ai.request.max_tokens": 5}),
        (
            {"temperature": 10**400, "max_tokens": 1 << 63, "seed": 1 - (1 << 63)},
            {"gen_ai.request.seed": 1 - (1 << 63)},
        ),
        ({"temperature": "hot", "max_tokens": "many", "n": "two", "logprobs": [1], "stop": 5, "echo": "yes"}, {}),
    ],
)
async def test_parameters_have_the_type_of_their_attribute(
    asked: Json, expected: Json, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(Reply(body={"choices": []}))
    await caller.create("ChatCompletion", **CHAT, **asked)
    found = recording.attributes()
    assert found.pop("gen_ai.request.model") == CHAT["model"]
    prefixes = ("gen_ai.request", "openai.request", "gen_ai.output.type")
    assert {key: value for key, value in found.items() if key.startswith(prefixes)} == expected


async def test_what_the_caller_passed_is_not_changed(caller: Caller, recording: Recording) -> None:
    messages = [{"role": "user", "content": "a"}]
    headers = {"X-Mine": "1"}
    await caller.create("ChatCompletion", model="m", messages=messages, headers=headers)
    assert (messages, headers) == ([{"role": "user", "content": "a"}], {"X-Mine": "1"})


async def test_the_prompt_is_the_one_that_was_sent(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    messages = [{"role": "user", "content": "before"}]
    stream = await caller.create("ChatCompletion", model="m", messages=messages, stream=True)
    messages[0]["content"] = "after"
    await caller.consume(stream)
    assert server.requests[0].json["messages"][0]["content"] == "before"
    assert recording.attributes()["gen_ai.input.messages"][0]["parts"][0]["content"] == "before"


class Model(str, enum.Enum):
    """As libraries of the time name models."""

    TURBO = "gpt-3.5-turbo"


async def test_a_text_that_is_a_member_of_an_enumeration_is_what_openai_sends(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    messages = [{"role": Model.TURBO, "content": "x"}]
    await caller.create("ChatCompletion", model=Model.TURBO, messages=messages, user=Model.TURBO, stop=Model.TURBO)
    assert json.loads(server.requests[0].body)["model"] == "gpt-3.5-turbo"
    (span,) = recording.spans
    assert span.name == "chat gpt-3.5-turbo"
    assert "Model.TURBO" not in json.dumps(dict(span.attributes or {}))
