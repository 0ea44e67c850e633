"""A stand-in for the OpenAI API, so that the demo and the examples run without a key."""

from contextlib import ExitStack
from typing import Any, Final

from otel_openai_wandb._demo.server import DemoServer

__all__ = ["demo_api"]

_KEY: Final = "sk-demo"


def demo_api() -> ExitStack:
    """Where openai has no API key, start a stand-in in this process and point openai at it; else do nothing.

    It lasts as long as the process, or until what is returned is closed, also by `with`: then openai's settings are
    what they were.
    """
    import openai

    return ExitStack() if openai.api_key or openai.api_key_path else stand_in()


def stand_in() -> ExitStack:
    """The same whether or not there is a key."""
    import openai

    stack = ExitStack()
    server = DemoServer()
    stack.callback(server.close)
    for name, value in _settings(server.url).items():
        stack.callback(setattr, openai, name, getattr(openai, name))
        setattr(openai, name, value)
    return stack


def _settings(url: str) -> dict[str, Any]:
    return {
        "api_base": url,
        "api_key": _KEY,
        "api_type": "open_ai",
        "api_version": None,
        "requestssession": _session,
    }


def _session() -> Any:
    """A session that asks no proxy of the environment for a loopback address."""
    import requests

    session = requests.Session()
    session.trust_env = False
    return session
