"""The command `openai-wandb doctor`: what is installed, what is active or why not, whether a trace reaches a run."""

import enum
import logging
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

_PACKAGES: Final = (
    "otel-openai-wandb",
    "openai",
    "wandb",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation",
    "wrapt",
)
_NEEDED: Final = frozenset({"openai", "wandb", "opentelemetry-sdk"})
_NAME: Final = "openai_v0"
_FAILED: Final = 1


class State(enum.Enum):
    """What a check found."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    state: State
    text: str


def run(project: str) -> int:
    """Print the report; the exit code is 0, or 1 if anything failed."""
    logging.captureWarnings(capture=True)
    failed = False
    for finding in examine(os.environ, project):
        sys.stdout.write(f"{finding.state.value:>6}  {finding.what:<13} {finding.text}\n")
        sys.stdout.flush()
        failed = failed or finding.state is State.FAILED
    return _FAILED if failed else 0


def examine(environ: Mapping[str, str], project: str) -> Iterator[Finding]:
    """The findings, one after the other; no key is in any of them."""
    packages = _packages()
    yield packages
    if packages.state is State.FAILED:
        return
    instrumentor = _instrumentor(environ)
    yield instrumentor
    yield _capture(environ)
    yield _exporter(environ)
    yield _wandb(environ)
    if instrumentor.state is not State.FAILED:
        yield _test_trace(project)


def _packages() -> Finding:
    found = {name: _version(name) for name in _PACKAGES}
    listed = ", ".join(f"{name} {number}" for name, number in found.items() if number is not None)
    missing = sorted(name for name in _NEEDED if found[name] is None)
    if missing:
        hint = 'pip install "otel-openai-wandb[all]"'
        return Finding("packages", State.FAILED, f"{' and '.join(missing)} missing: {hint} (found: {listed})")
    return Finding("packages", State.OK, f"{listed}, Python {platform.python_version()}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _instrumentor(environ: Mapping[str, str]) -> Finding:
    why = _why_inactive(environ)
    if why is not None:
        return Finding("instrumentor", State.FAILED, why)
    from otel_openai_v0 import OpenAIInstrumentor

    if OpenAIInstrumentor().is_instrumented_by_opentelemetry:
        return Finding("instrumentor", State.OK, "active, started by opentelemetry-instrument")
    return Finding("instrumentor", State.OK, "ready; a program starts it with opentelemetry-instrument, or in its code")


def _why_inactive(environ: Mapping[str, str]) -> str | None:
    from opentelemetry.instrumentation.dependencies import get_dependency_conflicts

    from otel_openai_v0 import OpenAIInstrumentor
    from otel_openai_v0._patching import other_instrumentation

    disabled = [name.strip() for name in environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")]
    if _NAME in disabled or "*" in disabled:
        return "disabled by OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "OTEL_SDK_DISABLED is true: no span is recorded"
    conflict = get_dependency_conflicts(OpenAIInstrumentor().instrumentation_dependencies())
    if conflict is not None:
        return f"supports {conflict.required}, found {conflict.found or 'none'}"
    import openai

    other = other_instrumentation(openai)
    return None if other is None else f"openai is instrumented by {other} already: every call would have two spans"


def _capture(environ: Mapping[str, str]) -> Finding:
    from otel_openai_v0._settings import CAPTURE_CONTENT_VARIABLE, Choices, read_variables, settings_of

    mode = settings_of(read_variables(environ), Choices()).capture
    origin = CAPTURE_CONTENT_VARIABLE if environ.get(CAPTURE_CONTENT_VARIABLE) else "the default"
    places = [name for name, is_there in (("spans", mode.on_span), ("events", mode.on_event)) if is_there]
    where = f"on {' and '.join(places)}" if places else "not recorded"
    return Finding("capture", State.OK, f"prompts and completions are {where} ({mode.value}, {origin})")


def _exporter(environ: Mapping[str, str]) -> Finding:
    chosen = environ.get("OTEL_TRACES_EXPORTER", "")
    if "wandb" in (name.strip() for name in chosen.split(",")):
        return Finding("exporter", State.OK, f"OTEL_TRACES_EXPORTER={chosen}")
    said = f"OTEL_TRACES_EXPORTER is {chosen or 'not set'}"
    return Finding("exporter", State.NOTE, f"{said}: opentelemetry-instrument writes to W&B only if it names wandb")


def _wandb(environ: Mapping[str, str]) -> Finding:
    from otel_wandb._run import configured_server, has_credentials

    mode = environ.get("WANDB_MODE")
    if mode:
        return Finding("W&B", State.OK if mode != "disabled" else State.NOTE, f"WANDB_MODE={mode}")
    try:
        server = configured_server()
    except ValueError as error:
        return Finding("W&B", State.FAILED, str(error).partition("\n")[0])
    if has_credentials(server):
        return Finding("W&B", State.OK, f"a key for {server} is there")
    return Finding("W&B", State.NOTE, f"no key for {server}: runs are kept offline")


def _test_trace(project: str) -> Finding:
    """Make one call to a stand-in for the API, and see what becomes of its span."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    from otel_openai_v0 import OpenAIInstrumentor
    from otel_wandb import WandbSpanExporter
    from otel_wandb._exporter import live_exporters

    instrumentor = OpenAIInstrumentor()
    provider: Any = instrumentor.tracer_provider
    if not hasattr(provider, "add_span_processor"):
        provider = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
        instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    for other in live_exporters():  # those of the environment
        other.stand_aside()
    exporter = WandbSpanExporter(project=project, keep=lambda span: span.scope == "otel_openai_v0")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    _call()
    exporter.force_flush()
    where = ", ".join(exporter.whereabouts)
    exporter.shutdown()
    counters = exporter.counters
    lost = {name.removeprefix("otel/"): count for name, count in counters.items() if "dropped" in name}
    if lost or not counters["otel/logged"]:
        said = ", ".join(f"{name}: {count}" for name, count in lost.items()) or "no span came"
        return Finding("test trace", State.FAILED, f"did not reach a run ({said})")
    return Finding("test trace", State.OK, f"is in {where or 'no run: W&B is disabled'}")


def _call() -> None:
    import openai

    from otel_openai_wandb.demo_server import stand_in

    with stand_in():
        openai.ChatCompletion.create(
            model="gpt-3.5-turbo", messages=[{"role": "user", "content": "Is this trace in W&B?"}]
        )
