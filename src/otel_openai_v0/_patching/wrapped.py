"""The objects that stand in place of openai's methods: pickled, copied and bound as the bare methods are."""

import copy
import importlib
from collections.abc import Callable
from functools import reduce
from typing import Any

import wrapt


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
