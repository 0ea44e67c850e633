"""The command `openai-wandb doctor`: checks everything that a trace needs, and prints what prevents traces."""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

from otel_openai_wandb._doctor.checked_packages import check_packages, check_tested
from otel_openai_wandb._doctor.finding import Finding, State, as_json, failed, first_line, is_well

_FAILED: Final = 1
_Found = TypeVar("_Found", bound=Finding | None)


def run(project: str, *, for_machines: bool) -> int:
    """Print the report, as lines or as JSON. Returns exit code 0, or 1 if a check failed."""
    logging.captureWarnings(capture=True)
    findings = []
    for finding in examine(os.environ, project):
        findings.append(finding)
        if not for_machines:
            sys.stdout.write(finding.line())
            sys.stdout.flush()
    if for_machines:
        sys.stdout.write(as_json(findings))
    return 0 if is_well(findings) else _FAILED


def examine(environ: Mapping[str, str], project: str) -> Iterator[Finding]:
    """Run the checks, and yield their findings. No finding contains a key."""
    packages = check_packages()
    yield packages
    if packages.state is State.FAILED:  # the other checks import these packages
        return
    untested = check_tested()
    if untested is not None:
        yield untested
    try:
        from otel_openai_wandb._doctor import checked_telemetry as telemetry
        from otel_openai_wandb._doctor import checked_wandb as wandb
        from otel_openai_wandb._doctor.checked_weave import check_weave
    except Exception as error:  # noqa: BLE001  # a setting that the SDK reads when it is imported
        yield _broken("OpenTelemetry", error)
        return
    instrumentor = _checked("instrumentor", lambda: telemetry.check_instrumentor(environ))
    yield instrumentor
    yield _checked("sampler", lambda: telemetry.check_sampler(environ))
    yield _checked("capture", lambda: telemetry.check_capture(environ))
    yield from telemetry.check_exporters(environ)
    yield _checked("W&B", lambda: wandb.check_account(environ))
    weave = _checked("Weave", lambda: check_weave(environ, project))
    if weave is not None:
        yield weave
    if instrumentor.state is not State.FAILED:
        yield _checked("test trace", lambda: wandb.check_trace(project))
    comforts = wandb.check_comforts()
    if comforts is not None:
        yield comforts


def _checked(what: str, check: Callable[[], _Found]) -> _Found | Finding:
    """Run a check and return its finding. If the check itself fails, that is a finding too."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001  # of the SDK, of wandb, of the disk
        return _broken(what, error)


def _broken(what: str, error: Exception) -> Finding:
    return failed(what, f"{type(error).__name__}: {first_line(error)}", "correct what it names")
