"""What `autolog()` starts and `autolog.disable()` ends: one run, its exporter, and the providers that it uses."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from otel_openai_v0._interface import Sampling
from otel_openai_wandb._processor import SwitchableProcessor
from otel_openai_wandb._reading.last_line import offline_directory
from otel_wandb import WandbSpanExporter, WandbSpanProcessor
from otel_wandb._interface.exporter import live_exporters

if TYPE_CHECKING:
    import wandb


class Session:
    """The state of `autolog` from `enable()` to `disable()`."""

    def __init__(
        self, run: "wandb.Run", exporter: WandbSpanExporter, switch_of: Callable[[TracerProvider], SwitchableProcessor]
    ) -> None:
        self.run = run
        self.directory = offline_directory(run)
        self.exporter = exporter
        self._switch_of = switch_of
        self._processor = WandbSpanProcessor(exporter=exporter)
        self._own: TracerProvider | None = None
        self._switches: list[SwitchableProcessor] = []
        self._aside: list[WandbSpanExporter] = []  # they would write the same spans to another run

    def route(self, provider: trace.TracerProvider) -> TracerProvider:
        """The provider for openai's spans: the program's, if it may record, else our own. Adds our processor to it."""
        if isinstance(provider, TracerProvider) and may_record(provider):
            for other in live_exporters():
                if other is not self.exporter and other not in self._aside:
                    other.stand_aside()
                    self._aside.append(other)
        else:
            # It is not set globally, because OpenTelemetry would refuse a provider that the program sets later.
            self._own = provider = self._own or own_provider()
        switch = self._switch_of(provider)
        switch.target = self._processor
        self._switches.append(switch)
        return provider

    def end(self) -> None:
        """Write everything, and let other exporters write spans again."""
        for switch in self._switches:
            switch.target = None
        self.exporter.shutdown()
        for other in self._aside:
            other.resume()


def own_provider() -> TracerProvider:
    """A provider that samples every call, regardless of the environment and of parents."""
    return TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)


def may_record(provider: TracerProvider) -> bool:
    """Whether the provider may record a call."""
    tracer = provider.get_tracer(__name__)
    return not isinstance(tracer, trace.NoOpTracer) and not Sampling(tracer, {}).is_never
