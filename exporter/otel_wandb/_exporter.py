"""The span exporter: takes finished spans in microseconds, and leaves the rest to its pipeline."""

import atexit
import concurrent.futures.thread  # noqa: F401  # cannot be imported any more by the time an exit starts wandb
import contextlib
import json
import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import get_tracer_provider

from otel_wandb._costs.prices import PRICES, Price, read_prices
from otel_wandb._install import require
from otel_wandb._pipeline import Choices, Pipeline
from otel_wandb._process.exit_status import keep_interrupt
from otel_wandb._process.health import Health
from otel_wandb._process.processors import flushes_of
from otel_wandb._process.termination import TERMINATION
from otel_wandb._runs.opening import RunOptions, check_init, check_run, given_run, init_beside, open_run
from otel_wandb._runs.private import bound_wait_for_service, forget_service
from otel_wandb._runs.run import OpenRun
from otel_wandb._runs.sink import RunSink
from otel_wandb._settings import PRICES_VARIABLE, read_settings
from otel_wandb._spans.log_records import LogStore, WandbLogRecordProcessor
from otel_wandb._traces.assembly import Limits
from otel_wandb._traces.feedback import feedback_of
from otel_wandb._traces.open_spans import OPEN_SPANS, listen_to
from otel_wandb._traces.routes import Route
from otel_wandb._traces.selection import Keep, wanted_by

if TYPE_CHECKING:
    import wandb

log: Final = logging.getLogger(__name__)


_LIVE: Final["weakref.WeakSet[WandbSpanExporter]"] = weakref.WeakSet()


def live_exporters() -> Sequence["WandbSpanExporter"]:
    """The exporters of this process that are not shut down."""
    return [exporter for exporter in list(_LIVE) if exporter.is_open]


