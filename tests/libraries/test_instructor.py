"""instructor 0.2: puts functions of its own in the place of openai's, before us or after us."""

import json
from collections.abc import Iterator
from typing import Final

import instructor
import openai
import pytest
from pydantic import BaseModel

from otel_openai_v0 import OpenAIInstrumentor
from tests.libraries.conftest import Watch
from tests.support.openai_server import CREATED, Reply

CHAT: Final = "chat gpt-3.5-turbo"
ASKED: Final = {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": "hi"}]}


class Said(BaseModel):
    text: str


@pytest.fixture
def patched(watch: Watch, request: pytest.FixtureRequest) -> Iterator[Watch]:
    """instructor, before or after openai is instrumented; openai as it was at the end."""
    instrumentor = OpenAIInstrumentor()
    instrumentor.uninstrument()
    found = {name: vars(openai.ChatCompletion)[name] for name in ("create", "acreate")}
    if request.param == "before":
        instructor.patch()
    instrumentor.instrument(tracer_provider=watch.provider)
    if request.param == "after":
        instructor.patch()
    yield watch
    for name, method in found.items():
        setattr(openai.ChatCompletion, name, method)


IN_EITHER_ORDER: Final = pytest.mark.parametrize("patched", ["before", "after"], indirect=True)


@IN_EITHER_ORDER
async def test_answers_in_a_model(patched: Watch) -> None:
    with patched.program():
        assert openai.ChatCompletion.create(response_model=Said, **ASKED).text == "You said: hi"
        assert (await openai.ChatCompletion.acreate(response_model=Said, **ASKED)).text == "You said: hi"
    assert patched.calls() == [CHAT, CHAT]


@IN_EITHER_ORDER
async def test_calls_without_a_model(patched: Watch) -> None:
    with patched.program():
        assert openai.ChatCompletion.create(**ASKED).choices[0].message.content == "You said: hi"
        assert len(list(openai.ChatCompletion.create(stream=True, **ASKED))) == 5
        assert len([chunk async for chunk in await openai.ChatCompletion.acreate(stream=True, **ASKED)]) == 5
    assert patched.calls() == [CHAT, f"{CHAT}, stream exhausted", f"{CHAT}, stream exhausted"]


@IN_EITHER_ORDER
def test_what_was_used(patched: Watch) -> None:
    with patched.program():
        openai.ChatCompletion.create(response_model=Said, **ASKED)
    attributes = patched.finished.get_finished_spans()[0].attributes or {}
    assert (attributes.get("gen_ai.usage.input_tokens"), attributes.get("gen_ai.usage.output_tokens")) == (1, 4)


@IN_EITHER_ORDER
def test_an_answer_that_is_asked_for_again(patched: Watch) -> None:
    call = {"name": "Said", "arguments": json.dumps({"words": "?"})}
    choice = {"index": 0, "message": {"role": "assistant", "content": None, "function_call": call}}
    patched.server.answer_next(Reply(body={"id": "chatcmpl-1", "created": CREATED, "choices": [choice]}))
    with patched.program():
        assert openai.ChatCompletion.create(response_model=Said, max_retries=1, **ASKED).text
    assert patched.calls() == [CHAT, CHAT]
