"""Wraps openai's methods, and restores the original descriptors.

`opentelemetry.instrumentation.utils.unwrap` would leave a bound method in place of a classmethod. Each subclass would
then run as its base class.
"""

import inspect
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial, update_wrapper
from typing import Any, Final

from otel_openai_v0._base.current import Switch, begins_a_call
from otel_openai_v0._calls.call import Call
from otel_openai_v0._calls.deferred import unwatch_collections, watch_collections
from otel_openai_v0._calls.start import Calls
from otel_openai_v0._openai.operations import METHODS, Method
from otel_openai_v0._patching import requestor
from otel_openai_v0._patching.places import Place, other_instrumentation, place_of, places
from otel_openai_v0._patching.wrapped import WrappedMethod
from otel_openai_v0._patching.wrappers import Start, Wrapper, async_wrapper, awaitable_wrapper, sync_wrapper

log: Final = logging.getLogger(__name__)

_REQUESTOR: Final = "api_requestor.APIRequestor"
_REQUESTS: Final[tuple[tuple[str, Callable[[Start, Switch], Wrapper]], ...]] = (
    ("request", requestor.request_wrapper),
    ("arequest", requestor.async_request_wrapper),
)
_RAW_REQUESTS: Final[tuple[tuple[str, Callable[[Start, Switch], Wrapper]], ...]] = (
    ("request_raw", requestor.raw_wrapper),
    ("arequest_raw", requestor.async_raw_wrapper),
)


@dataclass(frozen=True, slots=True)
class Patch:
    """One replaced class attribute."""

    place: Place
    wrapper: object

    def undo(self) -> None:
        """Restore the original, unless another package has wrapped our wrapper."""
        owner, name = self.place.owner, self.place.name
        if vars(owner).get(name) is self.wrapper:
            setattr(owner, name, self.place.original)
        else:
            log.debug("%s.%s was wrapped again by another package: left in place", owner.__name__, name)


class Patches:
    """The patches of one `instrument()`. The wrappers check `enabled` at each call."""

    def __init__(self) -> None:
        self.enabled = True
        self.other: str | None = None
        """The module of another instrumentation, because of which nothing was wrapped; None if there is none."""
        self._done: list[Patch] = []

    def apply(self, calls: Calls, methods: Iterable[Method] = METHODS) -> None:
        """Wrap every method at the class that defines it, and the requestor. Missing methods are skipped.

        If another instrumentation has wrapped a method already, nothing is wrapped: calls would have two spans.
        """
        openai = calls.openai
        found = places(openai, methods)
        self.other = other_instrumentation(openai, methods)
        if self.other is not None:
            log.warning("openai is instrumented by %s already; otel_openai_v0 leaves it alone", self.other)
            return
        watch_collections(self)
        for place, method in found:
            if not place.is_openais:
                continue
            start = partial(calls.start, method, place.positional())
            self._wrap(place, _wrapper_kind(place, method)(start, self), begins_a_call)
        for table, enabled in ((_REQUESTS, begins_a_call), (_RAW_REQUESTS, None)):
            for name, make in table:
                at = place_of(openai, _REQUESTOR, name)
                if at is not None:
                    self._wrap(at, make(partial(_start_request, calls), self), enabled)

    def undo(self) -> None:
        """Undo all patches, last first."""
        self.enabled = False
        while self._done:
            self._done.pop().undo()
        unwatch_collections(self)

    def _wrap(self, place: Place, wrapper: Wrapper, enabled: Callable[[], bool] | None) -> None:
        # asyncio uses the function's name for a task, and in the warning about a coroutine that was never awaited.
        update_wrapper(wrapper, place.function, ("__name__", "__qualname__"), ())
        replacement = WrappedMethod(place.original, wrapper, enabled)
        setattr(place.owner, place.name, replacement)
        self._done.append(Patch(place, replacement))


def _wrapper_kind(place: Place, method: Method) -> Callable[[Start, Switch], Wrapper]:
    if not method.is_async:
        return sync_wrapper
    return async_wrapper if inspect.iscoroutinefunction(place.function) else awaitable_wrapper


def _start_request(calls: Calls, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    return calls.start_request(target, requestor.request_arguments(args, kwargs))
