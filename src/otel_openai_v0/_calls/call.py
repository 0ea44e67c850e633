"""One API call. Its span is started, is current while openai runs, and ends exactly once.

No fault of ours may break the user's call. No method here raises an `Exception`, and each may be called after the end.
Ctrl-C, or an exit raised by the redactor, is passed on. It leaves no open span and no attached context.
"""

from contextvars import Token
from functools import partial
from time import perf_counter, time_ns
from types import TracebackType
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import INVALID_SPAN, INVALID_SPAN_CONTEXT, Span, SpanContext, SpanKind

from otel_openai_v0._base import attributes as names
from otel_openai_v0._base.attributes import Attributes
from otel_openai_v0._base.current import CURRENT_CALL
from otel_openai_v0._base.forks import FORKS
from otel_openai_v0._calls.deferred import is_collecting, put_off
from otel_openai_v0._calls.recorder import Recorder, mark_failed
from otel_openai_v0._calls.span import CurrentSpan
from otel_openai_v0._openai.invocation import Invocation
from otel_openai_v0._telemetry.faults import Stage
from otel_openai_v0._telemetry.shared import Telemetry

_LET_GO: Final = frozenset({"closed", "abandoned"})  # values of `openai.stream.end`


class Call:
    """One call of openai, with its span.

    As a context manager it makes itself the current call and its span the current span, so that spans of HTTP clients
    become children. Enter and exit happen in one frame, never across a `yield` to the user. An exception raised inside
    ends the call.

    Other contexts, such as those of pooled connections, may refer to this object for a long time. When the call ends,
    it therefore drops the span and everything it has read.
    """

    __slots__ = (
        "_before",
        "_forks",
        "_recorder",
        "_started",
        "_stopped",
        "_telemetry",
        "_token",
        "ended",
        "span",
        "span_context",
    )

    _started: float
    _forks: int
    """`FORKS.count` of the process that made the call. Only that process ends it."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._recorder: Recorder | None = None
        self.span: Span = INVALID_SPAN
        self._before: Token[Any] | None = None
        self._token: Token[Context] | None = None
        self._stopped: tuple[float, int] | None = None
        self.ended = False
        self.span_context: SpanContext = INVALID_SPAN_CONTEXT

    def __bool__(self) -> bool:
        """Whether the call has ended; see `CURRENT_CALL`."""
        return self.ended

    def __enter__(self) -> None:
        try:
            self._before = CURRENT_CALL.set(self)
            if self.span is not INVALID_SPAN:
                current = self.span if self._recorder is None else CurrentSpan(self)
                self._token = attach(trace.set_span_in_context(current))
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                self.finish(error)
        finally:
            self._leave()

    def start(self, invocation: Invocation, context: Context) -> None:
        """Start the span in `context`, the current context, and read the request if the span or a metric needs it."""
        telemetry = self._telemetry
        attributes = invocation.start_attributes()
        span = telemetry.tracer.start_span(invocation.span_name(), context, SpanKind.CLIENT, attributes)
        self.span = span
        self._forks = FORKS.count
        self.span_context = span.get_span_context()
        if span.is_recording() or (telemetry.metrics.enabled and invocation.operation.is_model_call):
            self._started = perf_counter()
            try:
                self._recorder = Recorder(telemetry, span, invocation, attributes)
            except Exception:  # the caller counts it; the call goes on and ends its span
                raise
            except BaseException as error:
                self._note_interruption(error)
                self.finish()
                raise

    @property
    def is_recorded(self) -> bool:
        """Whether the span or the metrics need the result."""
        return self._recorder is not None

    def read_status(self, response: Any) -> None:
        """Note the status of an HTTP response. openai may raise an error for it later."""
        recorder = self._recorder
        if recorder is not None:
            recorder.read_status(response)

    def finish(self, error: BaseException | None = None, response: Any = None, more: Attributes | None = None) -> None:
        """End the span with `error`, with `response` and the attributes `more`, or with both. The first end counts.

        `response` is read only if `more` is given. A forked child writes nothing, because the parent ends the call.
        """
        if self.ended:
            return
        self.ended = True
        if self._recorder is None and self.span is INVALID_SPAN:
            return
        if self._forks != FORKS.count:
            self._let_go()
            return
        collecting = is_collecting()
        if collecting or (collecting is None and _was_let_go(error, more)):
            self._stopped = perf_counter(), time_ns()
            put_off(partial(self._close, error, response, more))
        else:
            self._close(error, response, more)

    def elapsed(self) -> float:
        """Seconds from the start of the call to its end, or to now."""
        return (self._stopped[0] if self._stopped else perf_counter()) - self._started

    def chunk_dimensions(self, response: Any) -> Attributes | None:
        """The metric attributes for the time between chunks; None if metrics are off."""
        recorder = self._recorder
        return recorder.dimensions(response) if recorder is not None else None

    def chunk_came(self, seconds: float, dimensions: Attributes) -> None:
        """Record the seconds between a chunk and the previous one."""
        self._telemetry.metrics.record_chunk(seconds, dimensions)

    def quietly(self, stage: str) -> Stage:
        """See `Faults.quietly`."""
        return self._telemetry.faults.quietly(stage)

    def note(self, stage: str, error: Exception) -> None:
        """See `Faults.note`."""
        self._telemetry.faults.note(stage, error)

    def attempting(self, requestor: Any) -> None:
        """Note that `requestor` is about to send a request."""
        recorder = self._recorder  # another thread may end the call
        if recorder is not None and not self.ended:
            recorder.attempting(requestor)

    def attempted(self, requestor: Any, response: Any) -> None:
        """Note the response to a request of `requestor`."""
        recorder = self._recorder  # another thread may end the call
        if recorder is not None and not self.ended:
            recorder.attempted(requestor, response)

    def _leave(self) -> None:
        # An unfinished coroutine that is dropped is closed in another context, where there is nothing to detach.
        if self._before is not None and CURRENT_CALL.get() is self:
            if self._token is not None:
                detach(self._token)
            CURRENT_CALL.reset(self._before)
        self._before = self._token = None  # they refer to the context in which the call was made

    def _close(self, error: BaseException | None, response: Any, more: Attributes | None) -> None:
        recorder = self._recorder
        try:
            if recorder is not None:
                if more is not None:
                    recorder.read_response(response, more)
                if error is not None:
                    recorder.read_error(error)
                if recorder.emits:
                    recorder.emit(self.elapsed())
        except BaseException as interruption:
            self._note_interruption(interruption)
            raise
        finally:
            self._end()

    def _note_interruption(self, error: BaseException) -> None:
        """Mark the span as failed because Ctrl-C, or an exit raised by the redactor, interrupted the recording."""
        with self.quietly("recording an interruption"):
            mark_failed(self.span, error)

    def _end(self) -> None:
        try:
            self.span.end(self._stopped[1] if self._stopped else None)
        except Exception as fault:  # noqa: BLE001
            self.note("ending a span", fault)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._recorder, self.span = None, INVALID_SPAN


def current_call() -> Call | None:
    """The call that is being made in this context; None if there is none or it has ended."""
    call = CURRENT_CALL.get()
    return call if isinstance(call, Call) and not call.ended else None


def _was_let_go(error: BaseException | None, more: Attributes | None) -> bool:
    """Whether a garbage collection may have ended this call. Used after `uninstrument()`, when none is tracked."""
    return isinstance(error, GeneratorExit) or (more is not None and more.get(names.OPENAI_STREAM_END) in _LET_GO)
