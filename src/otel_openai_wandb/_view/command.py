"""The command `openai-wandb view`: writes the page of runs and opens it, or serves it while they grow."""

import os
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from otel_openai_wandb._reading.journals import NoJournalError
from otel_openai_wandb._reading.online import local_copy, online_path
from otel_openai_wandb._reading.run_directories import NoRunError
from otel_openai_wandb._view.runs import NO_END, NO_JOURNAL, NO_TRACE, Directory, newest_run, pack
from otel_wandb._interface.page import Packer, page

_FAILED: Final = 1


def run(given: Sequence[str], output: str | None, *, follow: bool, browser: bool) -> int:
    """Show the runs, or the newest one if none is given. Returns exit code 0, or 1 if there was nothing to show."""
    online = [name for name in given if online_path(name)]
    if follow and online:
        _complain(
            f"{online[0]} is a run in W&B and cannot be followed: W&B has the journal of a run only after its end."
        )
        return _FAILED
    with ExitStack() as copies:
        directories = _directories(given, copies)
        if not directories:
            return _FAILED
        return _serve(directories, browser=browser) if follow else _show(directories, output, browser=browser)


def _show(directories: Sequence[Directory], output: str | None, *, browser: bool) -> int:
    packer = Packer()
    for directory in directories:
        _pack(packer, directory)
    if not packer.traces:
        return _FAILED
    try:
        target = _write(page(packer), output)
    except OSError as error:
        _complain(f"{error.filename or output or 'The page'} could not be written: {error.strerror or error}")
        return _FAILED
    _say(f"{target}: {_counted(len(packer.traces), 'trace')} of {_counted(len(packer.runs), 'run')}")
    if browser and output is None:
        webbrowser.open(Path(target).resolve().as_uri())
    return 0


def _directories(given: Sequence[str], copies: ExitStack) -> list[Directory]:
    if not given:
        newest = newest_run(os.environ)
        if newest is None:
            _complain("There is no run below ./wandb, or below WANDB_DIR. Name a run's directory.")
        return [newest] if newest else []
    found = []
    for name in given:
        try:
            directory = Directory(copies.enter_context(local_copy(name)))
        except (NoRunError, NoJournalError) as error:
            _complain(str(error))
            continue
        if os.path.isdir(directory.path):
            found.append(directory)
        else:
            _complain(f"{directory.path} is not a directory.")
    return found


def _pack(packer: Packer, directory: Directory) -> None:
    if not directory.journals():
        _complain(f"{directory.path} {NO_JOURNAL}.")
        return
    before = len(packer.traces)
    opened = pack(packer, directory)
    if len(packer.traces) == before:
        _complain(f"{directory.path} {NO_TRACE}.")
    if not opened.ended:
        _complain(f"{directory.path} {NO_END}.")


def _write(text: str, output: str | None) -> str:
    """Write the page and return its path. Without a given path only the owner can read it: it contains prompts."""
    target = output or os.path.join(tempfile.mkdtemp(prefix="openai-wandb-"), "traces.html")
    with open(target, "w", encoding="utf-8") as file:
        file.write(text)
    return target


def _serve(directories: Sequence[Directory], *, browser: bool) -> int:
    from otel_openai_wandb._view.growth import Growth
    from otel_openai_wandb._view.server import Server

    for directory in directories:
        if not directory.journals():
            _complain(f"{directory.path} has no journal yet; its traces are shown when there is one.")
    growth = Growth(directories)
    with Server(growth) as server:
        threading.Thread(target=growth.watch, name="openai-wandb-view", daemon=True).start()
        _say(f"{server.url} shows the run while it grows; Ctrl-C ends it.")
        if browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        finally:
            growth.close()
    return 0


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")
