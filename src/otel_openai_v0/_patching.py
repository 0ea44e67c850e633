"""Puts wrappers where the table says, and puts back the very descriptors that stood there.

`opentelemetry.instrumentation.utils.unwrap` would leave a bound method in place of a classmethod: every subclass would
then run as its base.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import wrapt

from otel_openai_v0._operations import Operation
from otel_openai_v0._wrappers import Wrapper

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patch:
    """One replaced class attribute."""

    owner: type
    name: str
    original: object
    wrapper: object

    def undo(self) -> None:
        """Put the original back, unless somebody else has wrapped ours since."""
        if vars(self.owner).get(self.name) is self.wrapper:
            setattr(self.owner, self.name, self.original)
        else:
            log.debug("%s.%s was wrapped again by another package: left in place", self.owner.__name__, self.name)


class Patches:
    """The patches of one `instrument()`; `enabled` is what the wrappers ask."""

    def __init__(self) -> None:
        self.enabled = True
        self._done: list[Patch] = []

    def apply(self, openai: Any, operations: Iterable[Operation], wrapper: Callable[[Operation], Wrapper]) -> None:
        """Wrap each operation at the class that defines it; openai 0.27 lacks some of the classes."""
        for operation in operations:
            owner = getattr(openai, operation.owner, None)
            original = None if owner is None else vars(owner).get(operation.method)
            if owner is None or original is None:
                log.debug("this openai has no %s.%s", operation.owner, operation.method)
                continue
            replacement = wrapt.FunctionWrapper(original, wrapper(operation))
            setattr(owner, operation.method, replacement)
            self._done.append(Patch(owner, operation.method, original, replacement))

    def undo(self) -> None:
        """Undo all, last first."""
        self.enabled = False
        while self._done:
            self._done.pop().undo()
