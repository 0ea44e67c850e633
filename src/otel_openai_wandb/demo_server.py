"""A stand-in for the OpenAI API, so that the demo and the examples run without a key."""

from contextlib import ExitStack

from otel_openai_wandb._demo.server import stand_in

__all__ = ["demo_api"]


def demo_api() -> ExitStack:
    """If openai has no API key, start a stand-in in this process and point openai at it; else do nothing.

    It lasts as long as the process, or until the returned object is closed, also by `with`. Closing it restores
    openai's settings.
    """
    import openai

    return ExitStack() if openai.api_key or openai.api_key_path else stand_in()
