"""Logs feedback on a trace."""

from otel_openai_wandb._autolog import autolog


def log_feedback(trace_id: str | None, name: str, value: float | str) -> None:
    """Add `value` as the feedback `name` about a trace to the table `feedback`, which joins on `trace_id`.

    The row goes to the first of these that exists:
    - the run of `autolog`,
    - the run of an open exporter in this process,
    - after `autolog.disable()`, another run in the same project,
    - a new run with the project of `WANDB_PROJECT`, as in a process that only collects feedback.

    Does nothing if `trace_id` is None, as `current_trace_id()` is after a call that was not recorded. Raises ValueError
    for a trace id that is not 32 hex digits, TypeError for a name that is no text or a value that is no number or text.
    """
    exporter = autolog.exporter or autolog.exporter_between()
    exporter.log_feedback(trace_id, name, value)
