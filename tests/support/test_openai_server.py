"""Tests the stand-in server with openai 0.28.1 and with plain sockets."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import openai
import pytest
import requests

from tests.support import openai_server
from tests.support.openai_server import OpenAIServer, Received, Reply, error, writes

ROOT = Path(__file__).parents[2]
HELLO = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello there"}]
FUNCTIONS = [{"name": "weather", "parameters": {"type": "object", "properties": {}}}]
EVENTS = [{"choices": [{"index": 0, "delta": {"content": str(n)}}]} for n in range(4)]

Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


async def aresult(resource: Any, options: dict[str, Any]) -> Any:
    answer = await resource.acreate(**options)
    return [part async for part in answer] if options.get("stream") else answer


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, server: OpenAIServer) -> Ask:
    """A function that calls openai.<resource>.create or acreate. It returns a stream as the list of its chunks."""

    def call(resource: str, **asked: Any) -> Any:
        options = {"api_base": server.url, "api_key": "sk-test", "request_timeout": 30, **asked}
        if request.param == "async":
            return asyncio.run(aresult(getattr(openai, resource), options))
        answer = getattr(openai, resource).create(**options)
        return list(answer) if options.get("stream") else answer

    return call


def chat(server: OpenAIServer, text: str = "hello there", **asked: Any) -> Any:
    messages = [{"role": "user", "content": text}]
    options = {"api_base": server.url, "api_key": "sk-test", "request_timeout": 30, **asked}
    return openai.ChatCompletion.create(model="gpt-4", messages=messages, **options)


def post(server: OpenAIServer, path: str, asked: dict[str, Any]) -> requests.Response:
    return requests.post(server.url + path, json=asked, timeout=30)


def test_chat_echoes_with_deterministic_usage(server: OpenAIServer, ask: Ask) -> None:
    answer = ask("ChatCompletion", model="gpt-4", messages=HELLO)
    assert answer.to_dict_recursive() == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": openai_server.CREATED,
        "model": "gpt-4",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "You said: hello there"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8},
    }
    assert (answer.organization, answer.response_ms) == ("org-test", 7)


def test_requests_are_recorded(server: OpenAIServer, ask: Ask) -> None:
    ask("ChatCompletion", model="gpt-4", messages=HELLO, headers={"X-Mine": "yes"})
    (received,) = server.requests
    assert (received.method, received.path) == ("POST", "/v1/chat/completions")
    assert received.json == {"model": "gpt-4", "messages": HELLO}
    assert received.headers["authorization"] == "Bearer sk-test"
    assert received.headers["x-mine"] == "yes"


def test_each_choice_has_its_own_text_and_counts(ask: Ask) -> None:
    answer = ask("ChatCompletion", model="gpt-4", messages=HELLO, n=2)
    assert [c.message.content for c in answer.choices] == ["You said: hello there", "You said: hello there [1]"]
    assert answer.usage.completion_tokens == 9


def test_functions_are_called_unless_declined(ask: Ask) -> None:
    called = ask("ChatCompletion", model="gpt-4", messages=HELLO, functions=FUNCTIONS).choices[0]
    assert (called.finish_reason, called.message.content) == ("function_call", None)
    assert called.message.function_call.name == "weather"
    assert json.loads(called.message.function_call.arguments) == {"text": "You said: hello there"}
    declined = ask("ChatCompletion", model="gpt-4", messages=HELLO, functions=FUNCTIONS, function_call="none")
    assert declined.choices[0].message.content == "You said: hello there"


def test_chat_stream_interleaves_choices(ask: Ask) -> None:
    chunks = ask("ChatCompletion", model="gpt-4", messages=HELLO, n=2, stream=True)
    parts = [chunk.choices[0] for chunk in chunks]
    assert [part.index for part in parts[:4]] == [0, 1, 0, 1]
    assert parts[0].delta == {"role": "assistant", "content": ""}
    for index, text in enumerate(["You said: hello there", "You said: hello there [1]"]):
        mine = [part for part in parts if part.index == index]
        contents = [part.delta.get("content", "") for part in mine]
        assert "".join(contents) == text
        assert len([content for content in contents if content]) >= 4
        assert [part.finish_reason for part in mine] == [None] * (len(mine) - 1) + ["stop"]
    assert not any("usage" in chunk for chunk in chunks)
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}


@pytest.mark.parametrize("resource", ["ChatCompletion", "Completion"])
def test_stream_usage_comes_last_when_asked_for(ask: Ask, resource: str) -> None:
    said = {"messages": HELLO} if resource == "ChatCompletion" else {"prompt": "be brief then"}
    chunks = ask(resource, model="m", stream=True, stream_options={"include_usage": True}, **said)
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == chunks[-1].usage.prompt_tokens + chunks[-1].usage.completion_tokens > 4


def test_streamed_function_arguments_join_to_json(ask: Ask) -> None:
    chunks = ask("ChatCompletion", model="gpt-4", messages=HELLO, functions=FUNCTIONS, stream=True)
    calls = [c.choices[0].delta.function_call for c in chunks if "function_call" in c.choices[0].delta]
    assert (calls[0].name, calls[0].arguments) == ("weather", "")
    assert len(calls) > 3
    assert json.loads("".join(call.arguments for call in calls)) == {"text": "You said: hello there"}
    assert chunks[-1].choices[0].finish_reason == "function_call"


def test_completions_give_n_choices_per_prompt(ask: Ask) -> None:
    answer = ask("Completion", model="ada", prompt=["one", "two three"], n=2)
    texts = ["You said: one", "You said: one [1]", "You said: two three", "You said: two three [1]"]
    assert [(c.index, c.text) for c in answer.choices] == list(enumerate(texts))
    assert answer.object == "text_completion"
    assert answer.usage == {"prompt_tokens": 3, "completion_tokens": 16, "total_tokens": 19}
    parts = [c.choices[0] for c in ask("Completion", model="ada", prompt=["one", "two three"], n=2, stream=True)]
    assert ["".join(p.text for p in parts if p.index == index) for index in range(4)] == texts


def test_token_prompts_count_as_tokens(ask: Ask) -> None:
    assert ask("Completion", model="ada", prompt=[5, 6, 7]).usage.prompt_tokens == 3
    assert len(ask("Completion", model="ada", prompt=[[5], [6, 7]]).choices) == 2


def test_edits_have_neither_id_nor_model(ask: Ask) -> None:
    answer = ask("Edit", model="text-davinci-edit-001", input="a b", instruction="fix it now")
    assert answer.choices == [{"text": "You said: a b", "index": 0}]
    assert set(answer) == {"object", "created", "choices", "usage"}
    assert answer.usage.prompt_tokens == 5


@pytest.mark.parametrize("options", [{}, {"encoding_format": "float"}])
def test_embeddings(server: OpenAIServer, ask: Ask, options: dict[str, str]) -> None:
    answer = ask("Embedding", model="ada", input=["one two", "three"], **options)
    assert [list(item.embedding) for item in answer.data] == [
        [1.0, 1.125, 1.25, 1.375, 1.5, 1.625, 1.75, 1.875],
        [2.0, 2.125, 2.25, 2.375, 2.5, 2.625, 2.75, 2.875],
    ]
    assert answer.usage == {"prompt_tokens": 3, "total_tokens": 3}
    assert server.requests[0].json["encoding_format"] == options.get("encoding_format", "base64")


def test_embeddings_go_out_as_base64_only_when_asked(server: OpenAIServer) -> None:
    coded = post(server, "/embeddings", {"input": "x", "encoding_format": "base64"}).json()
    assert isinstance(coded["data"][0]["embedding"], str)
    assert isinstance(post(server, "/embeddings", {"input": "x"}).json()["data"][0]["embedding"], list)


def test_moderations_and_models(server: OpenAIServer) -> None:
    moderated = post(server, "/moderations", {"input": ["a", "b"]}).json()
    assert (moderated["id"], [r["flagged"] for r in moderated["results"]]) == ("modr-1", [False, False])
    listed = openai.Model.list(api_base=server.url, api_key="sk-test")
    assert [model.object for model in listed.data] == ["model"] * 3


def test_engine_and_azure_paths(server: OpenAIServer, ask: Ask) -> None:
    ask("ChatCompletion", engine="old", messages=HELLO)
    azure = {"api_type": "azure", "api_version": "2023-05-15", "api_base": server.url.removesuffix("/v1")}
    answer = ask("ChatCompletion", deployment_id="mine", messages=HELLO, **azure)
    assert answer.model == "gpt-3.5-turbo-0613"
    assert [received.path for received in server.requests] == [
        "/v1/engines/old/chat/completions",
        "/openai/deployments/mine/chat/completions?api-version=2023-05-15",
    ]


def test_unknown_paths_are_404(server: OpenAIServer) -> None:
    answer = post(server, "/nowhere", {})
    assert answer.status_code == 404
    assert "POST /v1/nowhere" in answer.json()["error"]["message"]


def test_queued_replies_come_before_the_standing_one_and_the_default(server: OpenAIServer) -> None:
    server.answer_next(Reply(body={"n": 1}), Reply(body=b"two", content_type="text/plain"))
    server.answer_always(Reply(body=["three"]))
    bodies = [post(server, "/models", {}).text for _ in range(4)]
    assert bodies == ['{"n": 1}', "two", '["three"]', '["three"]']
    server.answer_always(None)
    assert post(server, "/models", {}).json()["object"] == "list"


def test_headers(server: OpenAIServer) -> None:
    server.answer_next(Reply(headers={"OpenAI-Version": "mine", "X-More": "yes"}))
    first, second = post(server, "/models", {}).headers, post(server, "/models", {}).headers
    assert (first["openai-version"], first["x-more"], first["content-length"]) == ("mine", "yes", "0")
    assert (second["openai-version"], second["openai-organization"]) == ("2020-10-01", "org-test")
    assert (first["x-request-id"], second["x-request-id"]) == ("req-1", "req-2")


def test_errors(server: OpenAIServer, ask: Ask) -> None:
    server.answer_next(error(429, "slow down", "requests", "rate_limit_exceeded", {"retry-after": "3"}))
    with pytest.raises(openai.error.RateLimitError, match="slow down") as caught:
        ask("ChatCompletion", model="gpt-4", messages=HELLO)
    assert caught.value.headers["Retry-After"] == "3"
    assert caught.value.error.code == "rate_limit_exceeded"


def test_a_cut_stream_gives_its_first_events_then_fails(server: OpenAIServer) -> None:
    server.answer_next(Reply(events=EVENTS, cut_after=2))
    stream = chat(server, stream=True)
    assert [next(stream).choices[0].delta.content for _ in range(2)] == ["0", "1"]
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        next(stream)


# openai 0.28 calls the deprecated Logger.warn for a cut body of an async call.
@pytest.mark.filterwarnings("ignore:The 'warn' method")
@pytest.mark.parametrize("reply", [Reply(body={"some": "json"}, cut_after=4), Reply(drop=True)], ids=["cut", "drop"])
def test_cut_and_dropped_answers_are_connection_errors(server: OpenAIServer, ask: Ask, reply: Reply) -> None:
    server.answer_next(reply)
    with pytest.raises((openai.error.APIConnectionError, aiohttp.ClientPayloadError)):
        ask("ChatCompletion", model="gpt-4", messages=HELLO)
    assert ask("ChatCompletion", model="gpt-4", messages=HELLO).id == "chatcmpl-2"


def test_raw_events_and_done(server: OpenAIServer) -> None:
    server.answer_always(Reply(events=[": hi", b"data: {", b"}\n\n", [1]]))
    answer = post(server, "/chat/completions", {})
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text == ": hi\n\ndata: {}\n\ndata: [1]\n\ndata: [DONE]\n\n"
    server.answer_always(Reply(events=["data: x"], done=False))
    assert post(server, "/chat/completions", {}).text == "data: x\n\n"


def unfinished(future: Future[Any]) -> bool:
    with pytest.raises(NotYet):
        future.result(timeout=0.1)
    return True


@pytest.mark.parametrize("cut_after", [None, 1])
def test_a_gate_holds_a_stream_after_its_first_event(server: OpenAIServer, cut_after: int | None) -> None:
    gate = threading.Event()
    server.answer_next(Reply(events=EVENTS, gate=gate, cut_after=cut_after))
    stream = chat(server, stream=True)
    assert next(stream).choices[0].delta.content == "0"
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(list, stream)
        assert unfinished(rest)
        gate.set()
        assert (
            isinstance(rest.exception(30), requests.exceptions.ChunkedEncodingError) if cut_after else rest.result(30)
        )


def test_a_gate_holds_a_plain_answer(server: OpenAIServer) -> None:
    gate = threading.Event()
    server.answer_next(Reply(body={"choices": []}, gate=gate))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(chat, server)
        assert server.wait_for_requests(1)
        assert unfinished(answer)
        gate.set()
        assert answer.result(30) == {"choices": []}


def test_delays_are_kept(server: OpenAIServer) -> None:
    server.answer_next(Reply(body={}, delay=0.2), Reply(events=EVENTS[:3], done=False, event_delay=0.1))
    assert post(server, "/models", {}).elapsed.total_seconds() >= 0.2
    begin = time.monotonic()
    assert post(server, "/models", {}).text.count("data:") == 3
    assert time.monotonic() - begin >= 0.2


def test_a_long_delay_outlasts_the_client(server: OpenAIServer) -> None:
    server.answer_next(Reply(delay=3600))
    with pytest.raises(openai.error.Timeout):
        chat(server, request_timeout=0.1)


def test_the_head_never_travels_alone() -> None:
    plain = list(writes(Reply(body={"a": 1}), 1))
    assert len(plain) == 1
    assert plain[0].endswith(b'\r\n\r\n{"a": 1}')
    first, *others = writes(Reply(events=[{"a": 1}, {"b": 2}]), 1)
    assert first.endswith(b'\r\n\r\n10\r\ndata: {"a": 1}\n\n\r\n')
    assert others == [b'10\r\ndata: {"b": 2}\n\n\r\n', b"e\r\ndata: [DONE]\n\n\r\n", b"0\r\n\r\n"]


def test_threads_get_their_own_answers(server: OpenAIServer) -> None:
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda n: chat(server, f"thread {n}"), range(128)))
    assert [a.choices[0].message.content for a in answers] == [f"You said: thread {n}" for n in range(128)]
    assert {a.id for a in answers} == {f"chatcmpl-{n}" for n in range(1, 129)}
    assert len(server.requests) == 128


def connection(server: OpenAIServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)


def test_a_kept_connection_ends_with_the_server() -> None:
    with OpenAIServer() as server:
        client = connection(server)
        for _ in range(2):
            client.request("GET", "/v1/models")
            assert client.getresponse().read()
        kept = client.sock
        assert kept is not None  # http.client drops a connection that is not kept alive
    with kept:
        assert kept.recv(1) == b""


def test_a_client_that_goes_away_is_no_noise(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    gate, faults, over = threading.Event(), [], threading.Event()
    handle, finish = server._listener.handle_error, server._listener.shutdown_request

    def handle_error(request: Any, address: Any) -> None:
        faults.append(sys.exc_info()[0])
        handle(request, address)

    def shutdown_request(request: Any) -> None:
        finish(request)
        over.set()

    monkeypatch.setattr(server._listener, "handle_error", handle_error)
    monkeypatch.setattr(server._listener, "shutdown_request", shutdown_request)
    server.answer_next(Reply(events=["x" * 100_000] * 100, gate=gate))
    client = connection(server)
    client.request("GET", "/v1/models")
    assert server.wait_for_requests(1)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset
    client.close()
    gate.set()
    assert over.wait(30)
    assert len(faults) == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("how", ["stdin", "sigterm"])
def test_program(how: str) -> None:
    command = [sys.executable, "-m", "tests.support.openai_server"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert requests.get(url + "/models", timeout=30).json()["object"] == "list"
        if how == "stdin":
            process.stdin.close()
        else:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_received_json() -> None:
    assert Received("GET", "/", {}, b"").json is None
