"""Submits the bodies of the spool to intakes, which write runs, and releases bodies that are settled.

A body is settled when each of its spans is in a run on the disk, or was counted as trimmed, a duplicate or dropped.
Each tenant has a lane: an offset in the spool and its own intake. So a tenant never waits for another tenant's W&B
project, and spans with the trace id of another tenant stay in the runs of their sender.
"""

import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final, Protocol

from otel_openai_wandb._gateway.options import Options
from otel_openai_wandb._gateway.spool.file import Body, Row
from otel_openai_wandb._gateway.spool.spool import Spool
from otel_wandb import SpanRecord
from otel_wandb._interface.intake import EventOfSpan, Position, Route, rerouted
from otel_wandb._interface.otlp import Encoding, Signal, read_events, read_spans
from otel_wandb._interface.traces import Health

log: Final = logging.getLogger(__name__)

_PATIENCE: Final = 5.0  # seconds after a refusal until an intake is asked again, even if it is as full as before
_POLL: Final = 0.1
_IDLE: Final = 1.0
_MOST_BYTES: Final = 192 * 2**20  # of spans that wait for their traces, for all tenants together
_LEAST_BYTES: Final = 32 * 2**20


class Intake(Protocol):
    """Writes spans to runs and reports which positions are settled. The exporter has one; tests have others."""

    @property
    def health(self) -> Health: ...
    @property
    def broken(self) -> str | None: ...
    @property
    def waiting(self) -> tuple[int, int]: ...
    @property
    def runs_to_upload(self) -> int: ...
    def submit(self, position: Position, spans: Sequence[SpanRecord], events: Sequence[EventOfSpan] = ()) -> bool: ...
    def close(self, timeout: float) -> bool: ...
    def abandon(self) -> None: ...


MakeIntake = Callable[[str, Callable[[Sequence[Position]], None]], Intake]
"""`make(tenant, settled)`: `tenant` is "entity/project", or empty without tokens. `settled` takes the positions."""


class Feeding:
    """Feeds the intakes of all lanes, in one thread."""

    def __init__(self, spool: Spool, tenants: Iterable[str], make: MakeIntake) -> None:
        """`tenants` get a lane even without a body in the spool: its intake also reads the runs that a kill left."""
        self._spool = spool
        self._lanes = [_Lane(tenant, spool, make) for tenant in dict.fromkeys([*tenants, *spool.tenants()])]
        self._stop_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="openai-wandb-feeding", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def written(self) -> Mapping[str, int]:
        """The counters by name, summed over all intakes, broken ones included."""
        sums: dict[str, int] = {}
        for lane in self._lanes:
            for name, number in lane.written():
                sums[name] = sums.get(name, 0) + number
        return sums

    def runs_to_upload(self) -> int:
        """The number of runs on the disk that W&B does not have."""
        return sum(lane.runs_to_upload for lane in self._lanes)

    def waiting(self) -> tuple[int, int]:
        """The number of spans that wait for their traces, and their bytes in memory."""
        found = [lane.waiting for lane in self._lanes]
        return sum(spans for spans, _ in found), sum(size for _, size in found)

    def stop(self, timeout: float) -> bool:
        """Submit bodies for a third of `timeout` seconds at most, and close the intakes in the rest of it.

        Returns whether everything was written. What was not stays in the spool.
        """
        deadline = monotonic() + timeout
        self._stop_at = monotonic() + timeout / 3
        self._spool.wake()
        self._thread.join(timeout)
        with ThreadPoolExecutor(len(self._lanes) or 1) as closing:
            left = max(0.1, deadline - monotonic())
            closed = list(closing.map(lambda lane: lane.close(left), self._lanes))
        return all(closed) and not self._thread.is_alive()

    def _run(self) -> None:
        seen = 0
        while self._stop_at is None or monotonic() < self._stop_at:
            moved = [lane.step() for lane in self._lanes]
            if not any(moved):
                if self._stop_at is not None:
                    return
                is_waiting = any(lane.is_waiting for lane in self._lanes)
                seen = self._spool.wait(seen, _POLL if is_waiting else _IDLE)


