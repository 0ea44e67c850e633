"""Fixtures that programs of the tests share."""

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.openai_server import OpenAIServer

if TYPE_CHECKING:
    from tests.support.wandb_server import WandbServer
    from tests.support.weave_server import WeaveServer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """A server that stands for OpenAI."""
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def wandb_server() -> "Iterator[WandbServer]":
    """A server that stands for W&B. Imported here: the instrumentation is tested where no wandb is, too."""
    from tests.support.wandb_server import WandbServer

    with WandbServer() as running:
        yield running


@pytest.fixture
def refusing() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"


@pytest.fixture
def weave_server() -> "Iterator[WeaveServer]":
    """A server that stands for Weave."""
    from tests.support.weave_server import WeaveServer

    with WeaveServer() as running:
        yield running