class WandbSpanExporter(SpanExporter):
    """Writes traces to a W&B run: timelines under `trace`, tables `stats` (a row a call) and `traces`, and `usage/*`.

    `run` is a run to write to; the caller finishes it. Spans that end afterwards, and those of a forked child, go to a
    run of the exporter's own in the same project and group. Without `run` the exporter opens one when the first trace
    is finished, with `project`, `entity` and anything else that `wandb.init` takes; wandb reads the rest from its own
    environment (`WANDB_PROJECT`, `WANDB_MODE`, ...). Nothing is opened before that. wandb is imported before that only
    to check `run` or other arguments. A span or a resource with the attributes `wandb.project` and `wandb.entity` sends
    its trace there.

    `keep` selects what is written. "llm" keeps traces with a model, agent or tool call, trimmed to these spans and
    those above them; "all" keeps everything; a function of a `SpanRecord` keeps the spans it is true for and those
    above them. The default is `OTEL_WANDB_KEEP`, else "llm".

    `prices` are added to the built-in prices and win over them: `{"my-model": {"input": 0.001, "output": 0.002}}`, in
    US dollars for 1,000 tokens. `OTEL_WANDB_PRICES` names a JSON file of the same form.

    `export()` hands spans over and returns. An exit writes everything that ended, within `OTEL_WANDB_EXIT_TIMEOUT`
    seconds.

    Raises ImportError, with the command that installs it, if wandb is missing. Raises TypeError for a `run` that is no
    run or comes together with arguments for another, and for an argument that `wandb.init` does not take. Raises
    ValueError for an unknown `keep` and for malformed `prices`.
    """

    def __init__(
        self,
        *,
        project: str | None = None,
        entity: str | None = None,
        run: "wandb.Run | None" = None,
        keep: Keep | None = None,
        prices: Mapping[str, Mapping[str, float]] | None = None,
        **init: Any,
    ) -> None:
        given = {
            key: value for key, value in {"project": project, "entity": entity, **init}.items() if value is not None
        }
        if run is not None and given:
            raise TypeError(f"a run is made already: {', '.join(given)} cannot be given with it")
        require("WandbSpanExporter", "wandb", "wandb")
        check_run(run)
        check_init(init)
        self._settings = read_settings(os.environ)
        self._init: Mapping[str, Any] = given if run is None else init_beside(run)
        own = _own_prices(self._settings.prices) if prices is None else read_prices(json.dumps(dict(prices)))
        self._choices = Choices(
            wanted=wanted_by(keep or self._settings.keep),
            prices=PRICES if own is None else {**PRICES, **own},
        )
        self._route = None if run is not None else Route(project, entity)
        self._logs = LogStore()
        self._health = Health()
        self._lock = threading.RLock()
        self._pipeline: Pipeline | None = None
        self._runs: RunSink | None = None
        self._closed: str | None = None  # the reason, for the warning about a later span
        self._shut = threading.Event()  # set when the shutdown is complete
        self._is_late = False  # W&B had not taken everything in time
        self._is_aside = False
        self._lost = 0  # as of the last flush
        self._listens = False
        self._next_run: Callable[[], wandb.Run | None] | None = None
        self._given = None if run is None else self._attached(given_run(run))
        _LIVE.add(self)
        self._listen_to_provider()
        _call_while_alive(partial(_register_fork, os), self._after_fork)
        _register_celery(self, self._at_exit)
        if self._settings.handle_sigterm:
            TERMINATION.write_first(self)
        # Private, and used by concurrent.futures from 3.9 to 3.14: the last moment at which threads can be started.
        register = getattr(threading, "_register_atexit", None)
        if register is not None:
            with contextlib.suppress(RuntimeError):  # the interpreter is already exiting
                _call_while_alive(register, self._before_exit)

    @property
    def counters(self) -> Mapping[str, int]:
        """How many spans came and what became of them, as in the run's summary: `otel/received`, `otel/logged`, ..."""
        return self._health.summary()

    @property
    def whereabouts(self) -> Sequence[str]:
        """The addresses of the open runs, or the directories of offline ones."""
        return [run.address for run in self._open_runs()]

    @property
    def directories(self) -> Sequence[str]:
        """The directories of the open runs, online or not: where wandb keeps their files, and the journal is."""
        return [run.directory for run in self._open_runs()]

    @property
    def is_open(self) -> bool:
        """Whether it takes spans, that is, was not shut down."""
        return self._closed is None

    @property
    def log_record_processor(self) -> LogRecordProcessor:
        """For `LoggerProvider.add_log_record_processor`, where an instrumentation writes messages as log records.

        Conventions 1.28 to 1.36 did so, and so does anything that captures content in events only. The messages join
        the spans that they were emitted in.
        """
        return WandbLogRecordProcessor(self._logs)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand `spans` to the pipeline. FAILURE after a shutdown, or when too many are waiting."""
        self._health.received(len(spans))
        if not self._listens:
            self._listen_to_provider()
        if self._closed:
            self._health.drop("after_shutdown", len(spans), self._closed)
            return SpanExportResult.FAILURE
        if self._is_aside:
            self._health.trimmed(len(spans))
            return SpanExportResult.SUCCESS
        try:
            pipeline = self._started()
        except RuntimeError as error:  # "can't create new thread": Python 3.12.0 and 3.12.1, once the program ends
            self._health.drop("no_thread", len(spans), f"{error}; flush before the end, or use another Python")
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS if pipeline.submit(spans) else SpanExportResult.FAILURE

    def _listen_to_provider(self) -> None:
        """Learn from the global provider which spans are open, where no `WandbSpanProcessor` tells."""
        provider = get_tracer_provider()
        if isinstance(provider, TracerProvider):
            self._listens = True
            listen_to(provider)

    def log_feedback(self, trace_id: str, name: str, value: float | str) -> None:
        """Add a row to the table `feedback`, which joins on `trace_id` with the others. Hands over and returns.

        Raises ValueError for a trace id that is not 32 hex digits, TypeError for a value that is no number or text.
        """
        said = feedback_of(trace_id, name, value, time())
        if self._closed:
            self._health.drop_rows("after_shutdown", 1, self._closed)
        else:
            self._started().submit_feedback(said)

    def stand_aside(self) -> None:
        """Leave spans that end from now on to another exporter, until `resume()`. A trace belongs in one run."""
        self._hand_over()
        self._is_aside = True

    def resume(self) -> None:
        """Take spans that end from now on."""
        self._hand_over()
        self._is_aside = False

    def follow(self, next_run: Callable[[], "wandb.Run | None"]) -> None:
        """When somebody ends the given run, go on in the run that `next_run` returns, if any."""
        self._next_run = next_run

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write everything exported so far, unfinished traces too.

        True if that was done in time, and nothing was lost since the last time.
        """
        pipeline = self._pipeline
        done = pipeline is None or pipeline.flush(timeout_millis / 1e3)
        before, self._lost = self._lost, self._health.lost
        return done and self._lost == before

    def shutdown(self, timeout_millis: float | None = None) -> None:
        """Write everything, and close the run if it is ours. A second call does nothing."""
        limit = self._settings.exit_timeout
        self._close(limit if timeout_millis is None else min(limit, timeout_millis / 1e3))

    def _close(self, timeout: float) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = "the exporter was shut down"
            pipeline = self._pipeline
        try:
            self._is_late = not (pipeline is None or pipeline.close(timeout))
        finally:
            self._shut.set()
        if (unused := self._unused()) is not None:
            unused.close(self._health.summary())
        if not self._is_late:
            atexit.unregister(self._at_exit)
        lost = self._health.last_words()
        if lost is not None:
            log.warning("%s", lost)

    def write_before_termination(self, timeout: float) -> None:
        """Write everything and close our runs because of a SIGTERM. A span that ends later opens another run."""
        deadline = monotonic() + min(timeout, self._settings.exit_timeout)
        self._flush_all(deadline)
        pipeline = self._pipeline
        if self._closed:  # perhaps right now: a server that was told to stop may exit normally
            self._shut.wait(max(0.0, deadline - monotonic()))
        elif pipeline is not None:
            pipeline.close_runs(deadline - monotonic())

    def _started(self) -> Pipeline:
        with self._lock:
            if self._pipeline is None:
                settings = self._settings
                self._runs = RunSink(self._open_run, self._route, self._health, table_interval=settings.table_interval)
                limits = Limits(quiet=settings.quiet, idle=settings.idle, max_age=settings.max_age)
                self._pipeline = Pipeline([self._runs], self._choices, limits, health=self._health, logs=self._logs)
            return self._pipeline

    def _open_runs(self) -> Sequence[OpenRun]:
        return [] if self._runs is None else self._runs.runs

    def _open_run(self, route: Route, resource: Mapping[str, Any], number: int) -> OpenRun:
        if self._given is not None and number == 1:
            return self._given
        following = None if self._next_run is None else self._next_run()
        if following is not None:
            return self._attached(given_run(following))
        init = {**self._init, **{key: value for key, value in asdict(route).items() if value is not None}}
        return self._attached(open_run(RunOptions(init, number, self._settings.exit_timeout), resource))

    def _attached(self, run: OpenRun) -> OpenRun:
        """`run`, prepared to be written to before somebody else ends it.

        Our `atexit` callback is registered after wandb's and so runs before it: wandb's ends the process that writes.
        """
        if self._settings.journal:
            run.keep_journal(self._health.journal_failed)
        run.before_finish(self._flush_all)
        atexit.unregister(self._at_exit)
        atexit.register(self._at_exit)
        return run

    def _flush_all(self, deadline: float | None = None) -> None:
        """Write what the processors and the pipeline hold."""
        if self._closed:
            return
        deadline = deadline or monotonic() + self._settings.exit_timeout
        self._hand_over()
        self.force_flush(int(max(0.0, deadline - monotonic()) * 1e3))
        if (unused := self._unused()) is not None:
            unused.summarise(self._health.summary())

    def _unused(self) -> OpenRun | None:
        """The given run, if no trace was written to it; it is told what was left out all the same."""
        return None if self._pipeline is None or self._open_runs() else self._given

    def _hand_over(self) -> None:
        """Take the spans that processors hold back."""
        for flush in flushes_of(self):
            flush()

    def _before_exit(self) -> None:
        """Open a missing run, as in a program shorter than a batch processor's delay.

        While the interpreter runs its `atexit` callbacks, wandb cannot be imported, nor on some versions started. A
        child of `multiprocessing` runs no such callbacks: this is its end.
        """
        if self._closed:
            return
        if _is_child():
            self._at_exit()
            if (
                self._given is not None and "--multiprocessing-fork" not in sys.orig_argv
            ):  # a spawned child does not share the run
                self._given.finish()
            return
        if self._given is None and not self._open_runs():
            self._flush_all()
            keep_interrupt()

    def _at_exit(self) -> None:
        """Write everything before wandb goes. A run that is not ours stays open: its state belongs to the program."""
        deadline = monotonic() + self._settings.exit_timeout
        self._flush_all(deadline)
        self._close(deadline - monotonic())
        if "wandb" in sys.modules:
            bound_wait_for_service(self._settings.exit_timeout, is_late=self._is_late)
        TERMINATION.settle(self._settings.exit_timeout)
        keep_interrupt()

    def _after_fork(self) -> None:
        """In a forked child. The parent writes what was in hand; threads, locks and runs belong to it."""
        TERMINATION.forget()
        OPEN_SPANS.forget()
        self._lock = threading.RLock()
        self._health = Health()
        self._lost = 0
        self._shut = threading.Event()
        inherited = {self._given, *self._open_runs()}
        self._pipeline = self._runs = self._given = None
        atexit.unregister(self._at_exit)
        _register_celery(self, self._at_exit)
        for run in filter(None, inherited):
            run.abandon()
            forget_service()


def _own_prices(path: str | None) -> Mapping[str, Price] | None:
    """The prices of the file that the environment names. A file that cannot be used gives a warning."""
    if path is None:
        return None
    try:
        return read_prices(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        log.warning("%s=%s is not used: %s", PRICES_VARIABLE, path, error)
        return None


def _is_child() -> bool:
    """Whether this is a process that `multiprocessing` started."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and multiprocessing.parent_process() is not None


def _register_fork(system: Any, call: Callable[[], None]) -> None:
    if hasattr(system, "register_at_fork"):  # not on Windows
        system.register_at_fork(after_in_child=call)


def _register_celery(exporter: WandbSpanExporter, method: Callable[[], None]) -> None:
    """Write at the end of a child of Celery's prefork pool, which ends by `os._exit` after sending this signal."""
    signals: Any = sys.modules.get("celery.signals")
    if signals is not None:
        connect = partial(signals.worker_process_shutdown.connect, weak=False, dispatch_uid=id(exporter))
        _call_while_alive(lambda call: connect(lambda **_: call()), method)


def _call_while_alive(register: Callable[[Callable[[], None]], object], method: Callable[[], None]) -> None:
    """Register a bound method without keeping its object alive."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        found = reference()
        if found is not None:
            found()

    register(call)
