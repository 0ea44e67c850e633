"""Keeps GenAI events from log records until their spans are exported.

With the conventions 1.28 to 1.36, messages are only in log records, one message in each. With later ones, one event may
have the content of a whole call. Both are emitted before the span ends, so they are here when the span is exported.
"""

import logging
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.trace import get_current_span

from otel_wandb._spans.size import size_of_values
from otel_wandb._spans.span import EventRecord
from otel_wandb._spans.versions import context_of, event_name

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadWriteLogRecord  # `LogData` before 1.39

log: Final = logging.getLogger(__name__)

_PREFIX: Final = "gen_ai."
_MOST_SPANS: Final = 2_000
_MOST_EVENTS: Final = 20_000
_MOST_BYTES: Final = 64 << 20


@dataclass(slots=True)
class _Kept:
    events: list[EventRecord] = field(default_factory=list)
    size: int = 0


class LogStore:
    """Events by span, within limits of spans, events and bytes. Beyond a limit the oldest span's events are dropped.

    Thread safe and reentrant: a garbage collection may end a span anywhere. A forked child starts empty.
    """

    def __init__(
        self, most_spans: int = _MOST_SPANS, most_events: int = _MOST_EVENTS, most_bytes: int = _MOST_BYTES
    ) -> None:
        self._most_spans = most_spans
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._clear()
        clear = weakref.WeakMethod(self._clear)
        if hasattr(os, "register_at_fork"):  # not on Windows
            os.register_at_fork(after_in_child=lambda: _call(clear))

    def add(self, trace_id: int, span_id: int, event: EventRecord) -> None:
        """Keep an event of a span."""
        size = size_of_values(event.attributes, event.body)
        with self._lock:
            kept = self._spans.setdefault((trace_id, span_id), _Kept())
            kept.events.append(event)
            kept.size += size
            self._events += 1
            self._bytes += size
            while self._is_too_much():
                self._forget(self._spans.popitem(last=False)[1])

    def take(self, trace_id: int, span_id: int) -> tuple[EventRecord, ...]:
        """Remove and return the events of a span, in their order."""
        if not self._spans:  # the usual case
            return ()
        with self._lock:
            kept = self._spans.pop((trace_id, span_id), None)
            if kept is None:
                return ()
            self._forget(kept)
        return tuple(kept.events)

    def _is_too_much(self) -> bool:
        return len(self._spans) > self._most_spans or self._events > self._most_events or self._bytes > self._most_bytes

    def _forget(self, kept: _Kept) -> None:
        self._events -= len(kept.events)
        self._bytes -= kept.size

    def _clear(self) -> None:
        self._lock = threading.RLock()
        self._spans: OrderedDict[tuple[int, int], _Kept] = OrderedDict()
        self._events = 0
        self._bytes = 0


class WandbLogRecordProcessor(LogRecordProcessor):
    """Passes GenAI events to the exporter of their spans. Other log records are ignored.

    Add it to the `LoggerProvider` after processors that redact, because it copies each record as it is.
    """

    def __init__(self, store: LogStore) -> None:
        self._store = store

    def on_emit(self, log_record: "ReadWriteLogRecord") -> None:
        """Keep the record if it is a GenAI event inside a span."""
        try:
            self._keep(log_record)
        except Exception as error:  # noqa: BLE001
            log.debug("a log record was not kept: %s", type(error).__qualname__)

    emit = on_emit  # its name before 1.35

    def shutdown(self) -> None:
        """Do nothing: the store belongs to the exporter."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002
        """Do nothing: a record is passed on when it is emitted. Returns True."""
        return True

    def _keep(self, log_record: "ReadWriteLogRecord") -> None:
        record = log_record.log_record
        attributes = record.attributes or {}
        name = event_name(record)
        if name is None or not name.startswith(_PREFIX) or not record.trace_id or not record.span_id:
            return
        span = get_current_span(context_of(record)).get_span_context()
        if span.span_id == record.span_id and not span.trace_flags.sampled:
            return  # the span is not sampled, and not exported
        time_ns = record.timestamp or record.observed_timestamp or 0
        self._store.add(record.trace_id, record.span_id, EventRecord(name, time_ns, dict(attributes), record.body))


def _call(method: "weakref.WeakMethod[Callable[[], None]]") -> None:
    found = method()
    if found is not None:
        found()
