"""The command `openai-wandb weave`: sends the traces of a run's journal to Weave, each once."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otel_openai_wandb._reading.journals import NoJournalError
from otel_openai_wandb._reading.online import online_path, opened_journal
from otel_openai_wandb._reading.run_directories import NoRunError
from otel_wandb._interface.install import how_to_install, missing_of
from otel_wandb._interface.journal import Texts, TraceRecord, read_journal
from otel_wandb._interface.runs import key_of, server_of
from otel_wandb._interface.traces import Health, Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from otel_wandb._interface.weave import Endpoint, WeaveSender

_FAILED: Final = 1
_IMPOSSIBLE: Final = 2
_SENT: Final = "weave-sent.txt"
"""A file in the run's directory: a line for each piece of a trace that Weave accepted."""
_BATCH: Final = 200  # spans, after which Weave's answers are awaited
_SECONDS: Final = 400.0  # for one batch, with all its retries


class RefusedError(Exception):
    """Nothing more can be sent; the message says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """The destination that the user chose. None means the run's own, or W&B's default entity."""

    entity: str | None
    project: str | None
    agents: bool


def run(named: str | None, address: Address) -> int:
    """Send the traces of the run `named`, or of the newest.

    Returns exit code 0, 1 if some could not be sent, or 2 if there is no run or a package is missing.
    """
    missing = missing_of(("rich", "wandb", "opentelemetry-proto"))
    if missing:
        return _refused(f"This needs {' and '.join(missing)}: {how_to_install('all')}", _IMPOSSIBLE)
    try:
        with opened_journal(named) as directory:
            return _send_all(directory, _address_of(named, address))
    except NoRunError as error:
        return _refused(str(error), _IMPOSSIBLE)
    except (NoJournalError, RefusedError) as error:
        return _refused(str(error), _FAILED)


def _address_of(named: str | None, wanted: Address) -> Address:
    """The destination of the traces. For a run in W&B it is the run's project, unless the user names another."""
    path = None if named is None else online_path(named)
    if path is None:
        return wanted
    entity, project, _ = path.split("/")
    return Address(wanted.entity or entity, wanted.project or project, wanted.agents)


def _send_all(directory: Path, address: Address) -> int:
    from otel_wandb._interface.weave import SERVER_VARIABLE, Endpoint, WeaveSender, target_of

    total, waiting = _counted(directory, _already_sent(directory))
    if not waiting:
        sys.stdout.write(f"All {total} traces of {directory} are in Weave already.\n")
        return 0
    key = key_of({})
    if key is None:
        raise RefusedError("There is no W&B API key. Log in with: wandb login")
    place = _place(directory, address)
    endpoint = Endpoint.AGENTS if address.agents else Endpoint.CALLS
    target = target_of(server_of({}), key, endpoint, os.environ.get(SERVER_VARIABLE))
    health = Health()
    sender = WeaveSender(target, health)
    try:
        with _progress(waiting) as advance:
            sent = _Sending(directory, place, endpoint, sender, health).all(advance)
    finally:
        sender.stop(0.1)
    sys.stdout.write(f"{sent} traces of {directory} were sent to Weave, to {place.entity}/{place.project}.\n")
    return 0


class _Sending:
    """Sends traces in batches, and writes down each batch that Weave accepted."""

    def __init__(
        self, directory: Path, place: Place, endpoint: "Endpoint", sender: "WeaveSender", health: Health
    ) -> None:
        self._directory = directory
        self._place = place
        self._endpoint = endpoint
        self._sender = sender
        self._health = health

    def all(self, advance: "Callable[[int], object]") -> int:
        """Send the traces that were not sent before. Returns their number. Raises RefusedError."""
        from otel_wandb._interface.weave import resource_of, weave_spans

        known, texts = _already_sent(self._directory), Texts()
        batch: list[str] = []
        spans = sent = 0
        for record in read_journal(self._directory):
            texts.take(record)
            if record["record"] != "trace" or _name(record) in known:
                continue
            self._sender.send(
                weave_spans(record, texts, self._place, self._endpoint), resource_of(self._place, record["service"])
            )
            batch.append(_name(record))
            spans += len(record["spans"])
            if spans >= _BATCH:
                sent += self._finish(batch)
                advance(len(batch))
                batch, spans = [], 0
        sent += self._finish(batch)
        advance(len(batch))
        return sent

    def _finish(self, batch: list[str]) -> int:
        if not self._sender.flush(_SECONDS):
            raise RefusedError(
                "Weave does not answer. Run this command again later: it sends only what Weave does not have."
            )
        lost = {name: count for name, count in self._health.summary().items() if "weave_dropped" in name}
        if lost:
            said = ", ".join(f"{name.removeprefix('otel/weave_dropped_')}: {count}" for name, count in lost.items())
            raise RefusedError(f"Weave did not take all spans ({said}). Run this command again to send the rest.")
        with (self._directory / _SENT).open("a", encoding="utf-8") as file:
            file.writelines(f"{name}\n" for name in batch)
        return len(batch)


def _name(record: TraceRecord) -> str:
    return f"{record['trace_id']} {record['sequence']} {record['start']}"


def _already_sent(directory: Path) -> frozenset[str]:
    path = directory / _SENT
    return frozenset(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else frozenset()


def _counted(directory: Path, sent: frozenset[str]) -> tuple[int, int]:
    """The number of traces, and how many are not sent. Raises RefusedError if the run itself sent them to Weave."""
    total = waiting = 0
    for record in read_journal(directory):
        if record["record"] == "trace":
            total += 1
            waiting += _name(record) not in sent
        elif record["record"] == "end" and record["counters"].get("otel/weave_sent"):
            raise RefusedError(f"The run {directory} sent its traces to Weave while it ran.")
    return total, waiting


def _place(directory: Path, address: Address) -> Place:
    """The run in W&B. Raises RefusedError if its project or entity is unknown."""
    run = next(record["run"] for record in read_journal(directory) if record["record"] == "run")
    project = address.project or run["project"]
    entity = address.entity or run["entity"] or _default_entity()
    if not project or not entity:
        raise RefusedError("The project of the run is unknown: give --entity and --project.")
    return Place(entity, project, run["id"], is_online=True)


def _default_entity() -> str:
    """The user's default entity, which `wandb sync` uses too; empty if unknown."""
    import wandb

    try:
        return str(wandb.Api().default_entity or "")
    except Exception:  # noqa: BLE001  # the user can give --entity instead
        return ""


@contextmanager
def _progress(total: int) -> "Iterator[Callable[[int], object]]":
    """Show a progress bar on a terminal. Yields a function that takes the number of sent traces."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("Sending to Weave"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda number: progress.advance(task, number)


def _refused(why: str, code: int) -> int:
    sys.stderr.write(f"{why}\n")
    return code
