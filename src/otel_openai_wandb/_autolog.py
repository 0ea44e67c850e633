"""`autolog`: the call shapes and log keys of the integration that wandb removed in 0.27.1, without its bugs."""

import inspect
import logging
import os
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.instrumentation.dependencies import get_dependency_conflicts
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_openai_v0 import OpenAIInstrumentor
from otel_openai_wandb._processor import Switch
from otel_wandb import WandbSpanExporter
from otel_wandb._exporter import live_exporters
from otel_wandb._run import stop_unused_service

if TYPE_CHECKING:
    import wandb

log: Final = logging.getLogger(__name__)

_INSTEAD: Final = "nothing was patched and no run was started"


@dataclass(frozen=True, slots=True)
class _Session:
    """What one `enable()` set up, and `disable()` takes down."""

    run: "wandb.Run"
    owns_run: bool
    exporter: WandbSpanExporter
    switch: Switch
    instrumented: bool
    aside: tuple[WandbSpanExporter, ...]
    """Exporters that would write the same spans to another run."""


class Autolog:
    """Logs calls of openai 0.27 and 0.28 to a W&B run, as trace timelines, rows of the table `stats`, and `usage/*`.

    `autolog()`, `autolog({...})` and `autolog(init={...})` are `enable(...)`; `autolog.disable()` ends it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._session: _Session | None = None
        self._switches: weakref.WeakKeyDictionary[TracerProvider, Switch] = weakref.WeakKeyDictionary()

    def __call__(self, init: Mapping[str, Any] | None = None) -> None:
        """See `enable`."""
        self.enable(init)

    def enable(self, init: Mapping[str, Any] | None = None) -> None:
        """Start to log; a second time is `disable()` and `enable()`.

        `init` is what `wandb.init` takes. Without it the active run is used, or a new one made. Without an API key and
        a terminal to ask for it, or without a server, the run is made offline, with one warning.

        Raises TypeError for an `init` that is no dict or has a key that `wandb.init` does not take, ImportError if
        openai is missing or of a version without these classes; both before anything is done. What else `wandb.init`
        raises passes through, with nothing patched.
        """
        _check_init(init)
        _check_openai()
        with self._lock:
            self.disable()
            run, owns_run = _make_run(init)
            try:
                self._session = self._start(run, owns_run=owns_run)
            except BaseException:
                if owns_run:
                    run.finish()
                raise

    def disable(self) -> None:
        """Write everything, undo the patching, and finish the run if `enable` made it; does nothing if not enabled."""
        with self._lock:
            session, self._session = self._session, None
            if session is None:
                return
            if session.instrumented:
                OpenAIInstrumentor().uninstrument()
            session.switch.target = None
            session.exporter.shutdown()
            for other in session.aside:
                other.resume()
            if session.owns_run:
                session.run.finish()
                stop_unused_service()

    @property
    def exporter(self) -> WandbSpanExporter | None:
        """What writes to the run, while `autolog` is enabled."""
        session = self._session
        return None if session is None else session.exporter

    def _start(self, run: "wandb.Run", *, owns_run: bool) -> _Session:
        instrumentor = OpenAIInstrumentor()
        provider = instrumentor.tracer_provider or trace.get_tracer_provider()
        instrumented = instrumentor.tracer_provider is None
        others = tuple(live_exporters())
        if not isinstance(provider, TracerProvider):
            # Not set as the global one: a provider that the program sets later would be refused.
            provider = TracerProvider(shutdown_on_exit=False)
            others = ()
            if not instrumented:  # with a provider that records nothing
                instrumentor.uninstrument()
                instrumented = True
        switch = self._switch(provider)
        for other in others:
            other.stand_aside()
        exporter = WandbSpanExporter(run=run)
        # No batch processor: the exporter takes a span in microseconds and batches itself.
        switch.target = SimpleSpanProcessor(exporter)
        if instrumented:
            instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
        return _Session(run, owns_run, exporter, switch, instrumented, others)

    def _switch(self, provider: TracerProvider) -> Switch:
        switch = self._switches.get(provider)
        if switch is None:
            switch = self._switches[provider] = Switch()
            provider.add_span_processor(switch)
        return switch


def _check_init(init: object) -> None:
    import wandb

    if init is not None and not isinstance(init, Mapping):
        raise TypeError(
            f"autolog() takes a dict of arguments for wandb.init(), or nothing, not {type(init).__name__}; {_INSTEAD}"
        )
    try:
        inspect.signature(wandb.init).bind(**(init or {}))
    except TypeError as error:
        raise TypeError(f"wandb.init() {error}; {_INSTEAD}") from None


def _check_openai() -> None:
    conflict = get_dependency_conflicts(OpenAIInstrumentor().instrumentation_dependencies())
    if conflict is not None:
        found = conflict.found or "no openai"
        raise ImportError(f"autolog() supports {conflict.required}, found {found}; {_INSTEAD}")


def _make_run(init: Mapping[str, Any] | None) -> tuple["wandb.Run", bool]:
    """The run, and whether it was made here: `wandb.init` may return the one that is active."""
    import wandb

    if not init and wandb.run is not None:
        return wandb.run, False
    before = wandb.run
    run = _init(dict(init or {}))
    return run, run is not before


def _init(init: dict[str, Any]) -> "wandb.Run":
    import wandb

    try:
        return wandb.init(**init)
    except wandb.Error as error:
        if (init.get("mode") or os.environ.get("WANDB_MODE")) in ("offline", "disabled"):
            raise
        log.warning("W&B is not used online: %s. The run is kept offline.", str(error).rstrip("."))
        return wandb.init(**{**init, "mode": "offline"})
