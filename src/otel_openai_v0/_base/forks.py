"""Tells a process from the one that it was forked from."""

import os
from typing import Final


class Forks:
    """Counts the forks between the first process and this one. `os.getpid()` takes ten times as long to ask."""

    def __init__(self) -> None:
        self.count = 0

    def note(self) -> None:
        """In a forked child."""
        self.count += 1


FORKS: Final = Forks()
"""Each process has its own copy."""

if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=FORKS.note)
