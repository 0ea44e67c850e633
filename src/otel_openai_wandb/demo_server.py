"""A stand-in for the OpenAI API, so that the demo and the examples run without a key."""

from contextlib import ExitStack

from otel_openai_wandb._demo.server import stand_in

__all__ = ["demo_api"]


def demo_api() -> ExitStack:
    """If openai has no API key, start a stand-in in this process and let openai call it; else do nothing.

    The stand-in runs until the process ends or the returned object is closed, for example by `with`. Closing it
    restores openai's settings.
    """
    import openai

    return ExitStack() if openai.api_key or openai.api_key_path else stand_in()
