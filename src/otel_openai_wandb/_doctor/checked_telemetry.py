"""Checks that calls become spans, and that the named exporters can be loaded."""

import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision

from otel_openai_v0 import CaptureContent, OpenAIInstrumentor
from otel_openai_v0._interface import CAPTURE_CONTENT_VARIABLE, Choices, read_variables, settings_of
from otel_openai_wandb._distro import is_alone
from otel_openai_wandb._doctor.finding import Finding, failed, note, ok
from otel_wandb._interface.install import how_to_install

_NAME: Final = "openai_v0"
_DISABLED_VARIABLE: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_LAUNCHER: Final = "auto_instrumentation"
_HIGHEST_ID: Final = (1 << 128) - 1  # of a trace; a ratio omits the highest ids first
_SIGNALS: Final = ("traces", "metrics", "logs")


def check_instrumentor(environ: Mapping[str, str]) -> Finding:
    """Check whether openai is instrumented, or can be."""
    what = "instrumentor"
    disabled = [name.strip() for name in environ.get(_DISABLED_VARIABLE, "").split(",")]
    if _NAME in disabled or "*" in disabled:
        return failed(what, f"disabled by {_DISABLED_VARIABLE}", f"unset {_DISABLED_VARIABLE}")
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return failed(what, "OTEL_SDK_DISABLED is true: no span is recorded", "unset OTEL_SDK_DISABLED")
    import openai  # noqa: F401  # openai is wrapped when it is imported

    other = OpenAIInstrumentor().other_instrumentation
    if other is not None:
        said = f"openai is instrumented by {other} already: every call would have two spans"
        return failed(what, said, f"leave out {other.rpartition('.')[0] or other}")
    if not _was_launched():
        return ok(what, "ready: enable it with opentelemetry-instrument, or in the program")
    if not OpenAIInstrumentor().is_instrumented_by_opentelemetry:
        said = "opentelemetry-instrument started this program and did not instrument openai; its log says why"
        return failed(what, said, "OTEL_LOG_LEVEL=debug opentelemetry-instrument openai-wandb doctor")
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        if not any(environ.get(_variable(signal)) for signal in _SIGNALS):
            return note(what, "active; no exporter is named, so the program must set up OpenTelemetry itself")
        said = "opentelemetry-instrument set up no SDK, so nothing is recorded; its log says why"
        return failed(what, said, f"{how_to_install('all')}, and OTEL_TRACES_EXPORTER=wandb")
    return ok(what, "active, started by opentelemetry-instrument")


def _was_launched() -> bool:
    """Whether `opentelemetry-instrument` started this process: it replaces the module `sitecustomize`."""
    return _LAUNCHER in str(getattr(sys.modules.get("sitecustomize"), "__file__", ""))


def check_sampler(environ: Mapping[str, str]) -> Finding:
    """Check whether a call without a parent may be sampled. Any ratio above 0 samples trace id 0."""
    global_provider = trace.get_tracer_provider()
    provider = (
        global_provider if isinstance(global_provider, TracerProvider) else TracerProvider(shutdown_on_exit=False)
    )
    chosen = environ.get("OTEL_TRACES_SAMPLER", "").strip()
    said = f"OTEL_TRACES_SAMPLER={chosen}" if chosen else "the default"
    if provider.sampler.should_sample(None, 0, "chat").decision is Decision.DROP:
        return failed("sampler", f"{said} records no call", "unset OTEL_TRACES_SAMPLER")
    if provider.sampler.should_sample(None, _HIGHEST_ID, "chat").decision is Decision.DROP:
        return note("sampler", f"{said} records a part of the calls")
    return ok("sampler", f"{said} records calls")


def check_capture(environ: Mapping[str, str]) -> Finding:
    """Check whether prompts and completions are recorded."""
    variables = read_variables(environ)
    if variables.complaint is not None:
        modes = " or ".join(mode.value for mode in CaptureContent)
        return failed("capture", variables.complaint, f"set {CAPTURE_CONTENT_VARIABLE} to {modes}")
    mode = settings_of(variables, Choices()).capture
    origin = CAPTURE_CONTENT_VARIABLE if variables.capture is not None else "the default"
    places = [name for name, is_there in (("spans", mode.on_span), ("events", mode.on_event)) if is_there]
    where = f"on {' and '.join(places)}" if places else "not recorded"
    return ok("capture", f"prompts and completions are {where} ({mode.value}, {origin})")


def check_exporters(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Check whether the exporters that the environment names can be loaded."""
    for signal in _SIGNALS:
        variable = _variable(signal)
        named = environ.get(variable, "" if is_alone() else "otlp")  # as `opentelemetry-distro` has it
        names = _names(named)
        problems = [why for name in names if (why := _why_not_loaded(name, signal, environ))]
        if problems:
            remedy = f"{variable}={'wandb' if signal == 'traces' else 'none'}, or install the exporter"
            yield failed(f"{signal} exporter", f"{variable}={','.join(names)}: {'; '.join(problems)}", remedy)
        elif signal == "traces":
            yield _traces_exporter(variable, named, names)


def _names(named: str) -> list[str]:
    """The exporters as the SDK reads them: it looks for each, also for an empty name, and for `none` beside others."""
    return [] if named.strip().lower() in {"", "none"} else [name.strip() for name in named.split(",")]


def _variable(signal: str) -> str:
    return f"OTEL_{signal.upper()}_EXPORTER"


def _traces_exporter(variable: str, named: str, names: list[str]) -> Finding:
    if "wandb" in names:
        return ok("exporter", f"{variable}={','.join(names)}")
    said = f"{variable} is {named.strip() or 'not set'}"
    return note("exporter", f"{said}: opentelemetry-instrument writes to W&B only if it names wandb")


def _why_not_loaded(name: str, signal: str, environ: Mapping[str, str]) -> str | None:
    if not name:
        return "a name is empty"
    if name == "none":
        return "none must stand alone"
    full = _otlp_by_protocol(signal, environ) if name == "otlp" else name
    found: Any = list(entry_points(group=f"opentelemetry_{signal}_exporter", name=full))
    if not found:
        return f"no installed package has an exporter {full}"
    try:
        found[0].load()
    except Exception as error:  # noqa: BLE001  # an exporter may raise anything
        return f"{full} does not load ({type(error).__name__}: {error})"
    return None


def _otlp_by_protocol(signal: str, environ: Mapping[str, str]) -> str:
    """The exporter that the SDK loads for `otlp`, with the default that the distribution sets."""
    names = (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    default = "http/protobuf" if is_alone() else "grpc"
    protocol = next((text for name in names if (text := environ.get(name, "").strip())), default)
    return "otlp_proto_http" if protocol == "http/protobuf" else "otlp_proto_grpc"
