"""Fixtures that programs of the tests share."""

from collections.abc import Iterator

import pytest

from tests.support.openai_server import OpenAIServer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A server that stands for OpenAI."""
    with OpenAIServer() as running:
        yield running
