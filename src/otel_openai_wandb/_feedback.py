"""Feedback on a trace, which is shown beside it."""

from functools import cache

from otel_openai_wandb._autolog import autolog
from otel_wandb import WandbSpanExporter
from otel_wandb._interface.exporter import live_exporters


def log_feedback(trace_id: str, name: str, value: float | str) -> None:
    """Add `value` as the feedback `name` about a trace to the table `feedback`, which joins on `trace_id`.

    Goes to the run of `autolog`, else to that of the program's exporter, else, after `autolog.disable()`, to another
    run in the project of the one that it ended, else, as in a process that only takes votes, to a run that
    `WANDB_PROJECT` and the rest of wandb's environment say. Hands over and returns; an exit writes it.

    Raises ValueError for a trace id that is not 32 hex digits, TypeError for a value that is no number or text.
    """
    exporter = autolog.exporter or next(iter(live_exporters()), None) or autolog.exporter_after() or _exporter()
    exporter.log_feedback(trace_id, name, value)


@cache
def _exporter() -> WandbSpanExporter:
    return WandbSpanExporter()
