"""What one `instrument()` was given, and how a call starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import get_current
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Tracer

from otel_openai_v0._call import Call
from otel_openai_v0._content import ContentWriter
from otel_openai_v0._current import LAST_CALL, has_span_above
from otel_openai_v0._events import Events
from otel_openai_v0._guard import Faults
from otel_openai_v0._invocation import of_method, of_request
from otel_openai_v0._metrics import Metrics
from otel_openai_v0._operations import Method
from otel_openai_v0._request import Arguments, bind
from otel_openai_v0._sampling import Sampling
from otel_openai_v0._settings import Settings


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Everything that a call needs, and shares with the others."""

    tracer: Tracer
    sampling: Sampling
    metrics: Metrics
    events: Events
    settings: Settings
    content: ContentWriter
    faults: Faults
    openai: Any
    environ: Mapping[str, str]

    def start(
        self, method: Method, positional: Sequence[str], target: Any, args: Sequence[Any], kwargs: Arguments
    ) -> Call:
        """Start the span of a method's call; a fault of ours gives a call that records nothing."""
        call = Call(self)
        try:  # as `quietly` does it, which costs more: all that an unsampled call does is here
            context = get_current()
            if self.sampling.says_no(context) and not self.metrics.enabled:
                LAST_CALL.set(INVALID_SPAN_CONTEXT)
                return call
            invocation = of_method(method, target, bind(positional, args, kwargs), self.openai)
            if not has_span_above(invocation.operation.name, context):
                call.start(invocation)
        except Exception as error:  # noqa: BLE001
            self.faults.note("starting a span", error)
        return call

    def start_request(self, requestor: Any, given: Arguments) -> Call:
        """Start the span of a request that no call of a method is behind, from the arguments of the requestor."""
        call = Call(self)
        with self.faults.quietly("starting a span"):
            invocation = of_request(requestor, given)
            if not has_span_above(invocation.operation.name, get_current()):
                call.start(invocation)
        return call
