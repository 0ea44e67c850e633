"""Logs feedback on a trace."""

from functools import cache

from otel_openai_wandb._autolog import autolog
from otel_wandb import WandbSpanExporter
from otel_wandb._interface.exporter import live_exporters


def log_feedback(trace_id: str, name: str, value: float | str) -> None:
    """Add a row to the table `feedback`, which joins with the other tables on `trace_id`.

    The row goes to the first of these that exists:
    - the run of `autolog`,
    - the run of an open exporter in this process,
    - after `autolog.disable()`, another run in the same project,
    - a new run with the project of `WANDB_PROJECT`, as in a process that only collects feedback.

    Returns before the row is written; it is written at the latest when the process exits.

    Raises ValueError if the trace id is not 32 hex digits, and TypeError if the value is neither a number nor a text.
    """
    exporter = autolog.exporter or next(iter(live_exporters()), None) or autolog.exporter_after() or _exporter()
    exporter.log_feedback(trace_id, name, value)


@cache
def _exporter() -> WandbSpanExporter:
    return WandbSpanExporter()
