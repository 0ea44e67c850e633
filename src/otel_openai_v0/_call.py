"""The life of one API call as a span: started, current while openai runs, ended once on whichever path it ends.

The user's call is sacred: no method here raises, and each may be called after the end.
"""

from collections.abc import Callable
from functools import partial
from time import perf_counter, time_ns
from types import AsyncGeneratorType, GeneratorType, TracebackType
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from otel_openai_v0 import _attributes as names
from otel_openai_v0._attributes import Attributes
from otel_openai_v0._content import Content
from otel_openai_v0._context import context_attributes
from otel_openai_v0._current import CURRENT_CALL, LAST_CALL
from otel_openai_v0._errors import read_error, unread_error
from otel_openai_v0._garbage import is_collecting, put_off
from otel_openai_v0._guard import Stage
from otel_openai_v0._invocation import Invocation
from otel_openai_v0._operations import Operation
from otel_openai_v0._request import read_parameters
from otel_openai_v0._response import payload, read_response
from otel_openai_v0._secrets import Credentials, known_secrets, scrub
from otel_openai_v0._stream import StreamCall, traced_async_stream, traced_stream
from otel_openai_v0._transport import FIRST_ERROR, OF_A_RESPONSE, read_transport

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context

    from otel_openai_v0._telemetry import Telemetry

_MOST_RETRY_EVENTS: Final = 10
_TRY_AGAIN: Final = 409


