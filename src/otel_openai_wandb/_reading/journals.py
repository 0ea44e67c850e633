"""What the commands that show a run need to know of its whole journal."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from otel_openai_wandb._reading.run_directories import NoRunError, has_traces, run_directory
from otel_wandb._interface.journal import FeedbackRecord, Record, journal_files


class NoJournalError(Exception):
    """There is nothing to show; the message says why."""


@dataclass(slots=True)
class Contents:
    """Counts what is read."""

    traces: int = 0
    counters: Mapping[str, int] | None = None
    """None until the program ends."""
    feedback: list[FeedbackRecord] = field(default_factory=list)

    def take(self, record: Record) -> None:
        """Count a record."""
        if record["record"] == "trace":
            self.traces += 1
        elif record["record"] == "end":
            self.counters = record["counters"]
        elif record["record"] == "feedback":
            self.feedback.append(record)

    def notes(self) -> list[str]:
        """What a reader should know of the run, in sentences."""
        if self.counters is None:
            return ["The program is still running, or was killed: this is what it had written."]
        lost = {name: count for name, count in self.counters.items() if "dropped" in name or "failed" in name}
        return [f"Not everything was written: {', '.join(f'{name} {count}' for name, count in lost.items())}."] * bool(
            lost
        )


def found_journal(named: str | None) -> Path:
    """The directory of a run with a journal. Raises NoRunError, or NoJournalError, which says why it has none."""
    directory = run_directory(named, os.environ)
    if journal_files(str(directory)):
        return directory
    if has_traces(directory):
        raise NoJournalError(
            f"The run {directory} has traces and no journal: OTEL_WANDB_JOURNAL was false, or an older version "
            f"wrote it. W&B shows them: wandb sync {directory}"
        )
    if list(directory.glob("*.wandb")):
        raise NoJournalError(
            f"The run {directory} has no trace: no call was made, or the program was killed before one was written."
        )
    raise NoRunError(f"{directory} is not a run directory: it has no .wandb file.")
