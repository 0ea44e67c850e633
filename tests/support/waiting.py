"""Waits for what another process does, where nothing can be waited on."""

from collections.abc import Callable
from time import monotonic, sleep


def until(came: Callable[[], bool], seconds: float) -> None:
    """Return as soon as `came()`; raise TimeoutError after `seconds`."""
    deadline = monotonic() + seconds
    while not came():
        if monotonic() > deadline:
            raise TimeoutError(f"nothing came within {seconds:g} seconds")
        sleep(0.02)
