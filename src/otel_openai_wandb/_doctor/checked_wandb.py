"""Checks that W&B accepts the key, and that a trace reaches a run."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from otel_openai_v0 import OpenAIInstrumentor
from otel_openai_v0._interface import Choices, Guest
from otel_openai_wandb._doctor.finding import Finding, failed, first_line, note, ok, without_user
from otel_wandb import WandbSpanExporter
from otel_wandb._interface.runs import configured_server, lacks_key, missing_comforts, mode_of

_SECONDS: Final = 15  # for W&B to answer
_REFUSED: Final = re.compile(r"\b(401|403|invalid)\b")  # in wandb's error about a rejected key
_MODES: Final = ("online", "offline", "disabled", "shared", "run", "dryrun")


def check_account(environ: Mapping[str, str]) -> Finding:
    """Check whether runs are online, and whether W&B accepts the key."""
    what = "W&B"
    mode = environ.get("WANDB_MODE", "")
    if mode and mode not in _MODES:
        return failed(what, f"WANDB_MODE={mode} is none of {', '.join(_MODES)}", "unset WANDB_MODE")
    try:
        server = without_user(configured_server())
    except ValueError as error:
        fields = _unreadable(error)
        said = f"{' and '.join(fields)} cannot be read" if fields else first_line(error)
        return failed(what, said, f"unset {' '.join(fields) or 'what it names'}")
    effective = mode_of({})  # the settings files count too
    if effective == "disabled":
        return failed(what, "its mode is disabled: nothing is written", "unset WANDB_MODE, or wandb enabled")
    if effective == "offline":
        return note(what, "its mode is offline: runs are kept on this machine")
    if lacks_key({}):
        if mode:
            return failed(what, f"its mode is {mode}, and there is no key for {server}", f"wandb login --host={server}")
        return note(what, f"no key for {server}: runs are kept offline")
    why = _why_refused()
    if why is not None:
        if not _REFUSED.search(why.replace(server, "")):
            return failed(what, f"{server} does not answer: {why}", f"curl -I {server}")
        remedy = (
            "export WANDB_API_KEY=..." if environ.get("WANDB_API_KEY") else f"wandb login --relogin --host={server}"
        )
        return failed(what, f"{server} does not take the key: {why}", remedy)
    return ok(what, f"{server} takes the key")


def _unreadable(error: ValueError) -> list[str]:
    """The environment variables that wandb's settings reject, from an error of pydantic."""
    errors: list[Any] = getattr(error, "errors", list)()
    return [f"WANDB_{str(found['loc'][0]).upper()}" for found in errors if found.get("loc")]


def _why_refused() -> str | None:
    import wandb

    try:
        wandb.Api(timeout=_SECONDS).viewer.username  # noqa: B018  # asks the server
    except Exception as error:  # noqa: BLE001  # of the key, of the server, of the network
        return first_line(error)
    return None


def check_trace(project: str) -> Finding:
    """Call a stand-in for the API, and check that the trace is in a run. The run is deleted afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_ARTIFACT_DIR"):  # the run's `dir` does not cover them
            os.environ[name] = directory
        provider = TracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
        exporter = WandbSpanExporter(
            project=project,
            mode="offline",
            dir=directory,
            keep=lambda span: span.scope == "otel_openai_v0",
            weave=False,
        )
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        OpenAIInstrumentor().have_guest(Guest(Choices(), lambda _: provider))
        try:
            _call()
        finally:
            OpenAIInstrumentor().part_from_guest()
            exporter.shutdown()
        written = any(path.stat().st_size for path in Path(directory).rglob("*.wandb"))
    counters = exporter.counters
    lost = {name.removeprefix("otel/"): count for name, count in counters.items() if "dropped" in name}
    if lost or not counters["otel/logged"] or not written:
        said = ", ".join(f"{name}: {count}" for name, count in lost.items()) or "no span was exported"
        return failed("test trace", f"did not reach a run ({said})", "see the lines above")
    return ok("test trace", "reached a run, which was deleted")


def check_comforts() -> Finding | None:
    """List the private parts that this version of wandb lacks, as the test trace found; None if there are none."""
    missing = missing_comforts()
    return (
        note("wandb", f"this version lacks private parts that are used for {'; '.join(missing)}") if missing else None
    )


def _call() -> None:
    import openai

    from otel_openai_wandb._demo.server import stand_in

    with stand_in():
        openai.ChatCompletion.create(
            model="gpt-3.5-turbo", messages=[{"role": "user", "content": "Does this trace reach a run?"}]
        )
