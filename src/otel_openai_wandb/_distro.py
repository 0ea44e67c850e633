"""Sets up the SDK under `opentelemetry-instrument`, where no other distribution is there to do it.

`opentelemetry-distro` has an OTLP exporter stand for each signal that nobody named one for: where it is not installed,
all telemetry ends with a traceback; where no collector listens, every program says so. Here nothing stands for what
nobody named. What the environment says is never changed.
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
    """Ours; None, which the launcher passes over, where it is not wanted.

    The launcher takes the first that it finds, in the order of a directory: it must not be ours by chance.
    Where nobody named an exporter the provider is left to the program, whose own would be refused after ours.
    """
    if find_spec("opentelemetry.sdk") is None:
        return None
    is_chosen = os.environ.get(OTEL_PYTHON_DISTRO) == _NAME
    return WandbDistro() if is_chosen or (is_alone() and any(map(os.environ.get, _EXPORTERS))) else None


class WandbDistro(BaseDistro):  # type: ignore[misc] # see the import
    """The SDK as the environment describes it, with OTLP by HTTP, which is the specification's default."""

    def _configure(self, **kwargs: Any) -> None:  # noqa: ARG002 - the launcher's signature
        os.environ.setdefault(_PROTOCOL, "http/protobuf")  # the SDK's own default is an exporter that nothing brings
        if not entry_points(group="opentelemetry_configurator"):  # the launcher calls it next
            from opentelemetry.sdk._configuration import _OTelSDKConfigurator  # for distributions, says the SDK

            configurator: Any = _OTelSDKConfigurator  # has no types
            configurator().configure(auto_instrumentation_version=__version__)


def is_alone() -> bool:
    """Whether no other distribution is installed that sets up the SDK."""
    others = [found for found in entry_points(group="opentelemetry_distro") if found.name != _NAME]
    return not others and not entry_points(group="opentelemetry_configurator")
