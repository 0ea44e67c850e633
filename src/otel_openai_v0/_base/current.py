"""The current call of openai.

openai's methods call each other. A wrapped method that runs inside the current call adds to its span, and starts no
span of its own.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Protocol

from opentelemetry import trace
from opentelemetry.context import Context, attach, create_key, detach, get_current, get_value, set_value
from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext, format_trace_id

from otel_openai_v0._base.versions import is_instrumentation_enabled


class Switch(Protocol):
    """Whether to instrument. A program may keep a wrapped method and call it after `uninstrument()`."""

    enabled: bool


CURRENT_CALL: Final[ContextVar[Any]] = ContextVar("otel_openai_v0_call", default=True)
"""The `Call` being made in this context, or a bool. A task started inside a call may outlive it.

Truthy when a new call should get its own span: there is no current call, or it has ended. Falsy inside a call, and
inside `left_alone()`. It is a context variable of our own because setting a value in OpenTelemetry's context copies
the whole context.
"""
begins_a_call: Final[Callable[[], Any]] = CURRENT_CALL.get
"""The argument `enabled` of wrapt's wrappers. wrapt calls it from C and uses the truth of the result, so a nested call
costs little.
"""

LAST_CALL: Final[ContextVar[tuple[Switch, SpanContext] | None]] = ContextVar("otel_openai_v0_last_call", default=None)
"""The span context of the latest call in this context, and the switch of its instrumentation."""

_MAKING: Final = create_key("otel-openai-v0-making-awaitable")
# Plain keys, not made by `create_key`, of `opentelemetry-util-genai` 1.3b0 (`_inference_invocation.py` and
# `_embedding_invocation.py`). While one is set, an outer instrumentation has a span for a call of that kind.
_INFERENCE: Final = "opentelemetry.genai.client.inference.context"
_UTIL_GENAI: Final[Mapping[str, str]] = {
    "chat": _INFERENCE,
    "text_completion": _INFERENCE,
    "embeddings": "opentelemetry.genai.client.embedding.context",
}


def current_trace_id() -> str | None:
    """Return the trace id of the current span, else of the latest call of openai in this context: 32 hex digits.

    It is available during a call, after it, and while its stream is read. Without a sampled current span it is None
    before the first call, after a call that was suppressed or not sampled, and after `uninstrument()`. Each task and
    thread has its own latest call.

    A worker thread may serve many requests without a span around each. If a request makes no call, for example because
    its answer came from a cache, the latest call is that of an earlier request. To prevent this, put a `call_context`
    around each request. Inside it and after it, only calls made since it began count.
    """
    current, last = trace.get_current_span().get_span_context(), _last_call()
    if current.is_valid and not current.trace_flags.sampled and last.trace_id != current.trace_id:
        return None  # the latest call belongs to another request
    found = current if current.is_valid and current.trace_flags.sampled else last
    return format_trace_id(found.trace_id) if found.trace_flags.sampled else None


def _last_call() -> SpanContext:
    last = LAST_CALL.get()
    if last is None:
        return INVALID_SPAN_CONTEXT
    switch, span_context = last
    return span_context if switch.enabled else INVALID_SPAN_CONTEXT


def is_suppressed() -> bool:
    """Whether instrumentation is suppressed in this context."""
    # An empty context cannot suppress anything, and most programs call openai in one.
    return bool(get_current()) and not is_instrumentation_enabled()


def has_span_above(operation: str, context: Context) -> bool:
    """Whether another instrumentation already has a span for this call."""
    return bool(context) and _UTIL_GENAI.get(operation, "") in context


@contextmanager
def left_alone() -> Iterator[None]:
    """Start no span for calls of openai inside, while we run a function of the program such as its redactor."""
    before = CURRENT_CALL.set(False)
    try:
        yield
    finally:
        CURRENT_CALL.reset(before)


@contextmanager
def making_awaitable() -> Iterator[None]:
    """Mark that one of openai's plain functions is creating an awaitable, and may call its base to do so."""
    token = attach(set_value(_MAKING, value=True))
    try:
        yield
    finally:
        detach(token)


def is_making_awaitable() -> bool:
    """Whether the method called now is the base of another wrapped method."""
    return get_value(_MAKING) is not None
