"""Starts calls with the telemetry in force at that moment."""

from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.context import get_current

from otel_openai_v0._base.current import has_span_above
from otel_openai_v0._calls.call import Call
from otel_openai_v0._openai.invocation import of_method, of_request
from otel_openai_v0._openai.operations import Method
from otel_openai_v0._openai.request import Arguments, bind
from otel_openai_v0._telemetry.shared import Telemetry


class Calls:
    """Starts the spans of calls. The wrappers share one object while openai is instrumented."""

    __slots__ = ("openai", "settle", "telemetry")

    def __init__(self, openai: Any, telemetry: Telemetry) -> None:
        self.openai = openai
        self.telemetry = telemetry
        """The telemetry in force; replaced as a whole."""
        self.settle: Callable[[], None] | None = None
        """Called before each call until the program has set a tracer provider."""

    def start(
        self, method: Method, positional: Sequence[str], target: Any, args: Sequence[Any], kwargs: Arguments
    ) -> Call:
        """Start the span of a call of a public method. If that fails, the call is not recorded."""
        if (settle := self.settle) is not None:  # another thread may clear it
            settle()
        telemetry = self.telemetry
        call = Call(telemetry)
        try:  # `quietly` costs more, and this is all that an unsampled call does
            context = get_current()
            if telemetry.sampling.says_no(context) and not telemetry.metrics.enabled:
                return call
            invocation = of_method(method, target, bind(positional, args, kwargs), self.openai)
            if not has_span_above(invocation.operation.name, context):
                call.start(invocation, context)
        except Exception as error:  # noqa: BLE001
            telemetry.faults.note("starting a span", error)
        return call

    def start_request(self, requestor: Any, given: Arguments) -> Call:
        """Start the span of a request that no public method has sent, from the requestor's arguments."""
        if (settle := self.settle) is not None:  # another thread may clear it
            settle()
        telemetry = self.telemetry
        call = Call(telemetry)
        with telemetry.faults.quietly("starting a span"):
            invocation = of_request(requestor, given)
            context = get_current()
            if not has_span_above(invocation.operation.name, context):
                call.start(invocation, context)
        return call
