"""Counts what happened to every span, and logs losses at most once a minute for each cause."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

log: Final = logging.getLogger(__name__)

_QUIET_SECONDS: Final = 60.0


class Health:
    """The counters of one exporter. Thread safe and reentrant: a garbage collection may end a span anywhere.

    Every received span is logged, a duplicate, trimmed (not selected by `keep`), dropped for a cause, or still on the
    way. Rows of tables are counted separately, because the trace of a lost row is still in the run.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._spans: Counter[str] = Counter({"received": 0, "logged": 0})
        self._dropped: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._logs: Counter[str] = Counter()
        self._journal: Counter[str] = Counter()
        self._weave: Counter[str] = Counter()
        self._sent_to_weave = 0
        self._said: dict[str, float] = {}

    def received(self, spans: int) -> None:
        """Count spans that were passed to `export()`."""
        self._count("received", spans)

    def logged(self, spans: int) -> None:
        """Count spans that were passed to wandb in a trace."""
        self._count("logged", spans)

    def trimmed(self, spans: int) -> None:
        """Count spans that `keep` does not select."""
        self._count("trimmed", spans)

    def duplicated(self, spans: int) -> None:
        """Count spans that were received before."""
        self._count("duplicates", spans)

    def drop(self, cause: str, spans: int, why: object) -> None:
        """Count `spans` as lost because of `cause`. `why` ends the warning."""
        self._lose(self._dropped, "spans were not written to W&B", cause, spans, why)

    def drop_rows(self, cause: str, rows: int, why: object) -> None:
        """Count rows that are missing from a table."""
        self._lose(self._rows, "rows of a table were not written to W&B", cause, rows, why)

    def drop_logs(self, cause: str, records: int, why: object) -> None:
        """Count log records that are in no span."""
        self._lose(self._logs, "log records were not added to spans", cause, records, why)

    def journal_failed(self, why: object) -> None:
        """Count a record that is missing from the journal."""
        self._lose(self._journal, "records could not be written to the journal", "failed", 1, why)

    def sent_to_weave(self, spans: int) -> None:
        """Count spans that Weave took."""
        with self._lock:
            self._sent_to_weave += spans

    def drop_weave(self, cause: str, spans: int, why: object) -> None:
        """Count spans that Weave did not get. They are still in the run."""
        self._lose(self._weave, "spans were not sent to Weave", cause, spans, why)

    @property
    def on_the_way(self) -> int:
        """The number of received spans that are not in another counter yet."""
        with self._lock:
            kept = sum(count for name, count in self._spans.items() if name != "received")
            return self._spans["received"] - kept - self._dropped.total()

    @property
    def lost(self) -> int:
        """Spans and rows dropped so far."""
        with self._lock:
            return self._dropped.total() + self._rows.total()

    def summary(self) -> Mapping[str, int]:
        """Counters for the run's summary.

        Always `otel/received` and `otel/logged`; if not 0 also `otel/trimmed`, `otel/duplicates`,
        `otel/dropped_<cause>`, `otel/rows_dropped_<cause>`, `otel/logs_dropped_<cause>`, `otel/journal_failed`,
        `otel/weave_sent` and `otel/weave_dropped_<cause>`.
        """
        with self._lock:
            return {
                **{f"otel/{name}": count for name, count in self._spans.items()},
                **{f"otel/dropped_{cause}": count for cause, count in self._dropped.items()},
                **{f"otel/rows_dropped_{cause}": count for cause, count in self._rows.items()},
                **{f"otel/logs_dropped_{cause}": count for cause, count in self._logs.items()},
                **{f"otel/journal_{cause}": count for cause, count in self._journal.items()},
                **({"otel/weave_sent": self._sent_to_weave} if self._sent_to_weave else {}),
                **{f"otel/weave_dropped_{cause}": count for cause, count in self._weave.items()},
            }

    def settled(self) -> Mapping[str, int]:
        """`summary()` without the spans that are still on the way. Another intake gets and counts these."""
        with self._lock:
            return {**self.summary(), "otel/received": self._spans["received"] - self.on_the_way}

    def last_words(self) -> str | None:
        """One sentence about everything that was lost; None if nothing was lost."""
        with self._lock:
            lost = [
                f"{counts.total()} of {total} ({', '.join(f'{cause}: {count}' for cause, count in counts.items())})"
                for counts, total in (
                    (self._dropped, f"{self._spans['received']} spans"),
                    (self._rows, "the tables' rows"),
                )
                if counts
            ]
        return f"not written to W&B: {'; '.join(lost)}" if lost else None

    def _count(self, name: str, spans: int) -> None:
        if spans:
            with self._lock:
                self._spans[name] += spans

    def _lose(self, counts: Counter[str], what: str, cause: str, number: int, why: object) -> None:
        if not number:
            return
        with self._lock:
            counts[cause] += number
            total = counts[cause]
            now = self._clock()
            key = f"{what} {cause}"
            quiet = now - self._said.get(key, -_QUIET_SECONDS) < _QUIET_SECONDS
            if not quiet:
                self._said[key] = now
        log.log(
            logging.DEBUG if quiet else logging.WARNING,
            "%d %s (%s, %d so far): %s",
            number,
            what,
            cause,
            total,
            why,
        )
