"""A session of `autolog`, from `enable()` to `disable()`: one run, its exporter, and the providers that it uses."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from otel_openai_v0._interface import Sampling
from otel_openai_wandb._processor import SwitchableProcessor
from otel_openai_wandb._reading.last_line import offline_directory
from otel_wandb import WandbSpanExporter, WandbSpanProcessor

if TYPE_CHECKING:
    import wandb


class Session:
    """The state of `autolog` from `enable()` to `disable()`."""

    def __init__(
        self,
        run: "wandb.Run",
        exporter: WandbSpanExporter,
        own: TracerProvider,
        switch_of: Callable[[TracerProvider], SwitchableProcessor],
    ) -> None:
        """`own` is the provider if the program has none. All sessions share it, so the next one gets open calls."""
        self.run = run
        self.directory = offline_directory(run)
        self.exporter = exporter
        self._switch_of = switch_of
        self._processor = WandbSpanProcessor(exporter=exporter)
        self._own = own  # not set as the global one: a provider that the program sets later would be refused
        self._switches: list[SwitchableProcessor] = []
        self._process = os.getpid()
        self._listen_to(own)

    def route(self, provider: trace.TracerProvider) -> TracerProvider:
        """The provider for openai's spans: the program's, if it may record, else our own. Adds our processor to it."""
        if isinstance(provider, TracerProvider) and may_record(provider):
            self.exporter.write_alone(provider)
            self._listen_to(provider)
            return provider
        return self._own

    def end(self, *, is_followed: bool) -> None:
        """Write everything, and let other exporters take spans again.

        Calls that are still open are counted as lost, unless another session follows, which gets them.
        """
        self.exporter.share()
        for switch in self._switches:
            switch.target = None
        if not is_followed and self._process == os.getpid():  # a forked child has copies of its parent's calls
            self.exporter.lose_open(sum(switch.open_calls for switch in self._switches))
        self.exporter.shutdown()

    def _listen_to(self, provider: TracerProvider) -> None:
        switch = self._switch_of(provider)
        switch.target = self._processor
        if switch not in self._switches:
            self._switches.append(switch)


def own_provider() -> TracerProvider:
    """A provider that samples every call, regardless of the environment and of parents."""
    return TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)


def may_record(provider: TracerProvider) -> bool:
    """Whether the provider may record a call."""
    tracer = provider.get_tracer(__name__)
    return not isinstance(tracer, trace.NoOpTracer) and not Sampling(tracer, {}).is_never
