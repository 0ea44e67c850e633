"""What was lost, counted by cause, and said once a minute for each cause."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

log: Final = logging.getLogger(__name__)

_QUIET_SECONDS: Final = 60.0


class Losses:
    """Spans received and dropped. Thread safe, and reentrant: a garbage collection may end a span at any point."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._dropped: Counter[str] = Counter()
        self._said: dict[str, float] = {}

    def drop(self, cause: str, spans: int, why: object) -> None:
        """Count `spans` as dropped because of `cause`; `why` is what the warning ends with."""
        with self._lock:
            self._dropped[cause] += spans
            total = self._dropped[cause]
            now = self._clock()
            quiet = now - self._said.get(cause, -_QUIET_SECONDS) < _QUIET_SECONDS
            if not quiet:
                self._said[cause] = now
        log.log(
            logging.DEBUG if quiet else logging.WARNING,
            "%d spans were not written to W&B (%s, %d so far): %s",
            spans,
            cause,
            total,
            why,
        )

    def summary(self) -> Mapping[str, int]:
        """Counters for the run's summary, `otel/dropped_<cause>`; empty while nothing was lost."""
        with self._lock:
            return {f"otel/dropped_{cause}": count for cause, count in self._dropped.items()}
