"""The instrumentor, as `opentelemetry-instrument` and applications use it."""

import logging
import os
import sys
from collections.abc import Collection
from functools import partial
from typing import Any, Final

import wrapt
from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from otel_openai_v0._content import ContentWriter
from otel_openai_v0._events import Events
from otel_openai_v0._guard import Faults
from otel_openai_v0._metrics import Metrics
from otel_openai_v0._patching import Patches
from otel_openai_v0._sampling import Sampling
from otel_openai_v0._settings import read_settings
from otel_openai_v0._telemetry import Telemetry
from otel_openai_v0._version import __version__

log: Final = logging.getLogger(__name__)

SUPPORTED_OPENAI: Final = "openai >= 0.27.8, < 1"
# Name, version and schema address; the last is that of util-genai 1.3b0.
_SCOPE: Final = ("otel_openai_v0", __version__, "https://opentelemetry.io/schemas/1.37.0")


class OpenAIInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # upstream leaves its file unchecked
    """Instruments the module-level API of openai 0.27.8 to 0.28.1.

    `instrument()` takes, all optional:

    - `tracer_provider`, `meter_provider`, `logger_provider`: the global ones by default;
    - `capture_content`: a `CaptureContent`, its value as text, or a bool. Default: the environment variable
      `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`, else `span_only`. Raises ValueError for anything else;
    - `redact`: a `Redactor`, called before anything is recorded. When it fails the content is withheld, not the call;
    - `baggage_keys`: keys of OpenTelemetry's baggage that may be recorded. Default: the environment variable
      `OTEL_INSTRUMENTATION_OPENAI_V0_BAGGAGE_KEYS`, separated by commas, else none.

    openai is not imported: its methods are wrapped when the program imports it, or at once if it has.
    `uninstrument()` puts back what stood there.
    """

    tracer_provider: trace.TracerProvider | None = None
    """Where the spans go while openai is instrumented."""
    _patches: Patches | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """The range of openai that is supported; others are refused with one line in the log."""
        return (SUPPORTED_OPENAI,)

    def _instrument(self, **kwargs: Any) -> None:
        provider: trace.TracerProvider = kwargs.get("tracer_provider") or trace.get_tracer_provider()
        tracer = provider.get_tracer(_SCOPE[0], _SCOPE[1], schema_url=_SCOPE[2])
        longest = getattr(getattr(tracer, "_span_limits", None), "max_span_attribute_length", None)  # of the SDK's
        settings = read_settings(os.environ, kwargs.get("capture_content"), kwargs.get("baggage_keys"), longest)
        patches = Patches()
        telemetry = partial(
            Telemetry,
            tracer=tracer,
            sampling=Sampling(tracer, os.environ),
            metrics=Metrics(kwargs.get("meter_provider"), *_SCOPE),
            events=Events(kwargs.get("logger_provider"), *_SCOPE),
            settings=settings,
            content=ContentWriter(kwargs.get("redact"), settings.limits),
            faults=Faults(),
            environ=os.environ,
        )
        self._patches, self.tracer_provider = patches, provider

        def patch(openai: Any) -> None:
            if patches.enabled:  # else uninstrumented before openai was imported
                found = telemetry(openai=openai)
                with found.faults.quietly("wrapping openai's methods"):
                    patches.apply(found)

        if "openai" in sys.modules:
            patch(sys.modules["openai"])
        else:
            wrapt.register_post_import_hook(patch, "openai")
        log.info("instrumenting openai; content of prompts and completions: %s", settings.capture.value)

    def _uninstrument(self, **_: Any) -> None:
        if self._patches is not None:
            self._patches.undo()
            self._patches = self.tracer_provider = None
