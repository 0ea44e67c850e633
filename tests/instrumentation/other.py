"""Another instrumentation of openai, as somebody may have one in house."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final

import openai
import wrapt
from opentelemetry import context as contexts
from opentelemetry.instrumentation import utils
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]


@contextmanager
def _suppress_instrumentation() -> Iterator[None]:
    token = contexts.attach(contexts.set_value(contexts._SUPPRESS_INSTRUMENTATION_KEY, value=True))
    try:
        yield
    finally:
        contexts.detach(token)


# It came with instrumentation 0.44b0; before that its neighbours set the key themselves.
suppress_instrumentation: Final = getattr(utils, "suppress_instrumentation", None) or _suppress_instrumentation

METHODS = ("create", "acreate")


class OtherInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # upstream leaves its file unchecked
    """Wraps chats, and keeps the names of the methods that were called."""

    def instrumentation_dependencies(self) -> Collection[str]:
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        seen: list[str] = kwargs["seen"]

        def traced(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
            seen.append(wrapped.__name__)
            return wrapped(*args, **kwargs)

        self._bare = {name: vars(openai.ChatCompletion)[name] for name in METHODS}
        for name in METHODS:
            wrapt.wrap_function_wrapper(openai, f"ChatCompletion.{name}", traced)

    def _uninstrument(self, **_: Any) -> None:
        for name, bare in self._bare.items():
            setattr(openai.ChatCompletion, name, bare)
