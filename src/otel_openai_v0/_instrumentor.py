"""The instrumentor that applications and `opentelemetry-instrument` call."""

import logging
import os
import sys
from collections.abc import Collection, Sequence
from typing import Any, Final

from opentelemetry._logs import LoggerProvider
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from otel_openai_v0._content.redaction import Redactor
from otel_openai_v0._instrumentation import Guest, Instrumentation, Providers
from otel_openai_v0._patching.places import other_instrumentation
from otel_openai_v0._telemetry.settings import CaptureContent, Choices, read_choices

log: Final = logging.getLogger(__name__)

SUPPORTED_OPENAI: Final = "openai >= 0.27.8, < 1"


class OpenAIInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # upstream leaves its file unchecked
    """Instruments the module-level API of openai 0.27.8 to 0.28.1. Creating it again returns the same object.

    It does not import openai. The methods are wrapped when the program imports openai, or at once if it has already.
    """

    _instrumentation: Instrumentation | None = None

    @property
    def tracer_provider(self) -> TracerProvider | None:
        """The provider that spans go to; None while openai is not instrumented."""
        return None if self._instrumentation is None else self._instrumentation.tracer_provider

    @property
    def other_instrumentation(self) -> str | None:
        """The module of another instrumentation of openai, which makes us wrap nothing; None if there is none.

        It is also known before `instrument()`, once openai is imported.
        """
        if self._instrumentation is not None:
            return self._instrumentation.other
        return other_instrumentation(sys.modules["openai"]) if "openai" in sys.modules else None

    def instrumentation_dependencies(self) -> Collection[str]:
        """The supported range of openai. Other versions are refused with one line in the log."""
        return (SUPPORTED_OPENAI,)

    def instrument(  # pyright: ignore[reportIncompatibleMethodOverride]  # what does not exist is an error
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
        capture_content: CaptureContent | str | bool | None = None,
        redact: Redactor | None = None,
        baggage_keys: Sequence[str] | None = None,
        skip_dep_check: bool = False,
        raise_exception_on_conflict: bool = False,
    ) -> None:
        """Instrument openai; all arguments are optional.

        - `tracer_provider`, `meter_provider`, `logger_provider`: the global ones by default;
        - `capture_content`: a `CaptureContent`, its value as text, or a bool. Default: the environment variable
          `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`, else `span_only`;
        - `redact`: a `Redactor`, called before anything is recorded. If it raises an exception, the content is not
          recorded, and the call goes on;
        - `baggage_keys`: keys of OpenTelemetry's baggage that may be recorded. Default: the environment variable
          `OTEL_INSTRUMENTATION_OPENAI_V0_BAGGAGE_KEYS`, separated by commas, else none;
        - `skip_dep_check`, `raise_exception_on_conflict`: as in `BaseInstrumentor`, for `opentelemetry-instrument`.

        If openai is instrumented already, by `opentelemetry-instrument`, by `autolog` or by an earlier call, the given
        choices about content apply to every call that starts from then on. Choices that are not given do not change.

        Raises ValueError or TypeError for a wrong argument, before anything is changed.
        """
        choices = read_choices(capture_content, redact, baggage_keys)
        providers = Providers(tracer_provider, meter_provider, logger_provider)
        if self._instrumentation is None:
            super().instrument(
                skip_dep_check=skip_dep_check,
                raise_exception_on_conflict=raise_exception_on_conflict,
                providers=providers,
                choices=choices,
            )
        elif self._instrumentation.host is None:  # there is only a guest
            self._instrumentation.begin(providers, choices)
        else:
            _warn_of_what_stays(providers, self._instrumentation.host, choices)
            self._instrumentation.say(choices)

    def have_guest(self, guest: Guest) -> None:
        """Let `autolog` use the instrumentation, beside the program or alone."""
        if self._instrumentation is not None:
            self._instrumentation.welcome(guest)
            return
        found = Instrumentation(os.environ)
        found.welcome(guest)
        found.patch()
        self._instrumentation, self._is_instrumented_by_opentelemetry = found, True

    def part_from_guest(self) -> None:
        """Remove the guest. If the program has not called `instrument()`, also restore openai's methods."""
        found = self._instrumentation
        if found is not None and found.host is not None:
            found.part()
        elif found is not None:
            self.uninstrument()

    def _instrument(self, **kwargs: Any) -> None:
        found = Instrumentation(os.environ)
        found.begin(kwargs["providers"], kwargs["choices"])
        found.patch()
        self._instrumentation = found

    def _uninstrument(self, **_: Any) -> None:
        if self._instrumentation is not None:
            self._instrumentation.end()
            self._instrumentation = None


def _warn_of_what_stays(given: Providers, host: Providers, choices: Choices) -> None:
    """Warn about arguments of a second `instrument()` that cannot take effect."""
    kept = [name for name, (new, old) in given.beside(host).items() if new is not None and new is not old]
    if kept:
        log.warning("openai is instrumented already, %s stays as it is: uninstrument() first", " and ".join(kept))
    elif choices == Choices():
        log.warning("openai is instrumented already: instrument() changes nothing")
