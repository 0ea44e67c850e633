"""Makes the page of a run's latest traces, which is small enough for a panel in W&B."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from otel_wandb._journal.reader import journal_files, read_journal
from otel_wandb._journal.schema import EndRecord, Record, TraceRecord
from otel_wandb._journal.whole import whole_traces
from otel_wandb._page.packing import Packer
from otel_wandb._page.page import page

_MOST_BYTES: Final = 2_000_000
_MOST_TRACES: Final = 300
_FILES: Final = 2  # the last files of a journal, to limit the work at an exit


def latest_page(directory: str, name: str, counters: Mapping[str, int], time_ns: int) -> str | None:
    """The page of the latest traces in the journal of a run directory; None if there are none.

    It has as many traces as fit into 2 MB, and at most 300. `name` is the run's name on the page, and `time_ns` the
    time of its end in nanoseconds since the epoch.
    """
    records = list(read_journal(journal_files(directory)[-_FILES:]))
    traces = [place for place, record in enumerate(records) if record["record"] == "trace"][-_MOST_TRACES:]
    end: EndRecord = {"record": "end", "counters": counters, "time": time_ns}
    while traces:
        packer = Packer()
        run = packer.open(name)
        for record in whole_traces((*_only(records, frozenset(traces)), end)):
            packer.add(run, record)
        made = page(packer)
        if len(made) <= _MOST_BYTES:
            return made
        traces = traces[(len(traces) + 1) // 2 :]
    return None


def _only(records: Sequence[Record], traces: frozenset[int]) -> Iterator[Record]:
    """The records without traces at other indices, and without messages and tools that only these use."""
    named = {key for place, key in _named(records) if place in traces}
    file = 0
    for place, record in enumerate(records):
        file += record["record"] == "run"
        if record["record"] == "trace":
            if place in traces:
                yield record
        elif record["record"] == "message" or record["record"] == "tools":
            if (file, record["record"], record["id"]) in named:
                yield record
        else:
            yield record


def _named(records: Sequence[Record]) -> Iterator[tuple[int, tuple[int, str, int]]]:
    """The messages and tools that each trace uses: its index, with the file, kind and id of each."""
    file = 0
    for place, record in enumerate(records):
        file += record["record"] == "run"
        if record["record"] == "trace":
            yield from ((place, (file, kind, number)) for kind, number in _numbers(record))


def _numbers(trace: TraceRecord) -> Iterator[tuple[str, int]]:
    for span in trace["spans"]:
        call = span["call"]
        if call is not None:
            yield from (("message", number) for number in (*call["asked"], *call["answered"]))
            if call["tools"] is not None:
                yield "tools", call["tools"]
