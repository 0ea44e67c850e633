"""The intake of a gateway or of a Kafka consumer, which keep spans until these are on the disk."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import repeat
from tempfile import TemporaryFile
from typing import Any, Final

from otel_wandb._costs.prices import PRICES
from otel_wandb._delivery.half_written import HalfWritten
from otel_wandb._delivery.left_over import left_over
from otel_wandb._delivery.proof import Proof
from otel_wandb._delivery.records import EventOfSpan, ReceivedSpans, with_position
from otel_wandb._delivery.uploads import Uploads, delete_empty, runs_left_behind
from otel_wandb._pipeline import Choices, Pipeline
from otel_wandb._process.health import Health
from otel_wandb._runs.account import is_online
from otel_wandb._runs.destination import Rotation
from otel_wandb._runs.opening import RunOptions, open_run
from otel_wandb._runs.run import OpenRun
from otel_wandb._runs.sink import RunSink
from otel_wandb._runs.upload import LocalRun, run_path
from otel_wandb._settings import RECEIVED, Settings, chosen_prices
from otel_wandb._spans.span import Position, SpanRecord
from otel_wandb._traces.assembly import Limits
from otel_wandb._traces.ledger import Ledger
from otel_wandb._traces.routes import Route
from otel_wandb._traces.selection import KEEPS

_REMEMBERED_TRACES: Final = 100_000
_REMEMBERED_SPANS: Final = 500_000
_ROTATION: Final = Rotation(traces=20_000, seconds=3_600.0)


@dataclass(frozen=True, slots=True)
class IntakeOptions:
    """The options of an intake."""

    directory: str
    """The directory of the runs, for one process at a time. After a kill, the next process uses the same."""
    worker: str
    """The name of the runs and of their group."""
    project: str | None = None
    """The project of traces whose resource names none."""
    entity: str | None = None
    mode: str | None = None
    """As for `wandb.init`."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """W&B keys by `entity/project`. Other projects use the key that wandb finds."""
    settings: Settings = RECEIVED
    """Settings for the journal and for Weave have no effect: the journal is always written, and Weave gets nothing."""
    most_bytes: int = 192 << 20
    """The maximum size of waiting spans in bytes. Above it `submit` refuses spans."""
    most_runs: int = 200
    rotation: Rotation = _ROTATION


class Intake:
    """Writes spans to runs, and reports the positions that are settled. A directory has one intake at a time.

    A position is settled when each of its spans is in the log and the journal of a run, on the disk, or was counted as
    trimmed, a duplicate or dropped.
    """

    def __init__(self, options: IntakeOptions, settled: Callable[[Sequence[Position]], None]) -> None:
        """Read the runs that a killed process left in the directory. Their spans are not written again if sent again.

        `settled(positions)` is called from threads of the intake. Raises OSError, and UnreadableError if the file of a
        run is damaged.
        """
        _check_writable(options.directory)
        self._options = options
        settings = options.settings
        self._health = Health()
        self._broken: str | None = None
        self._since = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M}"
        self._ledger = Ledger(settled)
        self._uploads = Uploads(os.environ, keep_seconds=settings.max_age)
        self._source = ReceivedSpans(self._ledger.settle_positions, self._health, seconds=settings.max_age)
        self._proof = Proof(self._ledger, self._break, self._let_go, options.rotation, options.most_runs)
        self._sink = RunSink(
            self._open_run,
            Route(options.project, options.entity),
            self._health,
            table_interval=settings.table_interval,
            piece_seconds=settings.idle,  # spans are kept by their sender until the row is written
            delivery=self._proof,
        )
        self._pipeline = Pipeline(
            self._source,
            [self._sink],
            _choices(settings),
            _limits(settings),
            health=self._health,
            accounts=self._ledger,
            timed=[self._source, self._sink],
        )
        self._half_written = self._read_left_over()

    @property
    def health(self) -> Health:
        """The counters of the submitted spans."""
        return self._health

    @property
    def broken(self) -> str | None:
        """Why this intake cannot write any more; None while it works.

        If it is broken, `abandon()` it, make another one, and submit every position again that is not settled.
        """
        return self._broken

    @property
    def is_held_up(self) -> bool:
        """Whether a trace waits because it cannot be written: there is no run, or no space on the disk."""
        return self._pipeline.is_held_up

    @property
    def waiting(self) -> tuple[int, int]:
        """The number of spans that are not on the disk yet, and their bytes."""
        spans, size = self._pipeline.waiting
        more, size_of_more = self._proof.on_the_way
        return spans + more, size + size_of_more

    @property
    def open_positions(self) -> int:
        """The number of positions that are not settled."""
        return self._ledger.open_positions

    @property
    def runs_to_upload(self) -> int:
        """The number of runs that W&B may lack, except for open runs that are online."""
        return self._uploads.waiting + sum(run.is_makeshift for run in self._sink.runs)

    @property
    def whereabouts(self) -> Sequence[str]:
        """The addresses of the open runs, or the directories of offline ones."""
        return [run.address for run in self._sink.runs]

    def submit(self, position: Position, spans: Sequence[SpanRecord], events: Sequence[EventOfSpan] = ()) -> bool:
        """Take the spans and events of a position. Takes nothing and returns False if too much waits. Never blocks."""
        if self._broken or self.is_held_up or self.waiting[1] > self._options.most_bytes:
            return False
        self._ledger.open(position, len(spans) + len(events))
        self._health.received(len(spans))
        in_time = [event for event in events if not self._is_late(event)]
        self._ledger.settle_positions(repeat(position, len(events) - len(in_time)))
        self._source.add_events(in_time, position)
        others, completions = self._half_written.take(with_position(spans, position))
        for completion in completions:
            self._pipeline.complete(completion)
        self._pipeline.put(others)
        return True

    def forget(self, part: int) -> None:
        """Drop the waiting spans of a part of the source without settling them: another process reads that part now.

        Spans that were already given to a run are still written. The number of the part must not be used again.
        """
        self._pipeline.forget(part)
        self._ledger.forget(part)

    def flush(self, timeout: float) -> bool:
        """Write finished traces to the disk. Returns whether that was done within `timeout` seconds."""
        return self._pipeline.flush(timeout)

    def close(self, timeout: float) -> bool:
        """Flush, and finish the runs. Unfinished traces are not settled: submit them to the next intake.

        Returns whether everything else was written within `timeout` seconds.
        """
        done = self._pipeline.close(timeout)
        self._uploads.abandon()
        return done

    def abandon(self) -> None:
        """Stop without writing anything more. The runs stay as they are."""
        self._break("it was abandoned")
        self._pipeline.abandon()
        self._uploads.abandon()

    def _read_left_over(self) -> HalfWritten:
        """Find out what earlier processes wrote, and upload their runs."""
        options = self._options
        written = left_over(options.directory, most_spans=_REMEMBERED_SPANS, seconds=options.settings.max_age)
        for piece in reversed(written.pieces):  # the latest last: it is remembered longest
            self._pipeline.remember(piece.trace_id, piece.span_ids, piece.missing)
        delete_empty(options.directory)
        if is_online({"mode": options.mode}):
            for run in runs_left_behind(options.directory, options.keys.get):
                self._uploads.add(run)
        return HalfWritten(written)

    def _let_go(self, run: OpenRun) -> None:
        place = run.place
        if place.is_online or run.is_makeshift:
            key = self._options.keys.get(f"{place.entity}/{place.project}")
            path = run_path(place.entity, place.project, place.run_id)
            self._uploads.add(LocalRun(run.directory, path, run.logged_rows, key))

    def _is_late(self, event: EventOfSpan) -> bool:
        """Whether the span of a log record is already written."""
        is_written = self._pipeline.has_emitted(event.trace_id, event.span_id)
        return is_written and not self._half_written.has(event.trace_id, event.span_id)

    def _break(self, why: str) -> None:
        self._broken = self._broken or why

    def _open_run(self, route: Route, resource: Mapping[str, Any], number: int) -> OpenRun:
        options = self._options
        key = options.keys.get(f"{route.entity}/{route.project}")
        init: dict[str, Any] = {
            "project": route.project,
            "entity": route.entity,
            "mode": options.mode,
            "dir": options.directory,
            "group": options.worker,
            "name": f"{options.worker} {self._since}" + (f" ({number})" if number > 1 else ""),
            "settings": None if key is None else {"api_key": key},
        }
        said = {name: value for name, value in init.items() if value is not None}
        run = open_run(RunOptions(said, number, options.settings.exit_timeout), resource)
        if run.is_makeshift:
            delete_empty(options.directory, {run.directory, *(other.directory for other in self._sink.runs)})
        run.keep_journal(self._health.journal_failed, html=options.settings.html, is_first=True)
        return run


def _check_writable(directory: str) -> None:
    """Raise OSError if the directory cannot be written: wandb would silently write to another one."""
    os.makedirs(directory, exist_ok=True)
    with TemporaryFile(dir=directory):
        pass


def _choices(settings: Settings) -> Choices:
    keep = settings.keep
    return Choices(keep if callable(keep) else KEEPS[keep], {**PRICES, **chosen_prices(None, settings)})


def _limits(settings: Settings) -> Limits:
    return Limits(
        quiet=settings.quiet,
        idle=settings.idle,
        max_age=settings.max_age,
        remembered=_REMEMBERED_TRACES,
        remembered_spans=_REMEMBERED_SPANS,
    )
