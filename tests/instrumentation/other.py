"""Another instrumentation of openai, as somebody may have one in house."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import openai
import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

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
