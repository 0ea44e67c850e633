"""Finds the journal of a run, and counts its records for the commands that read it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from otel_openai_wandb._reading.run_directories import NoRunError, has_traces, run_directory
from otel_wandb._interface.journal import FeedbackRecord, Record, journal_files


class NoJournalError(Exception):
    """The run has no journal; the message says why."""


@dataclass(slots=True)
class Contents:
    """Counts the records of a journal. Give it every record."""

    traces: int = 0
    counters: Mapping[str, int] | None = None
    """The counters of the program at its end; None if it still runs or was killed."""
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
        """Sentences for the user, if the run is incomplete."""
        if self.counters is None:
            return ["The program is still running, or was killed: these are the traces that it wrote."]
        lost = {name: count for name, count in self.counters.items() if "dropped" in name or "failed" in name}
        return [f"Not everything was written: {', '.join(f'{name} {count}' for name, count in lost.items())}."] * bool(
            lost
        )


def found_journal(named: str | None) -> Path:
    """The directory of the run `named`, or of the newest. Raises NoRunError, or NoJournalError if it has no journal."""
    directory = run_directory(named, os.environ)
    if journal_files(str(directory)):
        return directory
    if has_traces(directory):
        raise NoJournalError(
            f"The run {directory} has traces but no journal: OTEL_WANDB_JOURNAL was false, or an older version "
            f"wrote it. To see them in W&B: wandb sync {directory}"
        )
    if list(directory.glob("*.wandb")):
        raise NoJournalError(
            f"The run {directory} has no trace: no call was made, or the program was killed before one was written."
        )
    raise NoRunError(f"{directory} is not a run directory: it has no .wandb file.")
