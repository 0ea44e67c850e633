"""The life of one API call as a span: started, current while openai runs, ended once on whichever path it ends.

The user's call is sacred: no method here raises, and each may be called after the end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from types import AsyncGeneratorType, GeneratorType, MappingProxyType, TracebackType
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from otel_openai_v0 import _attributes as names
from otel_openai_v0._attributes import Attributes
from otel_openai_v0._endpoint import read_endpoint
from otel_openai_v0._errors import read_error, unread_error
from otel_openai_v0._guard import Faults, Stage
from otel_openai_v0._operations import Operation
from otel_openai_v0._request import Arguments, bind, read_model, read_parameters
from otel_openai_v0._response import output_content, read_response
from otel_openai_v0._secrets import Credentials, known_secrets, scrub
from otel_openai_v0._settings import Settings
from otel_openai_v0._stream import StreamCall, traced_async_stream, traced_stream

_NOTHING: Final[Attributes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What one `instrument()` was given, and what every call needs."""

    tracer: Tracer
    settings: Settings
    faults: Faults
    openai: Any
    environ: Mapping[str, str]

    def start(self, operation: Operation, args: Sequence[Any], kwargs: Arguments) -> "Call":
        """Start the span of a call; a fault of ours gives a call that records nothing."""
        call = Call(self, operation)
        with self.faults.quietly("starting a span"):
            call.start(bind(operation.positional, args, kwargs))
        return call


class Call(StreamCall):
    """One call. `_recording` is False for an unsampled span, for which nothing is read."""

    __slots__ = ("_credentials", "_ended", "_operation", "_recording", "_span", "_started", "_telemetry")

    def __init__(self, telemetry: Telemetry, operation: Operation) -> None:
        self._telemetry = telemetry
        self._operation = operation
        self._span: Span = INVALID_SPAN
        self._recording = False
        self._ended = False
        self._started = 0.0
        self._credentials = Credentials(None, None, None)

    def start(self, arguments: Arguments) -> None:
        """Start the span with what a sampler may ask for; read the rest only if it records."""
        operation, telemetry = self._operation, self._telemetry
        model = read_model(arguments)
        attributes: dict[str, AttributeValue] = {
            names.OPERATION_NAME: operation.name,
            **read_endpoint(arguments, telemetry.openai).attributes,
        }
        if model is not None:
            attributes[names.REQUEST_MODEL] = model
        name = operation.name if model is None else f"{operation.name} {model}"
        self._span = telemetry.tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        self._recording = self._span.is_recording()
        if self._recording:
            get = arguments.get
            self._credentials = Credentials(get("api_key"), get("headers"), telemetry.openai.api_key)
            self._read_request(arguments)
            self._started = perf_counter()

    def current(self) -> "Current":
        """The span as the current one, so that spans of HTTP clients are its children."""
        return Current(self._span)

    def returned(self, result: Any) -> Any:
        """End the span with `result`, or hand back a stream that will; the caller gets what this returns."""
        if not self._recording:
            self._end()
            return result
        with self._telemetry.faults.quietly("wrapping a stream"):
            if isinstance(result, GeneratorType):
                return traced_stream(result, self)
            if isinstance(result, AsyncGeneratorType):
                return traced_async_stream(result, self)
        self.finish(result)
        return result

    def finish(self, response: Any, more: Attributes = _NOTHING) -> None:
        """End the span of a call that came to its end, with what `response` says."""
        if self._recording and not self._ended:
            self._read_response(response, more)
        self._end()

    def failed(self, error: BaseException) -> None:
        """End the span with an error; it is read, not kept."""
        if self._recording and not self._ended:
            self._record(error)
        self._end()

    def fail(self, error: BaseException, response: Any, more: Attributes) -> None:
        """End the span of a stream that broke: what came of it stays."""
        if self._recording and not self._ended:
            self._read_response(response, more)
        self.failed(error)

    def elapsed(self) -> float:
        """Seconds since the call began."""
        return perf_counter() - self._started

    def quietly(self, stage: str) -> Stage:
        """See `Faults.quietly`."""
        return self._telemetry.faults.quietly(stage)

    def _read_request(self, arguments: Arguments) -> None:
        operation, telemetry = self._operation, self._telemetry
        found: dict[str, AttributeValue] = {names.OPENAI_API_TYPE: operation.api}
        with telemetry.faults.quietly("reading the request"):
            found.update(read_parameters(arguments))
        if telemetry.settings.capture.on_span:
            with telemetry.faults.quietly("reading the prompt"):
                found.update(operation.read_content(arguments))
        self._set(found)

    def _read_response(self, response: Any, more: Attributes) -> None:
        operation, telemetry = self._operation, self._telemetry
        found = dict(more)
        with telemetry.faults.quietly("reading the response"):
            found.update(read_response(response))
            if operation.read_extra is not None:
                found.update(operation.read_extra(response))
        if telemetry.settings.capture.on_span and operation.read_output is not None:
            with telemetry.faults.quietly("reading the completion"):
                found.update(output_content(response, operation.read_output))
        self._set(found)

    def _set(self, attributes: Attributes) -> None:
        """All at once: each call of the SDK's takes a lock and cleans."""
        with self._telemetry.faults.quietly("setting attributes"):
            self._span.set_attributes(attributes)

    def _record(self, error: BaseException) -> None:
        telemetry = self._telemetry
        details = unread_error(error)
        with telemetry.faults.quietly("reading an error"):
            secrets = known_secrets(self._credentials, telemetry.environ)
            details = read_error(error, partial(scrub, secrets=secrets))
        with telemetry.faults.quietly("recording an error"):
            self._span.set_status(Status(StatusCode.ERROR, details.message))
            self._span.set_attributes(details.attributes())
            self._span.add_event(names.EXCEPTION_EVENT, details.event())

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        with self._telemetry.faults.quietly("ending a span"):
            self._span.end()


class Current:
    """Makes a span current between enter and exit, which are in one frame: never across a `yield` to the user."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span
        self._token: Any = None

    def __enter__(self) -> None:
        if self._span is not INVALID_SPAN:
            self._token = attach(trace.set_span_in_context(self._span))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A coroutine that is thrown away unfinished is closed in another context, where there is nothing to detach.
        if self._token is not None and trace.get_current_span() is self._span:
            detach(self._token)
