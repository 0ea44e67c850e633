"""Checks that all packages that a trace needs are installed, in tested versions."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final

from opentelemetry.instrumentation.dependencies import get_dependency_conflicts

from otel_openai_wandb._doctor.finding import Finding, failed, note, ok
from otel_openai_wandb._doctor.tested import TESTED
from otel_wandb._interface.install import how_to_install

_DISTRIBUTION: Final = "otel-openai-wandb"
_LISTED: Final = (
    _DISTRIBUTION,
    "openai",
    "wandb",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation",
    "wrapt",
)
_EXTRAS: Final = ("instruments", "wandb")


def check_packages() -> Finding:
    """List all required packages that are missing or have an unsupported version, in one finding."""
    wrong = list(_wrong())
    if wrong:
        return failed("packages", "; ".join(wrong), how_to_install("all"))
    found = ", ".join(f"{name} {number}" for name in _LISTED if (number := _version(name)) is not None)
    return ok("packages", f"{found}, Python {platform.python_version()}")


def check_tested() -> Finding | None:
    """List installed packages with an untested version; None if there are none."""
    conflicts = [(needed, get_dependency_conflicts([needed])) for needed in TESTED]
    outside = [
        f"{found.found} ({needed})" for needed, found in conflicts if found is not None and found.found is not None
    ]
    return note("versions", f"outside the tested range: {'; '.join(outside)}") if outside else None


def _wrong() -> Iterator[str]:
    """The required packages, from the metadata of this distribution, that are missing or have another version."""
    for requirement in requires(_DISTRIBUTION) or ():
        needed, _, marker = requirement.partition(";")
        if marker and not any(f'extra == "{extra}"' in marker.replace("'", '"') for extra in _EXTRAS):
            continue
        conflict = get_dependency_conflicts([needed.strip()])
        if conflict is not None:
            found = "is missing" if conflict.found is None else f"is needed, but {conflict.found} is installed"
            yield f"{needed.strip()} {found}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
