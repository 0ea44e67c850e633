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
    """Starts calls. The wrappers hold one while openai is instrumented."""

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
        """Start the span of a public method's call. After a fault of ours the call records nothing."""
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
        """Start the span of a request without a public method behind it, from the requestor's arguments."""
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
