"""The call that openai is working on, as the calls below it see it.

Openai's methods call each other: what is wrapped below a call that is current adds to it and makes no span of its own.
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
    """Whether to instrument: a method that somebody took hold of stays wrapped after `uninstrument()`."""

    enabled: bool


CURRENT_CALL: Final[ContextVar[Any]] = ContextVar("otel_openai_v0_call", default=True)
"""The `Call` that is being made in this context, or a bool. A task that was started inside a call may outlive it.

Truthy when a new call gets a span of its own: there is no current call, or it has ended. Falsy below a call, and where
calls are left alone. A context variable of our own: a value in OpenTelemetry's context costs a copy of that.
"""
begins_a_call: Final[Callable[[], Any]] = CURRENT_CALL.get
"""`enabled` of wrapt's wrappers, which asks for the truth of what this returns, in C: a nested call costs little."""

LAST_CALL: Final[ContextVar[tuple[Switch, SpanContext] | None]] = ContextVar("otel_openai_v0_last_call", default=None)
"""The span of the latest call in this context, and the switch of the instrumentation that it is of."""

_MAKING: Final = create_key("otel-openai-v0-making-awaitable")
# Plain keys, not made by `create_key`: `opentelemetry-util-genai` 1.3b0, `_inference_invocation.py` and
# `_embedding_invocation.py`. While one is set, an instrumentation above us has a span for a call of that kind.
_INFERENCE: Final = "opentelemetry.genai.client.inference.context"
_UTIL_GENAI: Final[Mapping[str, str]] = {
    "chat": _INFERENCE,
    "text_completion": _INFERENCE,
    "embeddings": "opentelemetry.genai.client.embedding.context",
}


def current_trace_id() -> str | None:
    """The trace of the current span, else of the latest call of openai in this context: 32 hex digits.

    Usable during a call, after it, and while its stream is read. None before the first call, where the current span or
    the latest call is not sampled, after a call that was suppressed, and after `uninstrument()`. A task or a thread has
    its own latest call.

    A thread that serves one request after another, with no span around each, has the call of the request before for its
    latest, as long as the new one calls nothing: its answer came from a cache, perhaps. A `call_context` around each
    request says where it begins: in it and after it, only calls made since its beginning count.
    """
    current, last = trace.get_current_span().get_span_context(), _last_call()
    if current.is_valid and not current.trace_flags.sampled and last.trace_id != current.trace_id:
        return None  # the latest call was of another request
    found = current if current.is_valid and current.trace_flags.sampled else last
    return format_trace_id(found.trace_id) if found.trace_flags.sampled else None


def _last_call() -> SpanContext:
    last = LAST_CALL.get()
    if last is None:
        return INVALID_SPAN_CONTEXT
    switch, span_context = last
    return span_context if switch.enabled else INVALID_SPAN_CONTEXT


def is_suppressed() -> bool:
    """Whether somebody asked for no telemetry here."""
    # Nobody has said anything in an empty context, which most programs call openai in.
    return bool(get_current()) and not is_instrumentation_enabled()


def has_span_above(operation: str, context: Context) -> bool:
    """Whether another instrumentation has a span for the call of this operation that is being made in `context`."""
    return bool(context) and _UTIL_GENAI.get(operation, "") in context


@contextmanager
def left_alone() -> Iterator[None]:
    """While a function of the program's runs for us: what it asks of openai has no span."""
    before = CURRENT_CALL.set(False)
    try:
        yield
    finally:
        CURRENT_CALL.reset(before)


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
