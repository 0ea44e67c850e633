"""Runs the demo once: makes the calls, shows each trace, writes the W&B run and says where it is."""

import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_openai_wandb import autolog
from otel_openai_wandb._demo.calls import STEPS, Step
from otel_openai_wandb._demo.interrupts import Interrupts
from otel_openai_wandb._demo.run import where_to_look
from otel_openai_wandb._demo.screen import Screen
from otel_openai_wandb._demo.server import stand_in
from otel_openai_wandb._reading.run_directories import from_here
from otel_openai_wandb._session import own_provider
from otel_wandb._interface.runs import RECORDS_NOTHING, lacks_key
from otel_wandb._interface.traces import records_of

_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells report it


class CannotRunError(Exception):
    """The demo cannot run; the message says why."""


def run_session(project: str, *, real: bool) -> int:
    """Make the calls and show them. Returns exit code 0, 1 after a failure, or 130 after Ctrl-C.

    Raises CannotRunError.
    """
    interrupts, screen = Interrupts(), Screen(len(STEPS))
    session = _Session(project, screen, real=real)
    with screen.progress:
        try:
            session.load()  # not interruptible: a half-imported module would fail later
            with suppress(KeyboardInterrupt):
                with interrupts.allowed():
                    session.open()
                for step in STEPS:
                    with interrupts.allowed():
                        session.make(step)
                    session.show()
        except Exception:
            if not interrupts.came:  # else a library may have raised its own error for the interrupt
                raise
        finally:
            session.close()
    interrupts.ignore()
    session.conclude(interrupted=interrupts.came)
    return _INTERRUPTED if interrupts.came else int(session.failures > 0)


class _Session:
    def __init__(self, project: str, screen: Screen, *, real: bool) -> None:
        self.failures = 0  # of steps that are expected to succeed
        self._project = project
        self._real = real
        self._screen = screen
        self._stack = ExitStack()
        self._spans = InMemorySpanExporter()
        self._where: Iterable[tuple[str, str | None]] = ()  # of `where_to_look`
        self._traces = 0

    def load(self) -> None:
        """Import openai and wandb, which takes a second or two."""
        self._screen.doing("loading openai and wandb")
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            raise CannotRunError("There is nothing to show while OTEL_SDK_DISABLED is true.")
        import openai  # noqa: F401

        try:
            import wandb

            wandb.setup(wandb.Settings(silent=True))  # the settings of a run do not apply to the log-in
        except ValueError as error:  # one of wandb's environment variables is invalid
            raise CannotRunError(f"The demo cannot run: {error}") from error

    def open(self) -> None:
        """Point openai at an API and start autolog."""
        self._screen.doing("opening a W&B run")
        self._find_api()
        provider = trace.get_tracer_provider()
        if not isinstance(provider, TracerProvider):
            provider = own_provider()
            trace.set_tracer_provider(provider)  # autolog adds its exporter to it
        provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self._start_autolog()
        self._screen.heading()

    def make(self, step: Step) -> None:
        """Make the calls of a step. Its trace shows whether it failed."""
        import openai

        self._screen.doing(step.title)
        try:
            step.call(openai, trace.get_tracer("otel_openai_wandb.demo"))
        except Exception:  # noqa: BLE001
            self.failures += not step.must_fail
        self._screen.done()

    def show(self) -> None:
        """Show the traces that have ended since the last time."""
        for found in records_of(self._spans.get_finished_spans()):
            self._traces += 1
            self._screen.trace(found)
        self._spans.clear()

    def close(self) -> None:
        """Write the run, and end wandb's process."""
        self._screen.doing("writing the W&B run")
        self.show()  # the trace of an interrupted step
        autolog.disable()
        self._stack.close()
        if "wandb" in sys.modules:
            sys.modules["wandb"].teardown()

    def conclude(self, *, interrupted: bool) -> None:
        """Print how the demo ended and where the run is."""
        self._screen.say()
        if interrupted:
            traces = "trace" if self._traces == 1 else "traces"
            self._screen.say(f"Interrupted after {self._traces} {traces}.", "yellow")
        for sentence, line in self._where:
            self._screen.say(sentence)
            if line:
                self._screen.verbatim(line)

    def _find_api(self) -> None:
        import openai

        if not self._real:
            self._stack.enter_context(stand_in())
            self._screen.say(f"A stand-in for the API answers at {_host(openai)}; --real asks OpenAI.")
        elif openai.api_key or openai.api_key_path:
            self._screen.say(f"The calls go to {_host(openai)}.")
        else:
            raise CannotRunError("The demo needs a key to ask OpenAI: set OPENAI_API_KEY, or leave out --real.")

    def _start_autolog(self) -> None:
        import wandb

        offline = lacks_key({})
        if offline:
            self._screen.say("No W&B API key was found: the run is kept offline.")
        settings = wandb.Settings(**RECORDS_NOTHING, init_timeout=15, finish_timeout=30)
        try:
            autolog(project=self._project, settings=settings, mode="offline" if offline else None)
        except (ImportError, wandb.Error) as error:
            raise CannotRunError(f"The demo cannot run: {error}") from error
        except OSError as error:
            raise CannotRunError(
                f"The demo cannot write its run: {error}. Set WANDB_DIR to another directory."
            ) from error
        run = wandb.run
        if run is None or run.disabled:
            self._where = where_to_look(None, None)
        else:
            self._where = where_to_look(None if run.offline else run.url, from_here(Path(run.dir).parent))


def _host(openai: Any) -> str:
    """The host and port of openai's address, without its user information."""
    return urlsplit(str(openai.api_base)).netloc.rpartition("@")[2]
