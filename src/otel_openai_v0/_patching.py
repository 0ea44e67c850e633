"""Puts wrappers where the tables say, and puts back the very descriptors that stood there.

`opentelemetry.instrumentation.utils.unwrap` would leave a bound method in place of a classmethod: every subclass would
then run as its base.
"""

import copy
import importlib
import inspect
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial, reduce, update_wrapper
from typing import Any, Final

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from otel_openai_v0 import _requestor as requestor
from otel_openai_v0._call import Call
from otel_openai_v0._calls import Calls
from otel_openai_v0._current import begins_a_call
from otel_openai_v0._garbage import unwatch_collections, watch_collections
from otel_openai_v0._operations import METHODS, Method
from otel_openai_v0._wrappers import Start, Switch, Wrapper, async_wrapper, awaitable_wrapper, sync_wrapper

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
# What wraps for instrumentations, those that are no instrumentors of OpenTelemetry's too. Decorators for programs stand
# elsewhere in the same packages: `langfuse.observe`, `ddtrace.tracer.wrap`, `newrelic.agent.function_trace`.
_INSTRUMENTATIONS: Final = (
    "agentops.llm_tracker",
    "ddtrace.contrib",
    "langfuse.openai",
    "newrelic.hooks",
    "opentelemetry.instrumentation",
    "sentry_sdk.integrations",
)


@dataclass(frozen=True, slots=True)
class Place:
    """A class attribute, and what stands there."""

    owner: type
    name: str
    original: Any

    @property
    def function(self) -> Callable[..., Any]:
        """The function below a classmethod."""
        found: Callable[..., Any] = getattr(self.original, "__func__", self.original)
        return found

    @property
    def is_openais(self) -> bool:
        """Whether openai's own function stands here. Below another's, each request has a span of its own.

        What such a function returns need not be openai's, and it may ask more than once (instructor does both).
        """
        return _is_in(self.module, "openai")

    @property
    def module(self) -> str:
        """The module of the function that runs first: that of a wrapper, not of what it wraps."""
        found = self.original
        while type(found) in {classmethod, WrappedMethod}:  # one of ours, which could not be taken away
            found = found.__wrapped__
        found = getattr(found, "_self_wrapper", found)  # documented by wrapt
        # `functools.wraps` copies `__module__`; a `partial`, say, has no globals.
        return str(getattr(found, "__globals__", {}).get("__name__") or getattr(found, "__module__", ""))

    def positional(self) -> tuple[str, ...]:
        """The names of the arguments that can be given by position.

        `create(cls, *args, **kwargs)` hands them on to the method of that name in a base, each to one of its own order.
        """
        for owner in self.owner.__mro__:
            if self.name in vars(owner):
                place = Place(owner, self.name, vars(owner)[self.name])
                parameters = list(inspect.signature(place.function).parameters.values())[1:]
                if all(parameter.kind is not parameter.VAR_POSITIONAL for parameter in parameters):
                    return tuple(found.name for found in parameters if found.kind is found.POSITIONAL_OR_KEYWORD)
        return ()


def _found(module: str, place: str) -> Any:
    return reduce(getattr, place.split("."), importlib.import_module(module))


class BoundMethod(wrapt.BoundFunctionWrapper):  # type: ignore[type-arg]  # of wrapt 2; wrapt 1 has none
    """A wrapped method of a class or an object, which can be sent to other processes and copied as the bare one can."""

    def __reduce_ex__(self, protocol: Any) -> tuple[Callable[..., Any], tuple[object, str]]:
        of = getattr(self, "__self__", None)
        # As a method does it; taken from its class, one that belongs to objects is known by its place.
        return (_found, (self.__module__, self.__qualname__)) if of is None else (getattr, (of, self.__name__))

    def __copy__(self) -> "BoundMethod":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Of a copy of its object, which need not be of the same type (OpenAIObject's is not)."""
        of = getattr(self, "__self__", None)
        if of is None or isinstance(of, type):
            return self
        copied = copy.deepcopy(of, memo)
        return getattr(type(of), self.__name__).__get__(copied, type(copied))


class WrappedMethod(wrapt.FunctionWrapper):  # type: ignore[type-arg]  # as above
    """What stands in place of a method."""

    __bound_function_wrapper__ = BoundMethod


@dataclass(frozen=True, slots=True)
class Patch:
    """One replaced class attribute."""

    place: Place
    wrapper: object

    def undo(self) -> None:
        """Put the original back, unless somebody else has wrapped ours since."""
        owner, name = self.place.owner, self.place.name
        if vars(owner).get(name) is self.wrapper:
            setattr(owner, name, self.place.original)
        else:
            log.debug("%s.%s was wrapped again by another package: left in place", owner.__name__, name)


class Patches:
    """The patches of one `instrument()`; `enabled` is what the wrappers ask."""

    def __init__(self) -> None:
        self.enabled = True
        self.other: str | None = None
        """The instrumentation that openai was left to."""
        self._done: list[Patch] = []

    def apply(self, calls: Calls, methods: Iterable[Method] = METHODS) -> None:
        """Wrap every method at the class that defines it, and the requestor; openai 0.27 lacks some of them.

        Where another instrumentation stands already, nothing is wrapped: each call would have two spans.
        """
        openai = calls.openai
        found = _places(openai, methods)
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
                at = _place(openai, _REQUESTOR, name)
                if at is not None:
                    self._wrap(at, make(partial(_start_request, calls), self), enabled)

    def undo(self) -> None:
        """Undo all, last first."""
        self.enabled = False
        while self._done:
            self._done.pop().undo()
        unwatch_collections(self)

    def _wrap(self, place: Place, wrapper: Wrapper, enabled: Callable[[], bool] | None) -> None:
        # A coroutine is called after its function: the name of a task, and of one that was never awaited.
        update_wrapper(wrapper, place.function, ("__name__", "__qualname__"), ())
        replacement = WrappedMethod(place.original, wrapper, enabled)
        setattr(place.owner, place.name, replacement)
        self._done.append(Patch(place, replacement))


def other_instrumentation(openai: Any, methods: Iterable[Method] = METHODS) -> str | None:
    """The module of another instrumentation that has wrapped one of the methods already."""
    found = (place.module for place, _ in _places(openai, methods))
    return next((module for module in found if _is_instrumentation(module)), None)


def _places(openai: Any, methods: Iterable[Method]) -> list[tuple[Place, Method]]:
    return [(place, method) for method in methods if (place := _place(openai, method.owner, method.name))]


def _place(openai: Any, owner: str, name: str) -> Place | None:
    try:
        found = reduce(getattr, owner.split("."), openai)
        return Place(found, name, vars(found)[name])
    except (AttributeError, KeyError):
        log.debug("this openai has no %s.%s", owner, name)
        return None


def _is_instrumentation(module: str) -> bool:
    """Whether a module wraps for an instrumentation: a known one, or any that has an instrumentor of OpenTelemetry's.

    What the program puts around one of openai's methods is none: a cache, a retry, a line in the log.
    """
    instrumentors = {kind.__module__ for kind in BaseInstrumentor.__subclasses__()} - {"__main__"}
    return any(_is_in(module, package) for package in (*_INSTRUMENTATIONS, *instrumentors))


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _wrapper_kind(place: Place, method: Method) -> Callable[[Start, Switch], Wrapper]:
    if not method.is_async:
        return sync_wrapper
    return async_wrapper if inspect.iscoroutinefunction(place.function) else awaitable_wrapper


def _start_request(calls: Calls, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    return calls.start_request(target, requestor.request_arguments(args, kwargs))
