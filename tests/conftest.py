"""Fixtures that programs of the tests share."""

from collections.abc import Iterator

import pytest

from tests.support.openai_server import OpenAIServer
from tests.support.wandb_server import WandbServer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A server that stands for OpenAI."""
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def wandb_server() -> Iterator[WandbServer]:
    """A server that stands for W&B."""
    with WandbServer() as running:
        yield running
