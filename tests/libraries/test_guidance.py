"""guidance 0.0.64: a program of a template, which makes its calls in tasks of its own event loop."""

from typing import Any, Final

import guidance
import pytest

from tests.libraries.conftest import Watch

TEMPLATE: Final = (
    "{{#system~}}You help.{{~/system}}{{#user~}}{{what}}{{~/user}}"
    "{{#assistant~}}{{gen 'answer' max_tokens=5}}{{~/assistant}}"
)
CHAT: Final = "chat gpt-3.5-turbo"


@pytest.fixture
def template(watch: Watch) -> Any:
    """A program with one question, and no cache of answers from elsewhere."""
    return guidance(TEMPLATE, llm=guidance.llms.OpenAI("gpt-3.5-turbo", caching=False), silent=True)


def test_a_template(watch: Watch, template: Any) -> None:
    with watch.program():
        assert template(what="hi")["answer"] == "You said: hi"
    assert watch.calls() == [CHAT]


async def test_an_asynchronous_template(watch: Watch, template: Any) -> None:
    with watch.program():
        assert (await template(what="hi", async_mode=True))["answer"] == "You said: hi"
    assert watch.calls() == [CHAT]


def test_a_template_that_is_streamed(watch: Watch, template: Any) -> None:
    with watch.program():
        *_, last = template(what="hi", stream=True)
        assert last["answer"] == "You said: hi"
    assert watch.calls() == [f"{CHAT}, stream exhausted"]
