"""Finds openai's methods, and other instrumentations that have wrapped them."""

import inspect
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from otel_openai_v0._openai.operations import METHODS, Method
from otel_openai_v0._patching.wrapped import WrappedMethod

log: Final = logging.getLogger(__name__)

# Modules of instrumentations that have no OpenTelemetry instrumentor. Their decorators for programs are in other
# modules: `langfuse.observe`, `ddtrace.tracer.wrap`, `newrelic.agent.function_trace`.
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
    """A class attribute and its value."""

    owner: type
    name: str
    original: Any

    @property
    def function(self) -> Callable[..., Any]:
        """The function, also of a classmethod."""
        found: Callable[..., Any] = getattr(self.original, "__func__", self.original)
        return found

    @property
    def is_openais(self) -> bool:
        """Whether the function is openai's own.

        A function of another library may return any value, and call openai more than once (instructor does both). Each
        request that it makes gets a span of its own.
        """
        return _is_in(self.module, "openai")

    @property
    def module(self) -> str:
        """The module of the function that runs first. Of a wrapped function, that is the module of the wrapper."""
        found = self.original
        while type(found) in {classmethod, WrappedMethod}:  # our own wrapper, if it could not be removed
            found = found.__wrapped__
        found = getattr(found, "_self_wrapper", found)  # documented by wrapt
        # The globals come first, because `functools.wraps` copies `__module__`. A `partial`, for example, has none.
        return str(getattr(found, "__globals__", {}).get("__name__") or getattr(found, "__module__", ""))

    def positional(self) -> tuple[str, ...]:
        """The names of the positional arguments.

        `create(cls, *args, **kwargs)` passes them to the method of that name in a base class, whose order counts.
        """
        for owner in self.owner.__mro__:
            if self.name in vars(owner):
                place = Place(owner, self.name, vars(owner)[self.name])
                parameters = list(inspect.signature(place.function).parameters.values())[1:]
                if all(parameter.kind is not parameter.VAR_POSITIONAL for parameter in parameters):
                    return tuple(found.name for found in parameters if found.kind is found.POSITIONAL_OR_KEYWORD)
        return ()


def other_instrumentation(openai: Any, methods: Iterable[Method] = METHODS) -> str | None:
    """The module of another instrumentation that has already wrapped a method; None if there is none."""
    found = (place.module for place, _ in places(openai, methods))
    return next((module for module in found if _is_instrumentation(module)), None)


def places(openai: Any, methods: Iterable[Method]) -> list[tuple[Place, Method]]:
    return [(place, method) for method in methods if (place := place_of(openai, method.owner, method.name))]


def place_of(openai: Any, owner: str, name: str) -> Place | None:
    try:
        found = reduce(getattr, owner.split("."), openai)
        return Place(found, name, vars(found)[name])
    except (AttributeError, KeyError):
        log.debug("this openai has no %s.%s", owner, name)
        return None


def _is_instrumentation(module: str) -> bool:
    """Whether `module` belongs to an instrumentation: a known one, or any package with an OpenTelemetry instrumentor.

    A decorator of the program, such as a cache, a retry or a logger, is no instrumentation.
    """
    instrumentors = {kind.__module__ for kind in BaseInstrumentor.__subclasses__()} - {"__main__"}
    return any(_is_in(module, package) for package in (*_INSTRUMENTATIONS, *instrumentors))


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
