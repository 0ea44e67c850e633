"""The span exporter: queues finished spans in microseconds; its writer does the rest in other threads."""

import logging
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_wandb._options import checked_options
from otel_wandb._process import ends
from otel_wandb._process.claims import CLAIMS
from otel_wandb._process.exit_status import keep_interrupt
from otel_wandb._process.health import Health
from otel_wandb._process.processors import flushes_of
from otel_wandb._process.termination import TERMINATION
from otel_wandb._settings import Keep, Weave
from otel_wandb._spans.log_records import LogStore, WandbLogRecordProcessor
from otel_wandb._traces.feedback import check_said, feedback_of
from otel_wandb._traces.open_spans import OPEN_SPANS, listen_to_program

if TYPE_CHECKING:
    import wandb

    from otel_wandb._writer import TraceWriter

log: Final = logging.getLogger(__name__)

_LIVE: Final["weakref.WeakSet[WandbSpanExporter]"] = weakref.WeakSet()


def live_exporters() -> Sequence["WandbSpanExporter"]:
    """The exporters of this process that are not shut down."""
    return [exporter for exporter in list(_LIVE) if exporter.is_open]


class WandbSpanExporter(SpanExporter):
    """Writes traces to a W&B run: timelines under `trace`, tables `stats` (of calls) and `traces`, and `usage/*`.

    `run` is a run to write to; the caller finishes it. Spans that end afterwards, and those of a forked child, go to a
    run of the exporter's own in the same project and group. Without `run` the exporter opens one when the first trace
    is finished. That run gets `project`, `entity` and all other arguments of `wandb.init`; wandb reads the rest from
    its environment (`WANDB_PROJECT`, `WANDB_MODE`, ...). wandb is imported earlier only to check `run` or other
    arguments. If a span or a resource has the attributes `wandb.project` and `wandb.entity`, its trace goes there.

    `keep` selects what is written. "llm" keeps traces with a model, agent or tool call, trimmed to these spans and
    those above them. "all" keeps everything. A function of a `SpanRecord` keeps the spans for which it returns true,
    and those above them. The default is `OTEL_WANDB_KEEP`, else "llm".

    `prices` are added to the built-in prices and override them: `{"my-model": {"input": 0.001, "output": 0.002}}`, in
    US dollars for 1,000 tokens. `OTEL_WANDB_PRICES` names a JSON file of the same form.

    `weave` sends the traces of online runs to Weave as well: True sends them as calls, with links to the run and back;
    "agents" sends them to Weave's endpoint for agents. The default is `OTEL_WANDB_WEAVE`, else False.

    `export()` queues the spans and returns. When the process exits, all spans that have ended are written within
    `OTEL_WANDB_EXIT_TIMEOUT` seconds.

    Raises ImportError for a missing package; the message has the command that installs it. Raises TypeError if `run` is
    not a run, if it is given with arguments for another run, or for an argument that `wandb.init` does not take. Raises
    ValueError for an unknown `keep` or `weave` and for malformed `prices`.
    """

    def __init__(
        self,
        *,
        project: str | None = None,
        entity: str | None = None,
        run: "wandb.Run | None" = None,
        keep: Keep | None = None,
        prices: Mapping[str, Mapping[str, float]] | None = None,
        weave: Weave | None = None,
        **init: Any,
    ) -> None:
        init = {"project": project, "entity": entity, **init}
        self._options = checked_options(init, run, keep=keep, prices=prices, weave=weave)
        self._logs = LogStore()
        self._health = Health()
        self._lock = threading.RLock()
        self._closed: str | None = None  # the reason, for the warning about a later span
        self._shut = threading.Event()  # set when the shutdown is complete
        self._is_late = False  # W&B did not take everything in time
        self._comes_at_once = False
        self._lost = 0  # spans that were lost before the last flush
        self._next_run: Callable[[], wandb.Run | None] | None = None
        self._writer: TraceWriter | None = None
        if run is not None:
            self._made()
        _LIVE.add(self)
        self._listens = listen_to_program()
        ends.register(self, handle_sigterm=self._options.settings.handle_sigterm)

    @property
    def counters(self) -> Mapping[str, int]:
        """The counters of spans, with the names of the run's summary: `otel/received`, `otel/logged`, ..."""
        return self._health.summary()

    @property
    def whereabouts(self) -> Sequence[str]:
        """The addresses of the open runs, or the directories of offline ones."""
        return [] if self._writer is None else [run.address for run in self._writer.runs]

    @property
    def directories(self) -> Sequence[str]:
        """The directories of the open runs, online or not. They contain wandb's files and the journal."""
        return [] if self._writer is None else [run.directory for run in self._writer.runs]

    @property
    def is_open(self) -> bool:
        """Whether the exporter accepts spans; false after a shutdown."""
        return self._closed is None

    @property
    def log_record_processor(self) -> LogRecordProcessor:
        """For `LoggerProvider.add_log_record_processor`, if an instrumentation writes messages as log records.

        Instrumentations do so if they follow the conventions 1.28 to 1.36, or capture content in events only. The
        messages are added to the spans in which they were emitted.
        """
        return WandbLogRecordProcessor(self._logs)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Queue `spans` for the pipeline. Returns FAILURE after a shutdown, or if too many are waiting."""
        self._health.received(len(spans))
        if not self._listens:
            self._listens = listen_to_program()
        if self._closed:
            self._health.drop("after_shutdown", len(spans), self._closed)
            return SpanExportResult.FAILURE
        spans, given = [span for span in spans if not CLAIMS.left_to_another(span, self)], len(spans)
        self._health.trimmed(given - len(spans))
        if not spans:
            return SpanExportResult.SUCCESS
        try:
            with self._lock:
                pipeline = self._made().pipeline(comes_at_once=self._comes_at_once)
        except RuntimeError as error:  # "can't create new thread": Python 3.12.0 and 3.12.1, once the program ends
            self._health.drop("no_thread", len(spans), f"{error}; flush before the end, or use another Python")
            return SpanExportResult.FAILURE
        if pipeline.submit(spans):
            return SpanExportResult.SUCCESS
        self._health.drop("queue_full", len(spans), "W&B takes traces more slowly than the program makes them")
        return SpanExportResult.FAILURE

    def log_feedback(self, trace_id: str | None, name: str, value: float | str) -> None:
        """Add a row to the table `feedback`, which joins with the other tables on `trace_id`. Returns at once.

        Does nothing if `trace_id` is None, which means that the trace was not recorded. Raises ValueError for a trace
        id that is not 32 hex digits, TypeError for a name that is no text or a value that is no number or text.
        """
        check_said(name, value)
        if trace_id is None:
            return
        said = feedback_of(trace_id, name, value, time())
        if self._closed:
            self._health.drop_rows("after_shutdown", 1, self._closed)
            return
        with self._lock:
            pipeline = self._made().pipeline(comes_at_once=self._comes_at_once)
        pipeline.submit_feedback(said)

    def expect_at_once(self) -> None:
        """Note that each span is exported when it ends, and is known to be open before. Call before the first span."""
        self._comes_at_once = True

    def write_alone(self, provider: TracerProvider) -> None:
        """Reserve the provider's spans that end from now on for this exporter, until `share()`."""
        if not CLAIMS.has(provider, self):
            self._hand_over_others()
            CLAIMS.add(provider, self)

    def share(self) -> None:
        """Let other exporters write the spans of reserved providers that end from now on."""
        self._hand_over_others()
        CLAIMS.release(self)

    def follow(self, next_run: "Callable[[], wandb.Run | None]") -> None:
        """If the given run is ended from outside, continue in the run that `next_run` returns, if any."""
        self._next_run = next_run
        if self._writer is not None:
            self._writer.follow(next_run)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write everything exported so far, unfinished traces too.

        Returns whether it was written in time and nothing was lost since the last call.
        """
        done = self._writer is None or self._writer.flush(timeout_millis / 1e3)
        before, self._lost = self._lost, self._health.lost
        return done and self._lost == before

    def shutdown(self, timeout_millis: float | None = None) -> None:
        """Write everything, and close the run if the exporter opened it. A second call does nothing."""
        limit = self._options.settings.exit_timeout
        self._close(limit if timeout_millis is None else min(limit, timeout_millis / 1e3))

    def write_before_termination(self, timeout: float) -> None:
        """Write everything and close our runs after a SIGTERM. A span that ends later opens another run."""
        deadline = monotonic() + min(timeout, self._options.settings.exit_timeout)
        self._flush_all(deadline)
        if self._closed:  # perhaps in another thread right now: a server may exit normally after a SIGTERM
            self._shut.wait(max(0.0, deadline - monotonic()))
        elif self._writer is not None:
            self._writer.close_runs(deadline - monotonic())

    def before_exit(self) -> None:
        """Open the run if there is none yet, as in a program that is shorter than a batch processor's delay.

        Called before the `atexit` callbacks, because wandb cannot be imported during them, and some versions cannot be
        started. A child of `multiprocessing` runs no such callbacks, so everything is written here.
        """
        if self._closed:
            return
        writer = self._writer
        given = None if writer is None else writer.given
        if ends.is_child():
            self.at_exit()
            if given is not None and not ends.is_spawned():  # a spawned child does not share the run
                given.finish()
        elif given is None and (writer is None or not writer.runs):
            self._flush_all()
            keep_interrupt()

    def at_exit(self) -> None:
        """Write everything before wandb's process ends. A run of the program is not finished: it is not ours."""
        deadline = monotonic() + self._options.settings.exit_timeout
        if not self._closed:
            self._hand_over()
        self._close(deadline - monotonic())
        if "wandb" in sys.modules:
            from otel_wandb._runs.private.service import bound_wait_for_service

            bound_wait_for_service(self._options.settings.exit_timeout, is_late=self._is_late)
        TERMINATION.settle(self._options.settings.exit_timeout)
        keep_interrupt()

    def after_fork(self) -> None:
        """Reset the exporter in a forked child. The parent keeps what was queued, its threads, locks and runs."""
        TERMINATION.forget()
        OPEN_SPANS.forget()
        self._lock = threading.RLock()
        self._health = Health()
        self._lost = 0
        self._shut = threading.Event()
        ends.forget(self)
        ends.register_celery(self)
        self._options = replace(self._options, is_forked=True)
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.abandon()
            self._options = replace(self._options, init=writer.init, run=None)

    def _close(self, timeout: float) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = "the exporter was shut down"
            writer = self._writer
        CLAIMS.release(self)
        try:
            self._is_late = not (writer is None or writer.close(timeout))
        finally:
            self._shut.set()
        if writer is not None and (unused := writer.unused) is not None:
            unused.close(self._health.summary())
        if not self._is_late:
            ends.forget(self)
        lost = self._health.last_words()
        if lost is not None:
            log.warning("%s", lost)

    def _made(self) -> "TraceWriter":
        """The writer. It is created for a given run, or for the first span."""
        if self._writer is None:
            from otel_wandb._writer import Events, TraceWriter

            events = Events(opened=lambda: ends.write_last(self), ending=self._flush_all)
            self._writer = TraceWriter(self._options, events, health=self._health, logs=self._logs)
            if self._next_run is not None:
                self._writer.follow(self._next_run)
        return self._writer

    def _flush_all(self, deadline: float | None = None) -> None:
        """Write everything that the processors and the pipeline hold."""
        if self._closed:
            return
        deadline = deadline or monotonic() + self._options.settings.exit_timeout
        self._hand_over()
        if self._writer is not None:
            self._writer.flush(max(0.0, deadline - monotonic()))
            self._writer.summarise()

    def lose_open(self, calls: int) -> None:
        """Count calls as lost that are still open when the exporter ends."""
        self._health.received(calls)
        self._health.drop("still_open", calls, "they had not ended; read streams to their end, or close them")

    def _hand_over_others(self) -> None:
        """Flush the batch processors of the other exporters, so that they export their spans."""
        for other in live_exporters():
            if other is not self:
                other._hand_over()  # noqa: SLF001  # of the same class

    def _hand_over(self) -> None:
        """Flush the batch processors of this exporter, so that they export their spans."""
        for flush in flushes_of(self):
            flush()
