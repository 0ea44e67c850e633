"""The span exporter: takes finished spans in microseconds, and leaves the rest to its pipeline."""

import atexit
import concurrent.futures.thread  # noqa: F401  # cannot be imported any more by the time an exit starts wandb
import contextlib
import os
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_wandb._losses import Losses
from otel_wandb._pipeline import Pipeline
from otel_wandb._run import OpenRun, RunOptions, given_run, open_run
from otel_wandb._settings import read_settings

if TYPE_CHECKING:
    import wandb

_MOST_FRAMES: Final = 10  # between the processor that exports and us


class WandbSpanExporter(SpanExporter):
    """Writes traces to a W&B run: timelines under `trace`, one row a call in the table `stats`, and `usage/*`.

    `run` is a run to write to, which stays the caller's to finish. Without it the exporter makes one of its own when
    the first trace is finished, with `project`, `entity` and anything else that `wandb.init` takes; `wandb` reads what
    is left out from its own environment (`WANDB_PROJECT`, `WANDB_MODE`, ...). Nothing is imported or opened before.

    `export()` hands over and returns. An exit writes everything that ended, within `OTEL_WANDB_EXIT_TIMEOUT` seconds.
    """

    def __init__(
        self, *, project: str | None = None, entity: str | None = None, run: "wandb.Run | None" = None, **init: Any
    ) -> None:
        given = {
            key: value for key, value in {"project": project, "entity": entity, **init}.items() if value is not None
        }
        if run is not None and given:
            raise TypeError(f"a run is made already: {', '.join(given)} cannot be given with it")
        self._settings = read_settings(os.environ)
        self._init: Mapping[str, Any] = given
        self._losses = Losses()
        self._lock = threading.RLock()
        self._pipeline: Pipeline | None = None
        self._processor: weakref.ref[Any] | None = None
        self._closed: str | None = None  # why, for the warning about a span that comes after
        self._run = None if run is None else self._attached(given_run(run))
        _call_while_alive(partial(_register_fork, os), self._after_fork)
        # Private, and used by concurrent.futures from 3.9 to 3.14: the last moment at which threads can be started.
        register = getattr(threading, "_register_atexit", None)
        if register is not None:
            with contextlib.suppress(RuntimeError):  # the interpreter is already on its way out
                _call_while_alive(register, self._before_exit)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand `spans` over to the pipeline; FAILURE after a shutdown, or when too many are waiting."""
        if self._closed:
            self._losses.drop("after_shutdown", len(spans), self._closed)
            return SpanExportResult.FAILURE
        if self._processor is None:
            self._processor = _calling_processor(sys._getframe(1))  # noqa: SLF001
        try:
            pipeline = self._started()
        except RuntimeError as error:  # "can't create new thread": Python 3.12.0 and 3.12.1, once the program ends
            self._losses.drop("no_thread", len(spans), f"{error}; flush before the end, or use another Python")
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS if pipeline.submit(spans) else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write everything exported so far, unfinished traces too; True if that was done in time."""
        pipeline = self._pipeline
        return True if pipeline is None else pipeline.flush(timeout_millis / 1e3)

    def shutdown(self, timeout_millis: float | None = None) -> None:
        """Write everything, and close the run if it is ours; the second call does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = "the exporter was shut down"
            pipeline = self._pipeline
        atexit.unregister(self._at_exit)
        limit = self._settings.exit_timeout
        if pipeline is not None:
            pipeline.close(limit if timeout_millis is None else min(limit, timeout_millis / 1e3))

    def _started(self) -> Pipeline:
        with self._lock:
            if self._pipeline is None:
                self._pipeline = Pipeline(self._open_run, self._settings, self._losses)
            return self._pipeline

    def _open_run(self, resource: Mapping[str, Any]) -> OpenRun:
        if self._run is None:
            self._run = self._attached(open_run(RunOptions(self._init, self._settings.exit_timeout), resource))
        return self._run

    def _attached(self, run: OpenRun) -> OpenRun:
        """`run`, with everything written to it before somebody else ends it.

        Registered after wandb's own hook and so called before it: that one takes down the process that writes.
        """
        run.before_finish(self._flush_all)
        atexit.register(self._at_exit)
        return run

    def _flush_all(self) -> None:
        """What the processor still holds, and what we do."""
        if self._closed:
            return
        deadline = monotonic() + self._settings.exit_timeout
        processor = None if self._processor is None else self._processor()
        if processor is not None:
            processor.force_flush()
        self.force_flush(int(max(0.0, deadline - monotonic()) * 1e3))

    def _before_exit(self) -> None:
        """Open a run that is still missing, as in a program shorter than a batch processor's delay.

        While the interpreter runs its `atexit` callbacks, wandb cannot be imported nor, on some versions, started.
        """
        if self._closed or self._run is not None:
            return
        if self._processor is None:
            provider: Any = trace.get_tracer_provider()
            if hasattr(provider, "force_flush"):
                provider.force_flush()
        self._flush_all()

    def _at_exit(self) -> None:
        """Write everything before wandb goes. A run that is not ours is left open: its state is the program's."""
        self._flush_all()
        self.shutdown()

    def _after_fork(self) -> None:
        """In a child: the parent writes what was in hand; threads, locks and the run are the parent's."""
        self._lock = threading.RLock()
        self._losses = Losses()
        self._pipeline = None
        if self._run is None:
            return
        atexit.unregister(self._at_exit)
        self._run.abandon()
        if self._run.owned:
            os.environ.pop("WANDB_SERVICE", None)  # the parent's: our next run would be written through it
            self._run = None
        else:
            self._closed = "the run belongs to the parent process"


def _register_fork(system: Any, call: Callable[[], None]) -> None:
    if hasattr(system, "register_at_fork"):  # not on Windows
        system.register_at_fork(after_in_child=call)


def _call_while_alive(register: Callable[[Callable[[], None]], object], method: Callable[[], None]) -> None:
    """Register a bound method without keeping its object alive."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        found = reference()
        if found is not None:
            found()

    register(call)


def _calling_processor(frame: FrameType | None) -> "weakref.ref[Any] | None":
    """The span processor that exports through us, however many exporters are in between.

    An exporter has no handle on it, and at exit what it still holds has to be asked for before wandb goes.
    """
    for _ in range(_MOST_FRAMES):
        if frame is None:
            return None
        caller = frame.f_locals.get("self")
        if hasattr(caller, "force_flush") and not isinstance(caller, SpanExporter):
            return weakref.ref(caller)
        frame = frame.f_back
    return None