class Call(StreamCall):
    """One call. Nothing is read for a span that does not record, unless somebody measures.

    As a context manager it is the current call, with its span as the current one, so that spans of HTTP clients are its
    children. Enter and exit are in one frame, never across a `yield` to the user; what is raised in between ends it.
    """

    __slots__ = (
        "_attempts",
        "_before",
        "_credentials",
        "_measured",
        "_observing",
        "_operation",
        "_pending",
        "_said",
        "_seen",
        "_span",
        "_started",
        "_stopped",
        "_telemetry",
        "_token",
        "_told",
        "ended",
        "recording",
    )

    _attempts: int
    _credentials: Credentials
    _measured: bool
    """Whether metrics are recorded of the call."""
    _operation: Operation
    _pending: dict[str, AttributeValue]
    """To be set with the next attributes."""
    _said: dict[str, AttributeValue]
    """Content, for events."""
    _seen: dict[str, AttributeValue]
    """All that the span carries, for metrics and events."""
    _started: float
    _told: bool
    """Whether an event is emitted of the call, if its span records."""

    def __init__(self, telemetry: "Telemetry") -> None:
        self._telemetry = telemetry
        self._span: Span = INVALID_SPAN
        self._before: Token[Call | bool] | None = None
        self._token: Token[Context] | None = None
        self._stopped: tuple[float, int] | None = None
        self.recording = False
        self._observing = False
        self.ended = False

    def __bool__(self) -> bool:
        """See `CURRENT_CALL`."""
        return self.ended

    def __enter__(self) -> None:
        self._before = CURRENT_CALL.set(self)
        if self._span is not INVALID_SPAN:
            self._token = attach(trace.set_span_in_context(self._span))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.failed(error)
        # A coroutine that is thrown away unfinished is closed in another context, where there is nothing to detach.
        if self._before is not None and CURRENT_CALL.get() is self:
            if self._token is not None:
                detach(self._token)
            CURRENT_CALL.reset(self._before)

    def start(self, invocation: Invocation) -> None:
        """Start the span with what a sampler may ask for; read the rest only if it records."""
        telemetry = self._telemetry
        attributes = invocation.start_attributes()
        span = telemetry.tracer.start_span(invocation.span_name(), None, SpanKind.CLIENT, attributes)
        self._span = span
        recording = span.is_recording()
        LAST_CALL.set(span.get_span_context() if recording else None)
        operation = invocation.operation
        self._measured = operation.is_model_call and telemetry.metrics.enabled
        if not recording and not self._measured:
            return
        self._operation = operation
        self._told = operation.is_model_call and telemetry.settings.emit_event
        self._seen, self._pending, self._said = attributes, {}, {}
        self._attempts = 0
        self._started = perf_counter()
        self._observing = True
        if recording:
            self.recording = True
            get = invocation.arguments.get
            self._credentials = get("api_key"), get("headers"), invocation.module_key
            self._read_request(invocation)

    def returned(self, result: Any) -> Any:
        """End the span with `result`, or hand back a stream that will; the caller gets what this returns."""
        if not self._observing:
            if self._span is INVALID_SPAN:
                self.ended = True
            else:
                self.finish(result, {})
            return result
        if isinstance(result, GeneratorType):
            with self.quietly("wrapping a stream"):
                return traced_stream(result, self)
        elif isinstance(result, AsyncGeneratorType):
            with self.quietly("wrapping a stream"):
                return traced_async_stream(result, self)
        self.finish(result, {})
        return result

    def returned_raw(self, response: Any) -> Any:
        """The same of a response of HTTP, for which nobody has raised anything yet."""
        status = self._pending.get(names.HTTP_RESPONSE_STATUS_CODE) if self.recording else None
        if isinstance(status, int) and status >= FIRST_ERROR:
            self._pending[names.ERROR_TYPE] = str(status)
            with self.quietly("recording an error"):
                self._span.set_status(Status(StatusCode.ERROR))
        return self.returned(response)

    def finish(self, response: Any, more: Attributes) -> None:
        """End the span of a call that came to its end, with what `response` says."""
        self._end(self._read_response, response, more)

    def failed(self, error: BaseException) -> None:
        """End the span with an error; it is read, not kept."""
        self._end(self._record, error)

    def fail(self, error: BaseException, response: Any, more: Attributes) -> None:
        """End the span of a stream that broke: what came of it stays."""
        self._end(self._record_break, error, response, more)

    def elapsed(self) -> float:
        """Seconds since the call began, until it ended."""
        return (self._stopped[0] if self._stopped else perf_counter()) - self._started

    def chunk_dimensions(self) -> Attributes | None:
        """What the time between chunks is measured with, or None where nobody measures."""
        return self._telemetry.metrics.dimensions(self._seen) if self._measured else None

    def chunk_came(self, seconds: float, dimensions: Attributes) -> None:
        """Measure the time since the chunk before."""
        self._telemetry.metrics.record_chunk(seconds, dimensions)

    def quietly(self, stage: str) -> Stage:
        """See `Faults.quietly`."""
        return self._telemetry.faults.quietly(stage)

    def lost(self, stage: str, error: Exception) -> None:
        """See `Faults.note`."""
        self._telemetry.faults.note(stage, error)

    def attempting(self) -> None:
        """Note a request that is about to be sent: openai tries again, without a pause, while the server says 409."""
        if not self.recording or self.ended:
            return
        # Some calls are several requests: they poll (Azure's images, `wait_for_processing`), or list and look.
        tries_again = self._pending.get(names.HTTP_RESPONSE_STATUS_CODE) == _TRY_AGAIN
        self._attempts = self._attempts + 1 if tries_again else 1
        for name in OF_A_RESPONSE & self._pending.keys():
            del self._pending[name]
        if self._attempts > 1:
            self._pending[names.OPENAI_REQUEST_ATTEMPTS] = self._attempts
            if self._attempts <= _MOST_RETRY_EVENTS + 1:
                with self.quietly("noting an attempt"):
                    self._span.add_event(names.OPENAI_RETRY_EVENT, {names.OPENAI_REQUEST_ATTEMPTS: self._attempts})

    def attempted(self, requestor: Any, response: Any) -> None:
        """Note a request that was answered."""
        if self.recording and not self.ended:
            with self.quietly("reading the response's headers"):
                self._pending.update(read_transport(requestor, response))

    # What every call comes through catches by itself: as `quietly` does it, which costs a third of a microsecond each.

    def _read_request(self, invocation: Invocation) -> None:
        operation, telemetry, arguments = self._operation, self._telemetry, invocation.arguments
        found: dict[str, AttributeValue] = {names.OPENAI_API_TYPE: operation.api}
        try:
            if operation.is_model_call:
                found.update(read_parameters(arguments))
            found.update(operation.read_request(arguments))
        except Exception as error:  # noqa: BLE001
            self.lost("reading the request", error)
        quoting = {} if names.MAY_QUOTE.isdisjoint(found) else _taken_out(found, names.MAY_QUOTE)
        try:
            found.update(context_attributes(telemetry.settings.baggage_keys))
        except Exception as error:  # noqa: BLE001
            self.lost("reading the context", error)
        if telemetry.settings.capture.anywhere:
            try:
                if quoting:
                    quoting = telemetry.content.attributes(quoting)
                    self._said.update({name: value for name, value in quoting.items() if name not in found})
            except Exception as error:  # noqa: BLE001
                self.lost("reading the request's words", error)
            try:
                self._write(operation.read_content(arguments))
            except Exception as error:  # noqa: BLE001
                self.lost("reading the prompt", error)
        self._pending = found

    def _read_response(self, response: Any, more: Attributes) -> None:
        operation, telemetry = self._operation, self._telemetry
        found = dict(more)
        try:
            response = payload(response)
            if operation.is_model_call:
                found.update(read_response(response))
            found.update(operation.read_extra(response))
        except Exception as error:  # noqa: BLE001
            self.lost("reading the response", error)
        if self.recording and telemetry.settings.capture.anywhere:
            try:
                text = telemetry.content.write("output", operation.read_output(response))
                if text is not None:
                    self._said[names.OUTPUT_MESSAGES] = text
            except Exception as error:  # noqa: BLE001
                self.lost("reading the completion", error)
        self._set(found)

    def _write(self, content: Content) -> None:
        for kind, name, items in (
            ("input", names.INPUT_MESSAGES, content.messages),
            ("instructions", names.SYSTEM_INSTRUCTIONS, content.instructions),
            ("tools", names.TOOL_DEFINITIONS, content.tools),
        ):
            text = self._telemetry.content.write(kind, items) if items else None
            if text is not None:
                self._said[name] = text

    def _set(self, attributes: Attributes) -> None:
        """Keep `attributes`, and set all there is at once: each call of the SDK's takes a lock and cleans."""
        pending, self._pending = self._pending, {}
        pending.update(attributes)
        if self._measured or self._told:
            self._seen.update(pending)
        if self.recording:
            if self._said and self._telemetry.settings.capture.on_span:
                pending.update(self._said)
            try:
                self._span.set_attributes(pending)
            except Exception as error:  # noqa: BLE001
                self.lost("setting attributes", error)

    def _record(self, error: BaseException) -> None:
        telemetry = self._telemetry
        details = unread_error(error)
        if self.recording:
            with telemetry.faults.quietly("reading an error"):
                secrets = known_secrets(self._credentials, telemetry.environ)
                read = read_error(error, partial(scrub, secrets=secrets))
                details = read.without_text()  # what the API says may quote the prompt
                if telemetry.settings.capture.on_span:
                    redacts = telemetry.content.redact is not None
                    details = read.saying(telemetry.content.error(read.message)) if redacts else read
        self._set(details.attributes())
        with telemetry.faults.quietly("recording an error"):
            self._span.set_status(Status(StatusCode.ERROR, details.message))
            self._span.add_event(names.EXCEPTION_EVENT, details.event())

    def _record_break(self, error: BaseException, response: Any, more: Attributes) -> None:
        self._read_response(response, more)
        self._record(error)

    def _event_attributes(self) -> Attributes:
        return {**self._seen, **self._said} if self._telemetry.settings.capture.on_event else self._seen

    def _end(self, read: Callable[..., None], *given: Any) -> None:
        """End the span once; `read(*given)` sets its last attributes."""
        if self.ended:
            return
        self.ended = True
        if is_collecting():
            self._stopped = perf_counter(), time_ns()
            put_off(partial(self._close, read, *given))
        else:
            self._close(read, *given)

    def _close(self, read: Callable[..., None], *given: Any) -> None:
        if self._observing:
            read(*given)
            self._tell()
        try:
            self._span.end(self._stopped[1] if self._stopped else None)
        except Exception as error:  # noqa: BLE001
            self.lost("ending a span", error)

    def _tell(self) -> None:
        """What metrics and events say of the call."""
        telemetry = self._telemetry
        if self._measured:
            with self.quietly("recording metrics"):
                telemetry.metrics.record(self._seen, self.elapsed(), trace.set_span_in_context(self._span))
        if self._told and self.recording:
            with self.quietly("emitting an event"):
                telemetry.events.emit(self._event_attributes(), trace.set_span_in_context(self._span))


def _taken_out(found: dict[str, AttributeValue], wanted: frozenset[str]) -> Attributes:
    return {name: found.pop(name) for name in wanted & found.keys()}
