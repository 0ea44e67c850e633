"""Collects what is known about a call and writes it to its span, the metrics and the events."""

from functools import partial
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from otel_openai_v0._base import attributes as names
from otel_openai_v0._base.attributes import Attributes
from otel_openai_v0._calls.context import context_attributes
from otel_openai_v0._content.message import Content
from otel_openai_v0._content.secrets import known_secrets, scrub
from otel_openai_v0._openai.errors import ErrorDetails, read_error, unread_error
from otel_openai_v0._openai.headers import FIRST_ERROR, read_transport, status_of
from otel_openai_v0._openai.invocation import Invocation
from otel_openai_v0._openai.request import read_parameters
from otel_openai_v0._openai.response import payload, read_response
from otel_openai_v0._telemetry.shared import Telemetry

_MOST_RETRY_EVENTS: Final = 10
_TRY_AGAIN: Final = 409
# In the order of the fields of `Content`.
_CONTENT: Final = (
    ("input", names.INPUT_MESSAGES),
    ("instructions", names.SYSTEM_INSTRUCTIONS),
    ("tools", names.TOOL_DEFINITIONS),
)


class Recorder:
    """Reads requests, responses and errors, and sets their attributes in batches.

    The SDK takes a lock and cleans its input each time, so attributes are set in batches. No method raises. If the span
    does not record, only the attributes of the metrics are read. Methods that run for every call catch exceptions
    themselves, because `quietly` costs a third of a microsecond each time.
    """

    __slots__ = (
        "_attempts",
        "_content",
        "_credentials",
        "_emits_event",
        "_measured",
        "_operation",
        "_pending",
        "_recording",
        "_seen",
        "_sent_key",
        "_span",
        "_telemetry",
        "_transport",
        "emits",
    )

    emits: bool
    """Whether `emit` has anything to do."""
    _transport: dict[str, AttributeValue]
    """Attributes from the HTTP side of the latest response."""
    _credentials: tuple[Any, Any, Any]
    """The arguments `api_key` and `headers`, and the module's key at the time of the call."""
    _pending: dict[str, AttributeValue]
    """Attributes to be set with the next batch."""
    _content: dict[str, AttributeValue]
    """Attributes with prompts and completions, for the span and the event."""
    _seen: dict[str, AttributeValue]
    """All attributes of the span, for metrics and events."""

    def __init__(
        self, telemetry: Telemetry, span: Span, invocation: Invocation, started: dict[str, AttributeValue]
    ) -> None:
        """`started` holds the attributes that the span was started with."""
        self._telemetry = telemetry
        self._span = span
        self._operation = operation = invocation.operation
        self._transport, self._pending, self._content, self._seen = {}, {}, {}, started
        self._attempts = 0
        self._sent_key: Any = None
        self._measured = operation.is_model_call and telemetry.metrics.enabled
        self._recording = span.is_recording()
        self._emits_event = self._recording and operation.is_model_call and telemetry.settings.emit_event
        self.emits = self._measured or self._emits_event
        if self._recording:
            get = invocation.arguments.get
            self._credentials = get("api_key"), get("headers"), invocation.module_key
            self._read_request(invocation)

    def attempting(self, requestor: Any) -> None:
        """Note that a request is about to be sent. After a status 409 it is a retry of openai's."""
        if not self._recording:
            return
        self._sent_key = getattr(requestor, "api_key", None)
        # One call may send several requests: it polls (Azure's images, `wait_for_processing`), or lists and then reads.
        tries_again = self._transport.get(names.HTTP_RESPONSE_STATUS_CODE) == _TRY_AGAIN
        self._attempts = self._attempts + 1 if tries_again else 1
        self._transport = {}
        if self._attempts > 1:
            self._pending[names.OPENAI_REQUEST_ATTEMPTS] = self._attempts
            if self._attempts <= _MOST_RETRY_EVENTS + 1:
                with self._telemetry.faults.quietly("noting an attempt"):
                    self._span.add_event(names.OPENAI_RETRY_EVENT, {names.OPENAI_REQUEST_ATTEMPTS: self._attempts})

    def attempted(self, requestor: Any, response: Any) -> None:
        """Note the response to a request."""
        if self._recording:
            with self._telemetry.faults.quietly("reading the response's headers"):
                self._transport = read_transport(requestor, response)

    def read_status(self, response: Any) -> None:
        """Note the status of an HTTP response. openai may raise an error for it later."""
        with self._telemetry.faults.quietly("reading a status"):
            status = status_of(response)
            if status is not None and status >= FIRST_ERROR:
                self._pending[names.ERROR_TYPE] = str(status)
                self._span.set_status(Status(StatusCode.ERROR, f"HTTP {status}"))

    def read_response(self, response: Any, more: Attributes) -> None:
        """Read `response`, and set its attributes and `more`."""
        operation, telemetry = self._operation, self._telemetry
        found = dict(more)
        try:
            response = payload(response)
            if operation.is_model_call:
                found.update(read_response(response))
            found.update(operation.read_extra(response))
        except Exception as error:  # noqa: BLE001
            telemetry.faults.note("reading the response", error)
        if self._recording and telemetry.settings.capture.anywhere:
            try:
                text = telemetry.content.write("output", operation.read_output(response))
                if text is not None:
                    self._content[names.OUTPUT_MESSAGES] = text
            except Exception as error:  # noqa: BLE001
                telemetry.faults.note("reading the completion", error)
        self._set(found)

    def read_error(self, error: BaseException) -> None:
        """Read an exception and set its attributes. The exception is not kept."""
        details = unread_error(error)
        if self._recording:
            with self._telemetry.faults.quietly("reading an error"):
                details = self._details(error)
        self._set(details.attributes())
        with self._telemetry.faults.quietly("recording an error"):
            self._span.set_status(Status(StatusCode.ERROR, details.description()))
            self._span.add_event(names.EXCEPTION_EVENT, details.event())

    def emit(self, elapsed: float) -> None:
        """Record the metrics and emit the event of a call that took `elapsed` seconds."""
        telemetry = self._telemetry
        if self._measured:
            with telemetry.faults.quietly("recording metrics"):
                telemetry.metrics.record(self._seen, elapsed, trace.set_span_in_context(self._span))
        if self._emits_event:
            with telemetry.faults.quietly("emitting an event"):
                said = self._content if telemetry.settings.capture.on_event else {}
                telemetry.events.emit({**self._seen, **said}, trace.set_span_in_context(self._span))

    def dimensions(self, response: Any) -> Attributes | None:
        """The metric attributes known from `response` so far; None if metrics are off."""
        if not self._measured:
            return None
        seen = dict(self._seen)
        with self._telemetry.faults.quietly("reading the response"):
            seen.update(read_response(response))
        return self._telemetry.metrics.dimensions(seen)

    def _read_request(self, invocation: Invocation) -> None:
        operation, telemetry, arguments = self._operation, self._telemetry, invocation.arguments
        found: dict[str, AttributeValue] = {names.OPENAI_API_TYPE: operation.api}
        try:
            if operation.is_model_call:
                found.update(read_parameters(arguments))
            found.update(operation.read_request(arguments))
        except Exception as error:  # noqa: BLE001
            telemetry.faults.note("reading the request", error)
        quoting = {} if names.MAY_QUOTE.isdisjoint(found) else _taken_out(found, names.MAY_QUOTE)
        self._read_context(found)
        if telemetry.settings.capture.anywhere:
            try:
                if quoting:
                    self._content.update(telemetry.content.attributes(quoting))
                    if names.USER_ID in found:  # from `call_context`, which is for telemetry; the argument need not be
                        self._content.pop(names.USER_ID, None)
            except Exception as error:  # noqa: BLE001
                telemetry.faults.note("reading the request's words", error)
            try:
                self._write(operation.read_content(arguments))
            except Exception as error:  # noqa: BLE001
                telemetry.faults.note("reading the prompt", error)
        self._pending = found

    def _read_context(self, found: dict[str, AttributeValue]) -> None:
        """Add the attributes of the call's context; those read from the call itself win."""
        telemetry = self._telemetry
        try:
            for name, value in context_attributes(telemetry.settings.baggage_keys).items():
                if name not in self._seen:  # the span was started with these
                    found.setdefault(name, value)
        except Exception as error:  # noqa: BLE001
            telemetry.faults.note("reading the context", error)

    def _write(self, content: Content) -> None:
        for items, (kind, name) in zip(content, _CONTENT, strict=True):
            if items and (text := self._telemetry.content.write(kind, items)) is not None:
                self._content[name] = text

    def _details(self, error: BaseException) -> ErrorDetails:
        """The details of an error that may be recorded. The message may quote the prompt."""
        telemetry = self._telemetry
        secrets = known_secrets((self._sent_key, *self._credentials), telemetry.environ)
        read = read_error(error, partial(scrub, secrets=secrets))
        if not telemetry.settings.capture.on_span:
            return read.without_text()
        with telemetry.faults.quietly("redacting an error"):
            said = telemetry.content.error(read.message)
            return read if said is None else read.saying(said)
        return read.without_text()

    def _set(self, attributes: Attributes) -> None:
        """Set `attributes` and the pending ones."""
        pending, self._pending = self._pending, {}
        pending.update(self._transport)
        pending.update(attributes)
        if self.emits:
            self._seen.update(pending)
        if self._recording:
            if self._content and self._telemetry.settings.capture.on_span:
                pending.update(self._content)
            try:
                self._span.set_attributes(pending)
            except Exception as error:  # noqa: BLE001
                self._telemetry.faults.note("setting attributes", error)


def mark_failed(span: Span, error: BaseException) -> None:
    """Mark the span as failed, with the type of `error` only."""
    details = unread_error(error)
    span.set_attributes(details.attributes())
    span.set_status(Status(StatusCode.ERROR, details.description()))


def _taken_out(found: dict[str, AttributeValue], wanted: frozenset[str]) -> Attributes:
    return {name: found.pop(name) for name in wanted & found.keys()}
