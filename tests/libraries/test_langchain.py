"""LangChain 0.0.3xx: chat models, language models, an agent with a tool, and the run in W&B."""

from pathlib import Path
from typing import Final

import pytest
from langchain.agents import AgentType, Tool, initialize_agent
from langchain.chat_models import ChatOpenAI
from langchain.embeddings import OpenAIEmbeddings
from langchain.llms import OpenAI

from tests.exporter.programs import assert_all_accounted_for, program
from tests.libraries.conftest import Watch
from tests.support.openai_server import CREATED, Json, OpenAIServer, Reply
from tests.support.run_file import stats_rows, traces

CHAT: Final = "chat gpt-3.5-turbo"
STREAM: Final = "chat gpt-3.5-turbo, stream exhausted"


def said(**message: object) -> Reply:
    """A chat completion with one message."""
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    head: Json = {"id": "chatcmpl-1", "object": "chat.completion", "created": CREATED, "model": "gpt-3.5-turbo"}
    return Reply(body={**head, "choices": [choice], "usage": usage})


ASKS_FOR_THE_TOOL: Final = said(function_call={"name": "weather", "arguments": '{"__arg1": "Paris"}'})
ANSWERS: Final = said(content="It is sunny.")


def test_chat(watch: Watch) -> None:
    with watch.program():
        assert ChatOpenAI().invoke("hi").content == "You said: hi"
    assert watch.calls() == [CHAT]


def test_a_chat_that_is_streamed(watch: Watch) -> None:
    with watch.program():
        assert "".join(chunk.content for chunk in ChatOpenAI().stream("hi there")) == "You said: hi there"
    assert watch.calls() == [STREAM]


async def test_asynchronous_chats(watch: Watch) -> None:
    chat = ChatOpenAI()
    with watch.program():
        assert (await chat.ainvoke("hi")).content == "You said: hi"
        assert "".join([chunk.content async for chunk in chat.astream("hi")]) == "You said: hi"
        assert [answer.content for answer in await chat.abatch(["a", "b"])] == ["You said: a", "You said: b"]
    assert watch.calls() == [CHAT, STREAM, CHAT, CHAT]


async def test_a_language_model_and_embeddings(watch: Watch) -> None:
    with watch.program():
        assert OpenAI(model="davinci").invoke("hi") == "You said: hi"
        assert "".join(OpenAI(model="davinci").stream("hi")) == "You said: hi"
        assert await OpenAI(model="davinci").ainvoke("hi") == "You said: hi"
        assert len(OpenAIEmbeddings().embed_query("hi")) == 8
    completion = "text_completion davinci"
    streamed = "text_completion davinci, stream exhausted"
    assert watch.calls() == [completion, streamed, completion, "embeddings text-embedding-ada-002"]


@pytest.mark.usefixtures("threads_with_context")
def test_a_batch_in_threads(watch: Watch) -> None:
    with watch.program():
        assert [answer.content for answer in ChatOpenAI().batch(["a", "b"])] == ["You said: a", "You said: b"]
    assert watch.calls() == [CHAT, CHAT]


async def test_an_agent_with_a_tool(watch: Watch) -> None:
    async def later(place: str) -> str:
        return f"sunny in {place}"

    tool = Tool("weather", lambda place: f"sunny in {place}", "the weather", coroutine=later)
    agent = initialize_agent([tool], ChatOpenAI(), agent=AgentType.OPENAI_FUNCTIONS)
    watch.server.answer_next(ASKS_FOR_THE_TOOL, ANSWERS, ASKS_FOR_THE_TOOL, ANSWERS)
    with watch.program():
        assert agent.run("How is the weather?") == "It is sunny."
        assert await agent.arun("How is the weather?") == "It is sunny."
    assert watch.calls() == [CHAT] * 4


AGENT: Final = """
from langchain.agents import AgentType, Tool, initialize_agent
from langchain.chat_models import ChatOpenAI
provider, exporter = set_up()
tracer = provider.get_tracer("program")
def weather(place):
    with tracer.start_as_current_span("execute_tool weather", attributes={"gen_ai.operation.name": "execute_tool"}):
        return f"sunny in {place}"
tool = Tool("weather", weather, "the weather")
agent = initialize_agent([tool], ChatOpenAI(), agent=AgentType.OPENAI_FUNCTIONS)
with tracer.start_as_current_span("program"):
    print(agent.run("How is the weather?"))
"""


def test_an_agent_in_the_run(tmp_path: Path, server: OpenAIServer) -> None:
    server.answer_next(ASKS_FOR_THE_TOOL, ANSWERS)
    done = program(tmp_path, server, AGENT)
    assert done.stdout == "It is sunny.\n", done.stderr
    (trace,) = traces(done.run)
    assert trace.root["name"] == "program"
    assert [child["name"] for child in trace.root["child_spans"]] == [CHAT, "execute_tool weather", CHAT]
    assert [row["total_tokens"] for row in stats_rows(done.run)] == [5, 5]
    assert_all_accounted_for([done.run])
