"""Polls for an effect of another process, if there is nothing to wait on."""

from collections.abc import Callable
from time import monotonic, sleep


def until(came: Callable[[], bool], seconds: float) -> None:
    """Return as soon as `came()` is true. Raises TimeoutError after `seconds`."""
    deadline = monotonic() + seconds
    while not came():
        if monotonic() > deadline:
            raise TimeoutError(f"nothing came within {seconds:g} seconds")
        sleep(0.02)
