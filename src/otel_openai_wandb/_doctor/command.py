"""The command `openai-wandb doctor`: checks everything that a trace needs, and prints what prevents traces."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from otel_openai_wandb._doctor.checked_packages import check_packages, check_tested
from otel_openai_wandb._doctor.finding import Finding, State, as_json, is_well

_FAILED: Final = 1


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
    from otel_openai_wandb._doctor import checked_telemetry as telemetry
    from otel_openai_wandb._doctor import checked_wandb as wandb
    from otel_openai_wandb._doctor.checked_weave import check_weave

    instrumentor = telemetry.check_instrumentor(environ)
    yield instrumentor
    yield telemetry.check_sampler(environ)
    yield telemetry.check_capture(environ)
    yield from telemetry.check_exporters(environ)
    yield wandb.check_account(environ)
    weave = check_weave(environ, project)
    if weave is not None:
        yield weave
    if instrumentor.state is not State.FAILED:
        yield wandb.check_trace(project)
    comforts = wandb.check_comforts()
    if comforts is not None:
        yield comforts