class _Lane:
    """Submits the bodies of one tenant to its intake, in the order of the spool."""

    def __init__(self, tenant: str, spool: Spool, make: MakeIntake) -> None:
        self._tenant, self._spool, self._make = tenant, spool, make
        self._intake: Intake | None = None
        self._past: dict[str, int] = {}
        self._after = 0
        self._refused: tuple[float, int] | None = None  # when, and how many bytes waited then
        self._not_before = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether to try again soon: a body was refused, or the intake is not made yet."""
        return self._refused is not None or self._intake is None

    def step(self) -> bool:
        """Submit one body. Returns False if there is none, or if the intake refuses it now. Never raises."""
        try:
            return self._step()
        except Exception:
            log.exception(
                "the spans of %s could not be submitted; the gateway tries again", self._tenant or "the spool"
            )
            self._not_before = monotonic() + _PATIENCE
            return False

    def written(self) -> Sequence[tuple[str, int]]:
        """The counters of this lane's intakes, earlier ones included. A name may come twice."""
        now = {} if self._intake is None else self._intake.health.summary()
        return [*self._past.items(), *now.items()]

    @property
    def waiting(self) -> tuple[int, int]:
        """As `Feeding.waiting`, of this lane."""
        intake = self._intake
        return (0, 0) if intake is None else intake.waiting

    @property
    def runs_to_upload(self) -> int:
        """As `Feeding.runs_to_upload`, of this lane."""
        intake = self._intake
        return 0 if intake is None else intake.runs_to_upload

    def close(self, timeout: float) -> bool:
        """Close the intake within `timeout` seconds. Returns whether it wrote everything."""
        return self._intake is None or self._intake.close(timeout)

    def _step(self) -> bool:
        if monotonic() < self._not_before:
            return False
        intake = self._working()
        if self._refused is not None:
            since, waited = self._refused
            if intake.waiting[1] >= waited and monotonic() - since < _PATIENCE:
                return False
        row = self._spool.next(self._after, self._tenant)
        if row is None:
            self._refused = None
            return False
        return self._submit(intake, row)

    def _submit(self, intake: Intake, row: Row) -> bool:
        read = self._read(row)
        if read is not None and not intake.submit(Position(0, row.id), *read):
            self._refused = (monotonic(), intake.waiting[1])
            return False
        self._refused, self._after = None, row.id
        return True

    def _read(self, row: Row) -> tuple[Sequence[SpanRecord], Sequence[EventOfSpan]] | None:
        """The spans and the events of a body. A body that cannot be read gives None; it is counted and released."""
        try:
            return records_of(row.body)
        except Exception:
            log.exception("a body of the spool cannot be read: %d spans are lost", row.body.spans)
            self._spool.release([row.id], lost={row.id: row.body.spans})
            return None

    def _working(self) -> Intake:
        """The intake. If wandb's process died, a new one gets every body again that is not released."""
        if self._intake is not None and self._intake.broken:
            log.warning("%s; spans that are not in a run are read from the spool again", self._intake.broken)
            self._past = dict(_added(self._past, self._intake.health.summary()))
            self._intake.abandon()
            self._intake = None
        if self._intake is None:
            self._after, self._refused = 0, None
            self._intake = self._make(self._tenant, self._settled)
        return self._intake

    def _settled(self, positions: Sequence[Position]) -> None:
        self._spool.release([position.number for position in positions])


def make_intakes(options: Options) -> MakeIntake:
    """Make the exporter's intakes. Each tenant has its own folder of runs and its own W&B key."""
    from otel_wandb._interface.exporter import RECEIVED, read_settings
    from otel_wandb._interface.intake import Intake as WandbIntake
    from otel_wandb._interface.intake import IntakeOptions
    from otel_wandb._interface.runs import key_of

    tenants = {tenant.name: tenant for tenant in options.tokens.tenants}
    # A run without a key gets the key of the run that wandb made before: that would be another tenant's.
    own = key_of({}) if tenants else None

    def make(name: str, settled: Callable[[Sequence[Position]], None]) -> Intake:
        entity, _, project = name.partition("/")
        key = (tenants[name].key or own) if tenants else None
        given = IntakeOptions(
            directory=str(options.directory / "runs" / folder_of(name)),
            worker=options.worker,
            project=project or options.project,
            entity=entity or options.entity,
            keys={} if key is None else {name: key},
            settings=read_settings(os.environ, RECEIVED),
            most_bytes=max(_LEAST_BYTES, _MOST_BYTES // max(1, len(tenants))),
        )
        intake: Intake = WandbIntake(given, settled)
        return intake

    return make


def records_of(body: Body) -> tuple[Sequence[SpanRecord], Sequence[EventOfSpan]]:
    """The spans and events of a body, routed to its tenant's project. Raises what decoding the body raises."""
    encoding = Encoding[body.encoding]
    if Signal[body.signal] is Signal.LOGS:
        return (), [EventOfSpan(*event) for event in read_events(body.data, encoding).events]
    spans = read_spans(body.data, encoding).spans
    if not body.tenant:
        return spans, ()
    entity, _, project = body.tenant.partition("/")
    return rerouted(spans, Route(project, entity)), ()


def folder_of(tenant: str) -> str:
    """A name for a tenant's folder: unique, and safe whatever characters the tenant's name has."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", tenant)[:60].strip("-") or "all"
    return f"{readable}-{hashlib.sha256(tenant.encode()).hexdigest()[:8]}"


def _added(sums: Mapping[str, int], more: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    return [(name, sums.get(name, 0) + more.get(name, 0)) for name in {**sums, **more}]
