"""Joins the records of a journal to complete traces. Pure."""

from collections.abc import Iterable, Iterator

from otel_wandb._journal.joining import Joining
from otel_wandb._journal.schema import Call, MessageRecord, Record, Span, ToolsRecord, TraceRecord


def whole_traces(records: Iterable[Record]) -> Iterator[Record]:
    """The records of a journal, with all pieces of a trace joined to one record. Traces without a root come last.

    A trace comes later than in the journal, because more pieces may follow it. Ids are those of `Numbering`.
    """
    numbering, joining = Numbering(), Joining()
    for record in records:
        shown = numbering.through_all_files(record)
        if shown is None:
            continue
        if shown["record"] == "trace":
            joining.add(shown)
            for trace in joining.take_settled():
                yield trace.joined()
        else:
            yield shown
    for trace in joining.take_rest():
        yield trace.joined()


class Numbering:
    """Makes the ids of messages and tools unique in a journal. In the files, each file begins at 0 again."""

    def __init__(self) -> None:
        self._first, self._following = 0, 0  # the first ids of the current file and of the next
        self._has_run = False

    def through_all_files(self, record: Record) -> Record | None:
        """The record with unique ids; None for the record `run` of a later file. Give it every record, in order."""
        if record["record"] == "run":
            self._first, has_run, self._has_run = self._following, self._has_run, True
            return None if has_run else record
        if record["record"] == "message":
            message: MessageRecord = {**record, "id": self._next(record["id"])}
            return message
        if record["record"] == "tools":
            tools: ToolsRecord = {**record, "id": self._next(record["id"])}
            return tools
        if record["record"] == "trace":
            return _renumbered(record, self._first) if self._first else record
        return record

    def _next(self, number: int) -> int:
        self._following = max(self._following, self._first + number + 1)
        return self._first + number


def _renumbered(trace: TraceRecord, first: int) -> TraceRecord:
    spans = [_with_call(span, first) for span in trace["spans"]]
    return {**trace, "spans": spans}


def _with_call(span: Span, first: int) -> Span:
    call = span["call"]
    if call is None:
        return span
    renumbered: Call = {
        **call,
        "asked": [first + number for number in call["asked"]],
        "answered": [first + number for number in call["answered"]],
        "tools": None if call["tools"] is None else first + call["tools"],
    }
    return {**span, "call": renumbered}
