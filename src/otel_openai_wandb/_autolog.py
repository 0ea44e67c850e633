"""`autolog`: the signatures and log keys of the integration that wandb removed in 0.27.1, without its bugs."""

import atexit
import inspect
import json
import logging
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from opentelemetry.instrumentation.dependencies import get_dependency_conflicts
from opentelemetry.sdk.trace import TracerProvider

from otel_openai_v0 import CaptureContent, OpenAIInstrumentor, Redactor
from otel_openai_v0._interface import Choices, Guest, read_choices
from otel_openai_wandb._processor import SwitchableProcessor
from otel_openai_wandb._reading.last_line import say_how_to_see
from otel_openai_wandb._session import Session, may_record, own_provider
from otel_openai_wandb._traces import Traces, written_by
from otel_wandb import WandbSpanExporter
from otel_wandb._interface.exporter import Keep, Weave, checked_keep, checked_weave, live_exporters, read_prices
from otel_wandb._interface.runs import is_of_this_process, mode_of, wait_until_written, without_weave

if TYPE_CHECKING:
    import wandb

log: Final = logging.getLogger(__name__)

_WRITTEN_SECONDS: Final = 5.0  # to wait until a run's last records are on the disk
_INSTEAD: Final = "nothing was patched and no run was started"


class Autolog:
    """Logs calls of openai 0.27 and 0.28 to a W&B run, as trace timelines, rows of the table `stats`, and `usage/*`.

    `autolog()`, `autolog({...})`, `autolog(init={...})` and `autolog(project=...)` are `enable(...)`;
    `autolog.disable()` ends it. The class is for annotations: `autolog` is the only object of it.
    """

    _is_made: ClassVar[bool] = False

    def __init__(self) -> None:
        """Raises TypeError: a second object would end the session of the first, as openai is wrapped once."""
        if Autolog._is_made:
            raise TypeError("there is one Autolog for the process: from otel_openai_wandb import autolog")
        Autolog._is_made = True
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._owns_run = False
        self._left: Mapping[str, Any] | None = None  # where the last session's traces are
        self._between: WandbSpanExporter | None = None  # for feedback
        self._written: Sequence[str] = ()  # the directories of the last session's runs
        self._switches: weakref.WeakKeyDictionary[TracerProvider, SwitchableProcessor] = weakref.WeakKeyDictionary()

    def enable(
        self,
        init: Mapping[str, Any] | None = None,
        *,
        capture_content: CaptureContent | str | bool | None = None,
        redact: Redactor | None = None,
        keep: Keep | None = None,
        prices: Mapping[str, Mapping[str, float]] | None = None,
        weave: Weave | None = None,
        **more: Any,
    ) -> None:
        """Start to log. If it is enabled already, call `disable()` first; calls that are open then are in the new run.

        `init` and all other keywords are arguments of `wandb.init`. Without them the active run is used, or a new one
        is made. If there is no API key and no terminal to ask for it, or if the server cannot be reached, the run is
        made offline, with one warning.

        `capture_content` and `redact` are those of `OpenAIInstrumentor().instrument()`. They are valid until the next
        `enable()` or `disable()`. `keep`, `prices` and `weave` are those of `WandbSpanExporter`.

        If nothing can be recorded, because OpenTelemetry is disabled or another package instruments openai, one
        warning says so, and no run is made.

        Raises TypeError for an `init` that is not a dict, and for an argument that `wandb.init` does not take;
        TypeError or ValueError for a wrong value of our own arguments; ImportError if openai is missing or has an
        unsupported version. In all these cases nothing was changed. Raises other errors of `wandb.init` too, with
        nothing patched.
        """
        choices = read_choices(capture_content, redact)
        _check_exporting(keep, prices, weave)
        init = _checked_init(init, more)
        _check_openai()
        with self._lock:
            self._end(is_followed=True)
            why = _why_nothing_is_recorded()
            if why is not None:
                log.warning("autolog() has nothing to log: %s; %s", why, _INSTEAD)
                return
            self._end_what_came_between()
            run, self._owns_run = _make_run(init)
            # Registered again, to run after the exporter's callback and before wandb's, which ends wandb's process.
            atexit.unregister(self._last_words)
            atexit.register(self._last_words)
            self._start(run, choices, partial(WandbSpanExporter, run=run, keep=keep, prices=prices, weave=weave))
            self._left = {**_where_runs_are(init), "project": run.project, "entity": run.entity or None}

    __call__ = enable

    def disable(self) -> None:
        """Write all that has ended, undo what `enable` did, and finish the run if it made it.

        Calls and streams that are still open are not in the run; a warning says how many. Does nothing if not enabled.
        """
        self._end(is_followed=False)

    @property
    def exporter(self) -> WandbSpanExporter | None:
        """The exporter that writes to the run; None if `autolog` is not enabled."""
        session = self._session
        return None if session is None else session.exporter

    @property
    def traces(self) -> Traces:
        """The traces of this session, or of the last. A notebook shows them as a page."""
        return Traces(self._directories)

    def exporter_between(self) -> WandbSpanExporter:
        """The exporter that takes feedback while there is no session.

        It is the program's exporter, else one of our own: in the project of the last session if there was one.
        """
        programs = next((one for one in live_exporters() if one is not self._between), None)
        if programs is not None:
            return programs
        with self._lock:
            if self._between is None:
                self._between = WandbSpanExporter(**(self._left or {}))
            return self._between

    def _start(self, run: "wandb.Run", choices: Choices, make_exporter: Callable[[], WandbSpanExporter]) -> None:
        """Start a session. If that fails, finish the run if it was made here."""
        try:
            exporter = make_exporter()
            exporter.follow(_active_run)
            session = self._session = Session(run, exporter, self._own, self._switch_of)
            OpenAIInstrumentor().have_guest(Guest(choices, session.route))
        except BaseException:
            if self._session is None and self._owns_run:
                run.finish()
            self.disable()
            raise

    def _end(self, *, is_followed: bool) -> None:
        with self._lock:
            session, self._session = self._session, None
            if session is None:
                return
            OpenAIInstrumentor().part_from_guest()
            session.end(is_followed=is_followed)
            self._written = session.exporter.directories
            if self._owns_run and is_of_this_process(session.run):  # a forked child cannot finish its parent's
                session.run.finish()
                wait_until_written(_WRITTEN_SECONDS)
                say_how_to_see(session.directory)

    def _last_words(self) -> None:
        session = self._session
        if session is not None and self._owns_run and is_of_this_process(session.run):
            say_how_to_see(session.directory)

    def _directories(self) -> Sequence[str]:
        exporter = self.exporter
        return self._written if exporter is None else written_by(exporter)

    def _end_what_came_between(self) -> None:
        between, self._between, self._left = self._between, None, None
        if between is not None:
            between.shutdown()

    @cached_property
    def _own(self) -> TracerProvider:
        return own_provider()

    def _switch_of(self, provider: TracerProvider) -> SwitchableProcessor:
        switch = self._switches.get(provider)
        if switch is None:
            switch = self._switches[provider] = SwitchableProcessor()
            provider.add_span_processor(switch)
        return switch


