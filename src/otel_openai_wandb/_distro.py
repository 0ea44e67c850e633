"""Sets up the SDK under `opentelemetry-instrument`, if no other distribution does it.

If the environment names no exporter for a signal, `opentelemetry-distro` uses OTLP. If that exporter is not installed,
all telemetry ends with a traceback; if no collector listens, every program logs errors. This distribution uses no
exporter that the environment does not name. It never changes a variable that is set.
"""

import os
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any, Final

from opentelemetry.environment_variables import OTEL_LOGS_EXPORTER, OTEL_METRICS_EXPORTER, OTEL_TRACES_EXPORTER
from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined] # its file opts out
from opentelemetry.instrumentation.environment_variables import OTEL_PYTHON_DISTRO
from opentelemetry.instrumentation.version import __version__

_NAME: Final = "openai_wandb"
_EXPORTERS: Final = (OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER, OTEL_LOGS_EXPORTER)
_PROTOCOL: Final = "OTEL_EXPORTER_OTLP_PROTOCOL"


def distro() -> "WandbDistro | None":
    """Our distribution, or None, which the launcher skips.

    Ours is used if `OTEL_PYTHON_DISTRO` names it, or if no other one is installed and an exporter is named. The
    launcher takes the first distribution that it finds, in any order; that must not be ours by chance. If no exporter
    is named, the program may set its own provider, which would be refused after ours.
    """
    if find_spec("opentelemetry.sdk") is None:
        return None
    is_chosen = os.environ.get(OTEL_PYTHON_DISTRO) == _NAME
    return WandbDistro() if is_chosen or (is_alone() and any(map(os.environ.get, _EXPORTERS))) else None


class WandbDistro(BaseDistro):  # type: ignore[misc] # see the import
    """Configures the SDK from the environment, with OTLP over HTTP, which is the specification's default."""

    def _configure(self, **kwargs: Any) -> None:  # noqa: ARG002 - the launcher's signature
        os.environ.setdefault(_PROTOCOL, "http/protobuf")  # the SDK's default is gRPC, whose exporter may be missing
        if not entry_points(group="opentelemetry_configurator"):  # else the launcher calls that one later
            from opentelemetry.sdk._configuration import _OTelSDKConfigurator  # the SDK offers it to distributions

            configurator: Any = _OTelSDKConfigurator  # has no types
            configurator().configure(auto_instrumentation_version=__version__)


def is_alone() -> bool:
    """Whether no other distribution is installed that sets up the SDK."""
    others = [found for found in entry_points(group="opentelemetry_distro") if found.name != _NAME]
    return not others and not entry_points(group="opentelemetry_configurator")
