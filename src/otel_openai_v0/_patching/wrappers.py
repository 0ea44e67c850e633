"""The wrappers around openai's methods. Sync and async differ by `await` only."""

from collections.abc import Awaitable, Callable
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Final, TypeAlias

from otel_openai_v0._base.attributes import Attributes
from otel_openai_v0._base.current import (
    CURRENT_CALL,
    LAST_CALL,
    Switch,
    is_making_awaitable,
    is_suppressed,
    making_awaitable,
)
from otel_openai_v0._calls.call import Call
from otel_openai_v0._calls.stream import traced_async_stream, traced_stream

Wrapper: TypeAlias = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
Start: TypeAlias = Callable[[Any, tuple[Any, ...], dict[str, Any]], Call]
"""`start(target, args, kwargs)` starts the span. `target` is the class or object that the method is called on."""
Returned: TypeAlias = Callable[[Call, Any], Any]

_NOTHING: Final[Attributes] = {}


def passes_through(switch: Switch) -> bool:
    """Whether to call openai without a span: inside another call, after `uninstrument()`, or if suppressed.

    In the last two cases the latest call is reset, so that `current_trace_id` does not return an earlier call's.
    """
    if not CURRENT_CALL.get():
        return True
    if switch.enabled and not is_suppressed():
        return False
    LAST_CALL.set(None)
    return True


def returned(call: Call, result: Any) -> Any:
    """End the call with `result`, or return a stream that ends it. The caller gets the returned value."""
    if call.is_recorded:
        if isinstance(result, GeneratorType):
            with call.quietly("wrapping a stream"):
                return traced_stream(result, call)
        elif isinstance(result, AsyncGeneratorType):
            with call.quietly("wrapping a stream"):
                return traced_async_stream(result, call)
    call.finish(None, result, _NOTHING)
    return result


def returned_raw(call: Call, response: Any) -> Any:
    """End the call with an HTTP response, for which openai has not raised an error yet."""
    call.read_status(response)
    return returned(call, response)


def sync_wrapper(start: Start, switch: Switch, end: Returned = returned) -> Wrapper:
    """The wrapper of a method that returns its value, or a stream."""

    def traced(wrapped: Callable[..., Any], target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if passes_through(switch):
            return wrapped(*args, **kwargs)
        call = start(target, args, kwargs)
        LAST_CALL.set((switch, call.span_context))
        with call:
            result = wrapped(*args, **kwargs)
        return end(call, result)

    return traced


def async_wrapper(start: Start, switch: Switch, end: Returned = returned) -> Wrapper:
    """The wrapper of a coroutine function."""

    async def traced(wrapped: Callable[..., Any], target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if passes_through(switch):
            return await wrapped(*args, **kwargs)
        call = start(target, args, kwargs)
        LAST_CALL.set((switch, call.span_context))
        with call:
            result = await wrapped(*args, **kwargs)
        return end(call, result)

    return traced


def awaitable_wrapper(start: Start, switch: Switch) -> Wrapper:
    """The wrapper of a plain function that returns an awaitable, as a third of openai's async methods are.

    The function is called at once, because some raise errors before they return an awaitable. The call starts when it
    is awaited, because only then it is known whether it is part of another one: `aretrieve` creates the coroutine of
    `arefresh` before its own span is current.
    """

    async def finished(awaitable: Awaitable[Any]) -> Any:
        return await awaitable

    awaited = async_wrapper(start, switch)

    def traced(wrapped: Callable[..., Any], target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if passes_through(switch) or is_making_awaitable():
            return wrapped(*args, **kwargs)
        try:
            with making_awaitable():
                awaitable = wrapped(*args, **kwargs)
        except BaseException as error:
            call = start(target, args, kwargs)
            LAST_CALL.set((switch, call.span_context))
            call.finish(error)
            raise
        coroutine = awaited(lambda *_, **__: finished(awaitable), target, args, kwargs)
        if isinstance(awaitable, CoroutineType):  # it has the name of openai's function
            coroutine.__name__, coroutine.__qualname__ = awaitable.__name__, awaitable.__qualname__
        return coroutine

    return traced
