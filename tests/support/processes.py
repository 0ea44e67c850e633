"""Finds live processes without a system command."""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

import psutil


def session_of(leader: int) -> list[int]:
    """The live processes of a session: its leader, and the processes that it started."""
    return [process.pid for process in _alive() if _session(process.pid) == leader]


def wandb_services(owner: int) -> list[int]:
    """wandb's service processes for a process, whose id is in their arguments."""
    return [process.pid for process in _alive() if _serves(_arguments(process), owner)]


def wandb_children() -> list[int]:
    """wandb's service processes that this process started, including zombies."""
    return [child.pid for child in psutil.Process().children() if child.name() == "wandb-core"]


def _alive() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _session(pid: int) -> int | None:
    with suppress(ProcessLookupError, PermissionError):
        return os.getsid(pid)
    return None


def _arguments(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return list(process.cmdline())
    return []


def _serves(arguments: list[str], owner: int) -> bool:
    words = " ".join(arguments).replace("=", " ").split()
    return any("wandb-core" in word for word in words) and ("--pid", str(owner)) in pairwise(words)