autolog: Final = Autolog()


def _active_run() -> "wandb.Run | None":
    import wandb

    return wandb.run if wandb.run is not None and is_of_this_process(wandb.run) else None


def _why_nothing_is_recorded() -> str | None:
    if not may_record(own_provider()):
        return "OTEL_SDK_DISABLED is true"
    import openai  # noqa: F401  # openai is wrapped when it is imported

    other = OpenAIInstrumentor().other_instrumentation
    return None if other is None else f"openai is instrumented by {other} already"


def _check_exporting(keep: Keep | None, prices: Mapping[str, Mapping[str, float]] | None, weave: Weave | None) -> None:
    """Raise the exporter's errors before a run is made."""
    if keep is not None:
        checked_keep(keep)
    if prices is not None:
        read_prices(json.dumps(dict(prices)))
    if weave is not None:
        checked_weave(weave)


def _where_runs_are(init: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: init[name] for name in ("dir", "mode", "settings") if init.get(name) is not None}


def _checked_init(init: object, more: Mapping[str, Any]) -> Mapping[str, Any]:
    """All arguments of `wandb.init`. Raises TypeError if they do not match its signature."""
    import wandb

    if init is not None and not isinstance(init, Mapping):
        raise TypeError(
            f"autolog() takes a dict of arguments for wandb.init(), or nothing, not {type(init).__name__}; {_INSTEAD}"
        )
    given = {**(init or {}), **more}
    try:
        inspect.signature(wandb.init).bind(**given)
    except TypeError as error:
        raise TypeError(f"wandb.init() {error}; {_INSTEAD}") from None
    return given


def _check_openai() -> None:
    conflict = get_dependency_conflicts(OpenAIInstrumentor().instrumentation_dependencies())
    if conflict is not None:
        found = conflict.found or "no openai"
        raise ImportError(f"autolog() supports {conflict.required}, found {found}; {_INSTEAD}")


def _make_run(init: Mapping[str, Any]) -> tuple["wandb.Run", bool]:
    """The run, and whether it was made here: `wandb.init` may return the active run."""
    import wandb

    active = _active_run()
    if not init and active is not None:
        return active, False
    before = wandb.run
    run = _init(dict(init))
    return run, run is not before


def _init(init: dict[str, Any]) -> "wandb.Run":
    import wandb

    # If the program has imported Weave, wandb.init may start it for this run, as with W&B's own autolog.
    quiet = nullcontext if "weave" in sys.modules else without_weave
    try:
        with quiet():
            return wandb.init(**init)
    except wandb.Error as error:
        if mode_of(init) in ("offline", "disabled"):
            raise
        log.warning("W&B is not used online: %s. The run is kept offline.", str(error).rstrip("."))
        with quiet():
            return wandb.init(**{**init, "mode": "offline"})
