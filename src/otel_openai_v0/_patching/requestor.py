"""The wrappers of `APIRequestor`, which sends every request.

Inside a call of a public method they add the HTTP details to its span. Any other request gets a span of its own: a
method saved before `instrument()`, `obj.request(...)`, direct use of the requestor.
"""

from collections.abc import Callable
from typing import Any, Final

from otel_openai_v0._base.current import Switch
from otel_openai_v0._calls.call import Call, current_call
from otel_openai_v0._patching.wrappers import (
    Start,
    Wrapper,
    async_wrapper,
    passes_through,
    returned,
    returned_raw,
    sync_wrapper,
)

# The arguments of `request` and `arequest`, in order. The raw methods take `params` and all after it by name.
_PARAMETERS: Final = ("method", "url", "params", "headers", "files")


def request_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a request by name."""
    return {**dict(zip(_PARAMETERS, args, strict=False)), **kwargs}


def request_wrapper(start: Start, switch: Switch) -> Wrapper:
    """The wrapper of `request`."""
    return sync_wrapper(start, switch, _returned)


def async_request_wrapper(start: Start, switch: Switch) -> Wrapper:
    """The wrapper of `arequest`."""
    return async_wrapper(start, switch, _returned)


def raw_wrapper(start: Start, switch: Switch) -> Wrapper:
    """The wrapper of `request_raw`, whose response has the headers."""
    alone = sync_wrapper(start, switch, returned_raw)

    def noted(wrapped: Callable[..., Any], requestor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = current_call()
        if call is None:
            return wrapped(*args, **kwargs)
        call.attempting(requestor)
        response = wrapped(*args, **kwargs)
        call.attempted(requestor, response)
        return response

    def traced(wrapped: Callable[..., Any], requestor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if passes_through(switch):
            return noted(wrapped, requestor, args, kwargs)
        return alone(lambda *args, **kwargs: noted(wrapped, requestor, args, kwargs), requestor, args, kwargs)

    return traced


def async_raw_wrapper(start: Start, switch: Switch) -> Wrapper:
    """The wrapper of `arequest_raw`."""
    alone = async_wrapper(start, switch, returned_raw)

    async def noted(wrapped: Callable[..., Any], requestor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = current_call()
        if call is None:
            return await wrapped(*args, **kwargs)
        call.attempting(requestor)
        response = await wrapped(*args, **kwargs)
        call.attempted(requestor, response)
        return response

    async def traced(wrapped: Callable[..., Any], requestor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if passes_through(switch):
            return await noted(wrapped, requestor, args, kwargs)
        return await alone(lambda *args, **kwargs: noted(wrapped, requestor, args, kwargs), requestor, args, kwargs)

    return traced


def _returned(call: Call, result: Any) -> Any:
    """End the call with `(response or stream, is_stream, key)`. The tuple is returned, a new one if it has a stream."""
    if not isinstance(result, tuple) or not result:  # a test double
        return returned(call, result)
    answered = returned(call, result[0])
    return result if answered is result[0] else (answered, *result[1:])
