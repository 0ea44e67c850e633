"""The call that openai is working on, in OpenTelemetry's context, and the span that is current meanwhile.

Openai's methods call each other: what is wrapped below a call that is current adds to it and makes no span of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry import trace
from opentelemetry.context import attach, create_key, detach, get_current, get_value, set_value
from opentelemetry.trace import INVALID_SPAN, Span

if TYPE_CHECKING:
    from otel_openai_v0._call import Call

_CALL: Final = create_key("otel-openai-v0-call")
_MAKING: Final = create_key("otel-openai-v0-making-awaitable")
# A plain key, not made by `create_key`: `opentelemetry-util-genai` 1.3b0, `_inference_invocation.py`. While it is set,
# an instrumentation above us has a span for this very call of the model.
_UTIL_GENAI_INFERENCE: Final = "opentelemetry.genai.client.inference.context"


def current_call() -> "Call | None":
    """The call that is being made in this context; a task that was started inside one may outlive it."""
    call = cast("Call | None", get_value(_CALL))  # only `Current` sets it
    return None if call is None or call.ended else call


def is_left_alone() -> bool:
    """Whether what is called now is part of a call that has its span already, ours or another instrumentation's."""
    context = get_current()
    call = cast("Call | None", context.get(_CALL))
    return (call is not None and not call.ended) or context.get(_UTIL_GENAI_INFERENCE) is not None


@contextmanager
def making_awaitable() -> Iterator[None]:
    """While a plain function of openai's makes what is to be awaited, and calls its base to do so."""
    token = attach(set_value(_MAKING, value=True))
    try:
        yield
    finally:
        detach(token)


def is_making_awaitable() -> bool:
    """Whether the method that is called now is the base of one that is wrapped as well."""
    return get_value(_MAKING) is not None


class Current:
    """Makes a call current between enter and exit, which are in one frame: never across a `yield` to the user."""

    __slots__ = ("_call", "_span", "_token")

    def __init__(self, call: "Call", span: Span) -> None:
        self._call = call
        self._span = span
        self._token: Any = None

    def __enter__(self) -> None:
        context = set_value(_CALL, self._call)
        if self._span is not INVALID_SPAN:
            context = trace.set_span_in_context(self._span, context)
        self._token = attach(context)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # A coroutine that is thrown away unfinished is closed in another context, where there is nothing to detach.
        if get_value(_CALL) is self._call:
            detach(self._token)
