"""The command `openai-wandb show`: the traces of a run as trees, or one of them in full."""

import sys
from typing import TYPE_CHECKING, Final

from otel_openai_wandb._reading.journals import Contents, NoJournalError
from otel_openai_wandb._reading.online import opened_journal
from otel_openai_wandb._reading.run_directories import NoRunError
from otel_wandb._interface.install import how_to_install, missing_of
from otel_wandb._interface.journal import Texts, read_journal, whole_traces

if TYPE_CHECKING:
    from pathlib import Path

_FAILED: Final = 1
_IMPOSSIBLE: Final = 2


def run(named: str | None, trace: str | None) -> int:
    """Show the run `named`, or the newest. With `trace`, show only the trace whose id begins with it, in full.

    Returns exit code 0, 1 if there is no such trace or none at all, or 2 if there is no run.
    """
    if missing_of(("rich",)):
        return _refused(f"This needs rich: {how_to_install('all')}", _IMPOSSIBLE)
    try:
        with opened_journal(named) as directory:
            return _show_all(directory) if trace is None else _show_one(directory, trace.lower())
    except NoRunError as error:
        return _refused(str(error), _IMPOSSIBLE)
    except NoJournalError as error:
        return _refused(str(error), _FAILED)


def _show_all(directory: "Path") -> int:
    from otel_openai_wandb._reading.show_screen import Screen  # imports rich

    screen, contents = Screen(), Contents()
    for record in whole_traces(read_journal(directory)):
        contents.take(record)
        if record["record"] == "trace":
            if contents.traces == 1:
                screen.heading()
            screen.tree(record)
    if not contents.traces:
        return _refused(f"The run {directory} has no trace. {' '.join(contents.notes())}".rstrip(), _FAILED)
    screen.lines(
        [
            "",
            *contents.notes(),
            f"{contents.traces} {'trace' if contents.traces == 1 else 'traces'}. In full: --trace ID",
        ]
    )
    return 0


def _show_one(directory: "Path", prefix: str) -> int:
    from otel_openai_wandb._reading.show_screen import Screen

    screen, texts, contents = Screen(), Texts(), Contents()
    shown: dict[str, None] = {}
    for record in whole_traces(read_journal(directory)):
        texts.take(record)
        contents.take(record)
        if record["record"] == "trace" and record["trace_id"].startswith(prefix):
            shown[record["trace_id"]] = None
            if len(shown) == 1:
                screen.conversation(record, texts)
    if not shown:
        return _refused(f"The run {directory} has no trace whose id begins with {prefix!r}.", _FAILED)
    said = [one for one in contents.feedback if one["trace_id"] in shown]
    screen.feedback(said)
    if len(shown) > 1:
        return _refused(f"This is the first of {len(shown)}: {', '.join(shown)}", _FAILED)
    return 0


def _refused(why: str, code: int) -> int:
    sys.stderr.write(f"{why}\n")
    return code
