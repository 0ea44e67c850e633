"""The state of the instrumentation: the providers that signals go to, and the choices about content.

Two parties may use it: the program, by `instrument()`, and `autolog`, the guest. In any order, the latest choice about
content applies to every call that starts afterwards. When the guest leaves, the program's choices remain.
"""

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import wrapt
from opentelemetry import trace
from opentelemetry._logs import LoggerProvider, get_logger_provider
from opentelemetry.metrics import MeterProvider, get_meter_provider
from opentelemetry.trace import ProxyTracerProvider, TracerProvider

from otel_openai_v0._base.version import __version__
from otel_openai_v0._base.versions import HAS_EVENTS, NO_EVENTS
from otel_openai_v0._calls.start import Calls
from otel_openai_v0._content.writer import ContentWriter
from otel_openai_v0._patching.patches import Patches
from otel_openai_v0._telemetry.events import Events
from otel_openai_v0._telemetry.faults import Faults
from otel_openai_v0._telemetry.metrics import Metrics
from otel_openai_v0._telemetry.sampling import Sampling
from otel_openai_v0._telemetry.settings import CaptureContent, Choices, read_variables, settings_of
from otel_openai_v0._telemetry.shared import Telemetry

log: Final = logging.getLogger(__name__)

# Name, version and schema URL; the URL is that of util-genai 1.3b0.
_SCOPE: Final = ("otel_openai_v0", __version__, "https://opentelemetry.io/schemas/1.37.0")


@dataclass(frozen=True, slots=True)
class Providers:
    """The providers that were passed to `instrument()`; None means the global one."""

    tracer: TracerProvider | None = None
    meter: MeterProvider | None = None
    logger: LoggerProvider | None = None

    def beside(self, host: "Providers") -> Mapping[str, tuple[object, object]]:
        """For each argument's name, the given provider and the one in use."""
        return {
            "tracer_provider": (self.tracer, host.tracer or trace.get_tracer_provider()),
            "meter_provider": (self.meter, host.meter or get_meter_provider()),
            "logger_provider": (self.logger, host.logger or get_logger_provider()),
        }


@dataclass(frozen=True, slots=True)
class Guest:
    """`autolog`: a second user of the instrumentation beside the program, or the only one.

    `route(provider)` is called at the start, and after each change, with the provider that spans would go to. It
    returns the provider that they do go to.
    """

    choices: Choices
    route: Callable[[TracerProvider], TracerProvider]


@dataclass(frozen=True, slots=True)
class Signals:
    """The metrics and events of one set of providers. Created once, because a meter keeps its instruments."""

    providers: Providers
    metrics: Metrics
    events: Events


class Instrumentation:
    """One instrumentation, from the first party that asks for it until the last one leaves."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._lock = threading.RLock()
        self._variables = read_variables(environ)
        self._faults = Faults()
        self._patches = Patches()
        self._said = Choices()
        self._guest: Guest | None = None
        self._signals: Signals | None = None
        self._announced: CaptureContent | None = None
        self._calls: Calls | None = None  # set when openai is imported
        self._telemetry: Telemetry
        self._is_early = False
        self.host: Providers | None = None
        """The arguments of `instrument()`; None if the program has not called it."""
        self.tracer_provider: TracerProvider
        """The provider that spans go to."""

    @property
    def other(self) -> str | None:
        """The module of another instrumentation that wrapped openai's methods first; None if there is none."""
        return self._patches.other

    def begin(self, providers: Providers, choices: Choices) -> None:
        """Instrument openai for the program."""
        with self._lock:
            self.host = providers
            self.say(choices)

    def say(self, choices: Choices) -> None:
        """Apply `choices` to every call that starts from now on."""
        with self._lock:
            self._said = choices.over(self._said)
            if self._guest is not None:
                self._guest = replace(self._guest, choices=self._guest.choices.without(choices))
            self._renew()

    def welcome(self, guest: Guest) -> None:
        """Add a guest and apply its choices."""
        with self._lock:
            self._guest = guest
            self._renew()

    def part(self) -> None:
        """Remove the guest."""
        with self._lock:
            self._guest = None
            self._renew()

    def patch(self) -> None:
        """Wrap openai's methods now, or as soon as the program imports openai."""
        if "openai" in sys.modules:
            self._patch(sys.modules["openai"])
        else:
            wrapt.register_post_import_hook(self._patch, "openai")

    def end(self) -> None:
        """Restore openai's methods."""
        self._patches.undo()

    def _patch(self, openai: Any) -> None:
        with self._lock, self._faults.quietly("wrapping openai's methods"):
            if self._patches.enabled:  # else `uninstrument()` came before openai was imported
                self._calls = Calls(openai, self._telemetry)
                if self._is_early:
                    self._calls.settle = self._settle
                self._patches.apply(self._calls)

    def _renew(self) -> None:
        provider = self._base()
        self._is_early = self.host is not None and isinstance(provider, ProxyTracerProvider)
        if self._guest is not None:
            provider = self._guest.route(provider)
        tracer = provider.get_tracer(_SCOPE[0], _SCOPE[1], schema_url=_SCOPE[2])
        longest = getattr(getattr(tracer, "_span_limits", None), "max_span_attribute_length", None)  # of the SDK's
        choices = self._said if self._guest is None else self._guest.choices.over(self._said)
        settings = settings_of(self._variables, choices, longest)
        if choices.capture is None and self._variables.complaint is not None:
            log.warning("%s", self._variables.complaint)
            self._variables = replace(self._variables, complaint=None)
        signals = self._signals = _signals(self.host or Providers(), self._signals)
        self.tracer_provider = provider
        self._telemetry = Telemetry(
            tracer=tracer,
            sampling=Sampling(tracer, self._environ),
            metrics=signals.metrics,
            events=signals.events,
            settings=settings,
            content=ContentWriter(choices.redact, settings.limits),
            faults=self._faults,
            environ=self._environ,
        )
        if self._calls is not None:
            self._calls.telemetry = self._telemetry
            self._calls.settle = self._settle if self._is_early else None
        if settings.capture is not self._announced:
            self._announced = settings.capture
            log.info("instrumenting openai; content of prompts and completions: %s", settings.capture.value)
            if settings.emit_event and not HAS_EVENTS:
                log.warning("%s", NO_EVENTS)

    def _base(self) -> TracerProvider:
        """The provider that spans would go to without a guest."""
        given = None if self.host is None else self.host.tracer
        return given or trace.get_tracer_provider()

    def _settle(self) -> None:
        """Use the program's provider as soon as it is set. Its limits and its sampler are unknown before."""
        with self._faults.quietly("finding the provider"):
            if not isinstance(self._base(), ProxyTracerProvider):
                with self._lock:
                    self._renew()


def _signals(providers: Providers, before: Signals | None) -> Signals:
    if before is not None and before.providers == providers:
        return before
    return Signals(providers, Metrics(providers.meter, *_SCOPE), Events(providers.logger, *_SCOPE))
