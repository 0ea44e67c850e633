"""The command `openai-wandb export`: writes the traces of a run, or selected ones, to one file."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, Literal, Protocol, TypeAlias

from otel_openai_wandb._export.calls import CALLS, Source
from otel_openai_wandb._export.chat import InexpressibleError, examples
from otel_openai_wandb._export.files import CsvRows, ParquetRows, Rows, write_line, written
from otel_openai_wandb._export.progress import Progress, progress_of
from otel_openai_wandb._export.selection import Condition, FoundCall, FoundTrace, Selection, Status, whole_trace
from otel_openai_wandb._reading.journals import Contents, NoJournalError
from otel_openai_wandb._reading.online import opened_journal
from otel_openai_wandb._reading.run_directories import NoRunError
from otel_wandb._interface.install import how_to_install, missing_of
from otel_wandb._interface.journal import FeedbackRecord, RunOfFile, Texts, read_journal

Format: TypeAlias = Literal["jsonl", "csv", "parquet", "openai-chat"]

_FAILED: Final = 1
_IMPOSSIBLE: Final = 2
_NOT_ASKED_FOR: Final = "not asked for"
_NO_RUN: Final[RunOfFile] = {"id": "", "project": "", "entity": "", "url": None}


def run(
    named: str | None,
    form: Format,
    output: str,
    *,
    status: Status | None = None,
    tag: str | None = None,
    model: str | None = None,
    feedback: str | None = None,
) -> int:
    """Write the traces or calls of the run `named`, or of the newest, that meet all conditions given.

    Returns exit code 0, 1 if there was nothing to write or the file could not be written, or 2 if there is no run,
    pyarrow is missing, or `feedback` is malformed.
    """
    if form == "parquet" and missing_of(("pyarrow",)):
        return _refused(f"Parquet needs pyarrow: {how_to_install('parquet')}", _IMPOSSIBLE)
    try:
        selection = Selection(status, tag, model, None if feedback is None else Condition.parse(feedback))
    except ValueError as error:
        return _refused(f"--feedback {feedback}: {error}.", _IMPOSSIBLE)
    try:
        with opened_journal(named) as directory:
            return _exported(directory, form, output, selection)
    except NoRunError as error:
        return _refused(str(error), _IMPOSSIBLE)
    except NoJournalError as error:
        return _refused(str(error), _FAILED)


def _exported(directory: Path, form: Format, output: str, selection: Selection) -> int:
    try:
        return _export(directory, form, output, selection)
    except BrokenPipeError:  # the reader closed stdout; the flush at exit must not fail too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except OSError as error:
        return _refused(f"{output} could not be written: {error.strerror or error}", _FAILED)


class _NothingError(Exception):
    """There was nothing to write; the message says why."""


@dataclass(slots=True)
class _Count:
    """Counts what was written and what was not: traces or calls, as `unit` says."""

    unit: str
    written: int = 0
    lines: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def wrote(self, lines: int = 1) -> None:
        self.written += 1
        self.lines += lines

    def sentences(self, output: str) -> Iterator[str]:
        total = self.written + self.left_out.total()
        lines = "" if self.lines == self.written else f", in {_counted(self.lines, 'line')}"
        yield f"{output}: {self.written} of {_counted(total, self.unit)}{lines}."
        if self.left_out:
            yield self.why()

    def why(self) -> str:
        """The reasons why something was not written, the most frequent first."""
        if not self.left_out:
            return f"No trace has a {self.unit}."
        return f"Left out: {', '.join(f'{count} {reason}' for reason, count in self.left_out.most_common())}."


class _Sink(Protocol):
    """Writes traces in a format."""

    def take(self, found: FoundTrace) -> None:
        """Write the selected parts of a trace."""
        ...

    def close(self) -> None:
        """Write what is buffered."""
        ...


@dataclass(frozen=True, slots=True)
class _TraceLines:
    file: BinaryIO
    selection: Selection
    count: _Count

    def take(self, found: FoundTrace) -> None:
        if self.selection.has_trace(found):
            write_line(self.file, whole_trace(found))
            self.count.wrote()
        else:
            self.count.left_out[_NOT_ASKED_FOR] += 1

    def close(self) -> None:
        """Nothing is buffered."""


@dataclass(frozen=True, slots=True)
class _ExampleLines:
    file: BinaryIO
    selection: Selection
    count: _Count

    def take(self, found: FoundTrace) -> None:
        for one in _chosen(found, self.selection, self.count):
            try:
                made = examples(one, found.texts)
            except InexpressibleError as error:
                self.count.left_out[str(error)] += 1
                continue
            for example in made:
                write_line(self.file, example)
            self.count.wrote(len(made))

    def close(self) -> None:
        """Nothing is buffered."""


@dataclass(slots=True)
class _CallRows:
    open_rows: Callable[[], Rows]
    selection: Selection
    count: _Count
    rows: Rows | None = None
    """None until the first row, so that no file has only a header."""

    def take(self, found: FoundTrace) -> None:
        for one in _chosen(found, self.selection, self.count):
            self.rows = self.rows or self.open_rows()
            self.rows.write(CALLS.row(Source(found, one)))
            self.count.wrote()

    def close(self) -> None:
        if self.rows is not None:
            self.rows.close()


def _chosen(found: FoundTrace, selection: Selection, count: _Count) -> Iterator[FoundCall]:
    """The selected calls of a trace. The others are counted."""
    for one in found.calls():
        if selection.has_call(found, one):
            yield one
        else:
            count.left_out[_NOT_ASKED_FOR] += 1


def _export(directory: Path, form: Format, output: str, selection: Selection) -> int:
    count = _Count("trace" if form == "jsonl" else "call")
    try:
        with progress_of(output) as progress:
            contents, records = _surveyed(directory, progress)
            found = _traces(directory, contents, records, progress)
            with written(output) as file:
                _write(found, _sink(form, file, selection, count), count)
    except _NothingError as error:
        return _refused(f"The run {directory} has {error}", _FAILED)
    for sentence in (*count.sentences(output), *contents.notes()):
        sys.stderr.write(f"{sentence}\n")
    return 0


def _write(traces: Iterable[FoundTrace], sink: _Sink, count: _Count) -> None:
    for found in traces:
        sink.take(found)
    if not count.written:
        raise _NothingError(f"nothing to write. {count.why()}")
    sink.close()


def _sink(form: Format, file: BinaryIO, selection: Selection, count: _Count) -> _Sink:
    if form == "jsonl":
        return _TraceLines(file, selection, count)
    if form == "openai-chat":
        return _ExampleLines(file, selection, count)
    make = CsvRows if form == "csv" else ParquetRows
    return _CallRows(lambda: make(file, CALLS), selection, count)


def _surveyed(directory: Path, progress: Progress) -> tuple[Contents, int]:
    """Read the whole journal once: for its feedback, which may come after its trace, and its number of records.

    A program that still runs may write more records later.
    """
    contents, records = Contents(), 0
    progress.begin("reading", None)
    for records, record in enumerate(read_journal(directory), 1):  # noqa: B007 - the last one is wanted
        contents.take(record)
        if record["record"] == "trace":
            progress.step()
    if not contents.traces:
        notes = " ".join(contents.notes())
        raise _NothingError(f"no trace. {notes}".rstrip())
    return contents, records


def _traces(directory: Path, contents: Contents, records: int, progress: Progress) -> Iterator[FoundTrace]:
    feedback: dict[str, list[FeedbackRecord]] = {}
    for one in contents.feedback:
        feedback.setdefault(one["trace_id"], []).append(one)
    texts, of = Texts(), _NO_RUN
    progress.begin("writing", contents.traces)
    for record in islice(read_journal(directory), records):
        texts.take(record)
        if record["record"] == "run":
            of = record["run"]
        elif record["record"] == "trace":
            yield FoundTrace(record, of, feedback.get(record["trace_id"], ()), texts)
            progress.step()


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _refused(why: str, code: int) -> int:
    sys.stderr.write(f"{why}\n")
    return code
