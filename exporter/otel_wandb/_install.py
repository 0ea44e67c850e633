"""Finds missing packages of the extras, and the command that installs them."""

import json
import shlex
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlsplit

DELIVERING_WANDB: Final = "wandb >= 0.31"
"""The service process of this wandb writes a run's file once a second. Earlier ones hold back up to 32 KiB."""
_DISTRIBUTION: Final = "otel-openai-wandb"
# The module of a package, if its name differs.
_MODULES: Final = {
    "confluent-kafka": "confluent_kafka",
    "opentelemetry-sdk": "opentelemetry.sdk.trace",
    "opentelemetry-proto": "opentelemetry.proto.trace",
    "googleapis-common-protos": "google.rpc.status_pb2",
    "grpcio": "grpc",
    "prometheus-client": "prometheus_client",
}


def how_to_install(extra: str) -> str:
    """The command that installs `extra` from the origin of this package: a checkout, an archive, or the index."""
    origin = _origin()
    options = "-e " if origin.get("dir_info", {}).get("editable") else ""
    return f"pip install {options}{shlex.quote(_requirement(extra, origin))}"


def require(what: str, extra: str, *packages: str) -> None:
    """Raise ImportError with the command that installs `extra`, if one of `packages` is missing."""
    missing = missing_of(packages)
    if missing:
        raise ImportError(f"{what} needs {' and '.join(missing)}: {how_to_install(extra)}", name=missing[0])


def missing_of(packages: tuple[str, ...]) -> list[str]:
    """Those of `packages` that are not installed."""
    return [name for name in packages if not _is_installed(_MODULES.get(name, name))]


def unmet(what: str, extra: str, packages: tuple[str, ...], requirement: str) -> str | None:
    """A message if one of `packages` is missing or `requirement` is not met, with the command that installs `extra`."""
    missing = missing_of(packages)
    if missing:
        return f"{what} needs {' and '.join(missing)}: {how_to_install(extra)}"
    from opentelemetry.instrumentation.dependencies import get_dependency_conflicts  # slow

    conflict = get_dependency_conflicts([requirement])
    if conflict is None:
        return None
    return f"{what} needs {requirement}, but {conflict.found or 'none'} is installed: {how_to_install(extra)}"


def _is_installed(module: str) -> bool:
    """Whether a module can be imported. A folder without a module, such as `./wandb` with its runs, has no origin."""
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:  # the parent package is missing
        return False
    except ValueError:  # `sys.modules` has a module without a spec
        return True
    return spec is not None and spec.origin is not None


def _requirement(extra: str, origin: Mapping[str, Any]) -> str:
    url = origin.get("url")
    if url is None:
        return f"{_DISTRIBUTION}[{extra}]"
    if "dir_info" in origin:
        from urllib.request import url2pathname  # imports half of the standard library

        return f"{url2pathname(urlsplit(url).path)}[{extra}]"
    repository = origin.get("vcs_info")
    if repository is not None:
        url = f"{repository['vcs']}+{url}@{repository['commit_id']}"
    return f"{_DISTRIBUTION}[{extra}] @ {url}"


def _origin() -> Mapping[str, Any]:
    """The record of pip about an install that did not come from an index (PEP 610)."""
    try:
        written = distribution(_DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        written = None
    return {} if written is None else json.loads(written)
