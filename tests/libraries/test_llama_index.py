"""LlamaIndex 0.8: its language model, embeddings, and the engines above them."""

from typing import Any, Final

import pytest
from llama_index import ServiceContext, VectorStoreIndex
from llama_index.embeddings import OpenAIEmbedding
from llama_index.llms import ChatMessage, OpenAI
from llama_index.node_parser import SimpleNodeParser
from llama_index.schema import TextNode
from llama_index.text_splitter import TokenTextSplitter

from tests.libraries.conftest import Watch

CHAT: Final = "chat gpt-3.5-turbo"
STREAM: Final = "chat gpt-3.5-turbo, stream exhausted"
EMBEDDINGS: Final = "embeddings text-embedding-ada-002"
HI: Final = [ChatMessage(role="user", content="hi")]


@pytest.fixture
def index(watch: Watch) -> Any:
    """An index of one text, in whose making nothing is asked that a test would count."""
    context = ServiceContext.from_defaults(
        llm=OpenAI(model="gpt-3.5-turbo"),
        embed_model=OpenAIEmbedding(),
        node_parser=SimpleNodeParser.from_defaults(text_splitter=TokenTextSplitter()),  # the default one downloads
    )
    return VectorStoreIndex(nodes=[TextNode(text="The sky is blue.", embedding=[1.0] * 8)], service_context=context)


def test_chats_and_completions(watch: Watch) -> None:
    model = OpenAI(model="gpt-3.5-turbo")
    with watch.program():
        assert model.complete("hi").text == "You said: hi"
        assert model.chat(HI).message.content == "You said: hi"
        assert "".join(part.delta for part in model.stream_complete("hi")) == "You said: hi"
        assert "".join(part.delta for part in model.stream_chat(HI)) == "You said: hi"
    assert watch.calls() == [CHAT, CHAT, STREAM, STREAM]


async def test_asynchronous_chats_and_completions(watch: Watch) -> None:
    model = OpenAI(model="gpt-3.5-turbo")
    with watch.program():
        assert (await model.acomplete("hi")).text == "You said: hi"
        assert (await model.achat(HI)).message.content == "You said: hi"
        assert "".join([part.delta async for part in await model.astream_complete("hi")]) == "You said: hi"
        assert "".join([part.delta async for part in await model.astream_chat(HI)]) == "You said: hi"
    assert watch.calls() == [CHAT, CHAT, STREAM, STREAM]


async def test_embeddings(watch: Watch) -> None:
    """It names the model by a member of an enumeration, which is a str."""
    with watch.program():
        assert len(OpenAIEmbedding().get_text_embedding("a")) == 8
        assert len(OpenAIEmbedding().get_text_embedding_batch(["b", "c"])) == 2
        assert len(await OpenAIEmbedding().aget_query_embedding("d")) == 8
    assert watch.calls() == [EMBEDDINGS] * 3


async def test_a_query(watch: Watch, index: Any) -> None:
    with watch.program():
        assert "The sky is blue." in str(index.as_query_engine().query("Which colour?"))
        assert "The sky is blue." in str(await index.as_query_engine().aquery("Which colour?"))
        assert "The sky is blue." in str(index.as_query_engine(streaming=True).query("Which colour?"))
    assert watch.calls() == [EMBEDDINGS, CHAT, EMBEDDINGS, CHAT, EMBEDDINGS, STREAM]


@pytest.mark.usefixtures("threads_with_context")
def test_a_chat_that_a_thread_streams(watch: Watch, index: Any) -> None:
    with watch.program():
        answer = index.as_chat_engine(chat_mode="context").stream_chat("Which colour?")
        assert "".join(answer.response_gen) == "You said: Which colour?"
    assert watch.calls() == [EMBEDDINGS, STREAM]
