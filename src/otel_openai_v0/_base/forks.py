"""Counts forks, to distinguish a process from its parent."""

import os
from typing import Final


class Forks:
    """Counts the forks between the first process and this one. `os.getpid()` takes ten times as long."""

    def __init__(self) -> None:
        self.count = 0

    def note(self) -> None:
        """Count a fork, in the child."""
        self.count += 1


FORKS: Final = Forks()
"""The count of this process."""

if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=FORKS.note)
