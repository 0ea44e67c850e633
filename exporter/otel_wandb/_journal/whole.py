"""Reads the records of a journal as whole traces. Pure."""

from collections.abc import Iterable, Iterator

from otel_wandb._journal.joining import Joining
from otel_wandb._journal.schema import Call, MessageRecord, Record, Span, ToolsRecord, TraceRecord


def whole_traces(records: Iterable[Record]) -> Iterator[Record]:
    """The records of a journal, each trace as one record as far as it came; those without a root come last.

    A trace comes later than it stands in the journal: a piece of it may follow. For `Numbering` see there.
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
    """Lets the ids of messages and tools, which each file begins anew, count through all files of a journal."""

    def __init__(self) -> None:
        self._first, self._following = 0, 0  # ids of the current file, and of the next
        self._has_run = False

    def through_all_files(self, record: Record) -> Record | None:
        """The next record with such ids; None for the `run` of a later file."""
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
