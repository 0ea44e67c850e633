"""Counts requests and their spans, and shows all counters: as Prometheus text, and as one line for the log.

Spans that were not rejected are written to the spool. They leave it as released or lost. The health of the intakes
counts what happened to the released ones.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from otel_openai_wandb._gateway.spool.spool import Spool

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_PREFIX: Final = "openai_wandb_gateway"
_OF_HEALTH: Final = "otel/"
_OF_SPANS: Final = ("received", "logged", "trimmed", "duplicates", "dropped_")
"""How the counters begin that count spans; their sum is what was received."""


class Counts:
    """Counts the requests, spans and events that this process received. Thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._items: Counter[tuple[str, str]] = Counter()

    def request(self, signal: str, protocol: str, outcome: str) -> None:
        """Count a request; `outcome` is "accepted" or a reason's label."""
        with self._lock:
            self._requests[signal, protocol, outcome] += 1

    def items(self, signal: str, taken: int, rejected: int) -> None:
        """Count the spans or events of a request that was answered with success."""
        with self._lock:
            self._items[signal, "accepted"] += taken
            self._items[signal, "rejected"] += rejected

    @property
    def requests(self) -> Mapping[tuple[str, str, str], int]:
        """The number of requests by (signal, protocol, outcome)."""
        with self._lock:
            return dict(self._requests)

    @property
    def taken(self) -> Mapping[tuple[str, str], int]:
        """The number of spans and events by (signal, "accepted" or "rejected")."""
        with self._lock:
            return dict(self._items)


class Metrics(Collector):
    """Collects all counters and gauges."""

    def __init__(
        self,
        counts: Counts,
        spool: Spool,
        written: Callable[[], Mapping[str, int]],
        waiting: Callable[[], tuple[int, int]],
        runs_to_upload: Callable[[], int],
    ) -> None:
        """`written` gives the counters of `Health.summary()`, summed over all runs; `waiting` gives spans and bytes."""
        self._counts, self._spool, self._written = counts, spool, written
        self._waiting, self._runs_to_upload = waiting, runs_to_upload
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All counters and gauges in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Called by prometheus_client."""
        requests = CounterMetricFamily(
            f"{_PREFIX}_requests", "Requests by outcome.", labels=("signal", "protocol", "outcome")
        )
        for labels, number in self._counts.requests.items():
            requests.add_metric(labels, number)
        items = CounterMetricFamily(
            f"{_PREFIX}_received",
            "Spans (traces) and events (logs) of answered requests.",
            labels=("signal", "outcome"),
        )
        for kinds, number in self._counts.taken.items():
            items.add_metric(kinds, number)
        spans = CounterMetricFamily(
            f"{_PREFIX}_spool_spans",
            "Spans since the spool was created: received = released + lost + still in the spool.",
            labels=("state",),
        )
        spool = self._spool.counts()
        for state in ("received", "released", "lost"):
            spans.add_metric((state,), spool[state])
        written = CounterMetricFamily(
            f"{_PREFIX}_spans", "Spans by outcome, since this process started.", labels=("outcome",)
        )
        lost = CounterMetricFamily(
            f"{_PREFIX}_lost", "Rows of tables, log records and journal records that were lost.", labels=("cause",)
        )
        for name, number in self._written().items():
            said = name.removeprefix(_OF_HEALTH)
            (written if said.startswith(_OF_SPANS) else lost).add_metric((said,), number)
        yield from (requests, items, spans, written, lost)
        waiting, waiting_bytes = self._waiting()
        for name, what, value in (
            ("spool_held_spans", "Spans in the spool.", spool["spooled"]),
            ("spool_bytes", "Bytes in the spool.", self._spool.bytes),
            ("spool_max_bytes", "Maximum size of the spool in bytes.", self._spool.max_bytes),
            ("waiting_spans", "Spans in memory that wait for their traces.", waiting),
            ("waiting_bytes", "Bytes of the spans in memory that wait for their traces.", waiting_bytes),
            ("runs_to_upload", "Runs on the disk that are still to be uploaded to W&B.", self._runs_to_upload()),
            ("spool_failing", "1 while the spool cannot be written, else 0.", int(self._spool.failure is not None)),
        ):
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", what, value=value)

    def line(self) -> str:
        """The counters as one line for the log."""
        taken, spool, written = self._counts.taken, self._spool.counts(), self._written()
        refused = Counter[str]()
        for (_, _, outcome), number in self._counts.requests.items():
            if outcome != "accepted":
                refused[outcome] += number
        said = {name.removeprefix(_OF_HEALTH): number for name, number in written.items() if number}
        accepted, rejected = (taken.get(("traces", outcome), 0) for outcome in ("accepted", "rejected"))
        mebibytes = self._spool.bytes / 2**20
        parts = (
            f"spans accepted: {accepted}, rejected: {rejected}",
            f"in the spool: {spool['spooled']} ({mebibytes:.1f} MiB), lost from it: {spool['lost']}",
            f"written: {_listed(said)}",
            f"requests refused: {_listed(refused)}",
            f"runs to upload: {self._runs_to_upload()}",
        )
        return "; ".join(parts)


def _listed(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items()) or "none"
