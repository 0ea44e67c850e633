"""What stands in place of openai's methods: the sync and the async one differ by `await`."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from otel_openai_v0._call import Telemetry
from otel_openai_v0._operations import Operation

Wrapper: TypeAlias = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]


class Switch(Protocol):
    """Whether to instrument: a method that somebody took hold of stays wrapped after `uninstrument()`."""

    enabled: bool


def wrapper(operation: Operation, telemetry: Telemetry, switch: Switch) -> Wrapper:
    """The wrapper of one row."""
    return (_async_wrapper if operation.is_async else _sync_wrapper)(operation, telemetry, switch)


def _sync_wrapper(operation: Operation, telemetry: Telemetry, switch: Switch) -> Wrapper:
    def traced(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not (switch.enabled and is_instrumentation_enabled()):
            return wrapped(*args, **kwargs)
        call = telemetry.start(operation, args, kwargs)
        with call.current():
            try:
                result = wrapped(*args, **kwargs)
            except BaseException as error:
                call.failed(error)
                raise
        return call.returned(result)

    return traced


def _async_wrapper(operation: Operation, telemetry: Telemetry, switch: Switch) -> Wrapper:
    async def traced(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not (switch.enabled and is_instrumentation_enabled()):
            return await wrapped(*args, **kwargs)
        call = telemetry.start(operation, args, kwargs)
        with call.current():
            try:
                result = await wrapped(*args, **kwargs)
            except BaseException as error:
                call.failed(error)
                raise
        return call.returned(result)

    return traced
