"""The objects that replace openai's methods. They can be pickled, copied and bound like the methods."""

import copy
import importlib
from collections.abc import Callable
from functools import reduce
from typing import Any

import wrapt


def _found(module: str, place: str) -> Any:
    return reduce(getattr, place.split("."), importlib.import_module(module))


class BoundMethod(wrapt.BoundFunctionWrapper):  # type: ignore[type-arg]  # of wrapt 2; wrapt 1 has none
    """A wrapped method of a class or an object. It pickles and copies like the original."""

    def __reduce_ex__(self, protocol: Any) -> tuple[Callable[..., Any], tuple[object, str]]:
        of = getattr(self, "__self__", None)
        # A bound method is pickled by its object and name, another one by its module and qualified name.
        return (_found, (self.__module__, self.__qualname__)) if of is None else (getattr, (of, self.__name__))

    def __copy__(self) -> "BoundMethod":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Return the method of a copy of its object. The copy may have another type (as a copy of OpenAIObject has)."""
        of = getattr(self, "__self__", None)
        if of is None or isinstance(of, type):
            return self
        copied = copy.deepcopy(of, memo)
        return getattr(type(of), self.__name__).__get__(copied, type(copied))


class WrappedMethod(wrapt.FunctionWrapper):  # type: ignore[type-arg]  # as above
    """Replaces one method."""

    __bound_function_wrapper__ = BoundMethod
