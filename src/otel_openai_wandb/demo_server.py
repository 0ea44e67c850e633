"""A stand-in for the OpenAI API, so that the demo and the examples run without a key."""

from contextlib import ExitStack

from otel_openai_wandb._demo.server import stand_in

__all__ = ["demo_api"]


def demo_api() -> ExitStack:
    """Where openai has no API key, start a stand-in in this process and point openai at it; else do nothing.

    It lasts as long as the process, or until what is returned is closed, also by `with`: then openai's settings are
    what they were.
    """
    import openai

    return ExitStack() if openai.api_key or openai.api_key_path else stand_in()
