"""Downloads the journal of an online run. W&B has it after the run has ended."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from otel_openai_wandb._reading.journals import NoJournalError, found_journal
from otel_openai_wandb._reading.run_directories import NoRunError
from otel_wandb._interface.install import how_to_install, missing_of
from otel_wandb._interface.journal import FOLDER

if TYPE_CHECKING:
    from wandb.apis.public.files import File

_URL: Final = re.compile(r"https?://[^/]+/([^/?#]+)/([^/?#]+)/runs/([^/?#]+)")
_PATH: Final = re.compile(r"([^/\\.~][^/\\]*)/([^/\\]+)/(?:runs/)?([^/\\#?%:.][^/\\#?%:]*)(?<!\.wandb)")
_FILE: Final = re.compile(rf"{FOLDER}/traces-\d+\.jsonl\.gz")
_SECONDS: Final = 30  # for W&B to answer


def online_path(named: str) -> str | None:
    """The path ENTITY/PROJECT/RUN_ID that `named` has, or the address of a run's page; None for a directory."""
    found = _URL.match(named) or (None if _is_here(named) else _PATH.fullmatch(named))
    return None if found is None else unquote("/".join(found.groups()))


@contextmanager
def local_copy(named: str) -> Iterator[str]:
    """The directory `named`; for an online run, a temporary directory with its journal.

    Raises NoRunError if the run cannot be read from W&B, and NoJournalError if W&B has no journal of it.
    """
    path = online_path(named)
    if path is None:
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="openai-wandb-") as root:
        directory = Path(root, path.rpartition("/")[2])
        _download(path, directory / "files")
        yield str(directory)


@contextmanager
def opened_journal(named: str | None) -> Iterator[Path]:
    """The directory of the run `named`, or of the newest, with a journal; of an online run a temporary one.

    Raises NoRunError and NoJournalError.
    """
    with nullcontext() if named is None else local_copy(named) as local:
        yield found_journal(local)


@contextmanager
def _without_litter() -> Iterator[None]:
    """Set `WANDB_DIR` to a temporary directory: wandb creates an empty directory there for each run that it reads."""
    before = os.environ.get("WANDB_DIR")
    with tempfile.TemporaryDirectory() as elsewhere:
        os.environ["WANDB_DIR"] = elsewhere
        try:
            yield
        finally:
            if before is None:
                del os.environ["WANDB_DIR"]
            else:
                os.environ["WANDB_DIR"] = before


def _is_here(named: str) -> bool:
    return Path(named).exists() or Path(named.partition("/")[0]).is_dir()


def _download(path: str, into: Path) -> None:
    files = _journal_files(path)
    if not files:
        raise NoJournalError(
            f"The run {path} has no journal in W&B: it has not ended, OTEL_WANDB_JOURNAL was false, or an older "
            "version wrote it."
        )
    for number, file in enumerate(files, 1):
        _say(f"Downloading {file.name} of {path}: {number} of {len(files)}, {file.size / 1e6:.1f} MB")
        try:
            file.download(root=str(into)).close()
        except Exception as error:  # noqa: BLE001  # from the network, wandb or the disk
            raise NoRunError(f"{file.name} of {path} could not be downloaded: {_first_line(error)}") from None


def _journal_files(path: str) -> "list[File]":
    if missing_of(("wandb",)):
        raise NoRunError(f"Reading a run from W&B needs wandb: {how_to_install('all')}")
    from otel_wandb._interface.runs import configured_server, has_key  # imports wandb

    server = configured_server()
    if not has_key({}):
        raise NoRunError(
            f"There is no W&B key for {server}, which is needed to read {path}. Type: wandb login --host={server}"
        )
    import wandb

    try:
        with _without_litter():
            run = wandb.Api(timeout=_SECONDS).run(path)
        found = [file for file in run.files(pattern=f"{FOLDER}/%") if _FILE.fullmatch(file.name)]
    except Exception as error:  # noqa: BLE001  # about the key, the server or the network
        if isinstance(getattr(error, "exc", error), ValueError):  # wandb wraps its RunNotFoundError
            raise NoRunError(f"There is no run {path} on {server}, or the key may not see it.") from None
        raise NoRunError(f"The run {path} could not be read from {server}: {_first_line(error)}") from None
    return sorted(found, key=lambda file: file.name)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
