"""A sender and an intake in one process, for tests that kill it.

It sends traces by their number, each at a position of its own, and writes in `settled` which it need not send again. Of
each second trace the log records come after the spans, at a position of their own.
"""

import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final

from otel_wandb._delivery.records import EventOfSpan
from otel_wandb._intake import Intake, IntakeOptions
from otel_wandb._runs.destination import Rotation
from otel_wandb._settings import Settings
from otel_wandb._spans.span import EventRecord, Position, SpanRecord

START: Final = 1_700_000_000_000_000_000  # nanoseconds
_MOST_OPEN: Final = 80  # positions that were sent and are not settled, so that a test can kill at any of them
_LOGS: Final = 1_000_000  # the position of the log records of trace n is this and n


class Sender:
    """Sends what `settled` does not have."""

    def __init__(self, directory: Path, traces: int) -> None:
        self._file = (directory / "settled").open("a+")
        self._file.seek(0)
        self._lock = threading.Lock()
        expected = {*range(traces), *(_LOGS + number for number in range(1, traces, 2))}
        self.open = expected - {int(line) for line in self._file if line.endswith("\n")}
        self.is_done = threading.Event()

    def settled(self, positions: Sequence[Position]) -> None:
        """Write positions down."""
        with self._lock:
            self._file.writelines(f"{position.number}\n" for position in positions)
            self._file.flush()
            self.open -= {position.number for position in positions}
            if not self.open:
                self.is_done.set()

    def send(self, intake: Intake) -> None:
        """Everything that is open, until it is settled or the intake breaks."""
        with self._lock:
            numbers = sorted(self.open, key=lambda number: (number % _LOGS, number))
        pause = threading.Event()
        for number in numbers:
            while not intake.broken and (intake.open_positions >= _MOST_OPEN or not submitted(intake, number)):
                pause.wait(0.01)
        while not intake.broken and not self.is_done.wait(0.05):
            pass


def submitted(intake: Intake, number: int) -> bool:
    """Whether the intake took what stands at a position."""
    position = Position(0, number)
    if number >= _LOGS:
        return intake.submit(position, (), log_records(number - _LOGS))
    return intake.submit(position, spans(number))


def trace_id(number: int) -> str:
    """Of trace `number`."""
    return f"{Random(number).getrandbits(128) | 1:032x}"


def spans(number: int) -> Sequence[SpanRecord]:
    """A root and two calls."""
    root, one, two = (f"{number * 10 + place + 1:016x}" for place in range(3))
    call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4"}
    if number % 2 == 0:
        said = [{"role": "user", "parts": [{"type": "text", "content": f"question {number}"}]}]
        call["gen_ai.input.messages"] = json.dumps(said)
    return [
        _span(number, one, root, "chat gpt-4", call),
        _span(number, two, root, "chat gpt-4", call),
        _span(number, root, None, "handle", {}),
    ]


def log_records(number: int) -> Sequence[EventOfSpan]:
    """What the first call of trace `number` was asked."""
    event = EventRecord("gen_ai.user.message", START, {}, {"content": f"question {number}"})
    return [EventOfSpan(trace_id(number), f"{number * 10 + 2:016x}", event)]


def _span(number: int, span_id: str, parent: str | None, name: str, attributes: dict[str, str]) -> SpanRecord:
    return SpanRecord(
        trace_id=trace_id(number),
        span_id=span_id,
        parent_id=parent,
        parent_is_remote=False,
        name=name,
        start_ns=START,
        end_ns=START + 1_000_000_000,
        is_error=False,
        status_message=None,
        attributes=attributes,
        events=(),
        scope="tests",
        resource={"service.name": "shop"},
    )


def main(directory: Path, traces: int) -> None:
    """Send all traces, with another intake for each that breaks."""
    sender = Sender(directory, traces)
    options = IntakeOptions(
        str(directory),
        "worker",
        project="shop",
        entity="testers",
        key=os.environ.get("KEY"),
        settings=Settings(quiet=0.2, idle=2.0, max_age=3.0, table_interval=0.5),
        rotation=Rotation(traces=100),
    )
    deadline = monotonic() + 100.0
    while True:
        intake = Intake(options, sender.settled)
        sender.send(intake)
        if not intake.broken:
            break
        assert monotonic() < deadline, intake.broken
        intake.abandon()
    if "UNTIL_UPLOADED" in os.environ:
        pause = threading.Event()
        while len(list(directory.glob("wandb/run-*"))) > len(intake.whereabouts):
            assert monotonic() < deadline, "runs are still on the disk"
            pause.wait(0.1)
    assert intake.close(30.0)
    assert intake.open_positions == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
