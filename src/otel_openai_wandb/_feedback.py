"""Feedback on a trace, which is shown beside it."""

from otel_openai_wandb._autolog import autolog


def log_feedback(trace_id: str | None, name: str, value: float | str) -> None:
    """Add `value` as the feedback `name` about a trace to the table `feedback`, which joins on `trace_id`.

    Goes to the run of `autolog`, else to that of the program's exporter, else, after `autolog.disable()`, to another
    run in the project of the one that it ended, else, as in a process that only takes votes, to a run that
    `WANDB_PROJECT` and the rest of wandb's environment say. Hands over and returns; an exit writes it.

    Does nothing if `trace_id` is None, as `current_trace_id()` is after a call that was not recorded. Raises ValueError
    for a trace id that is not 32 hex digits, TypeError for a name that is no text or a value that is no number or text.
    """
    exporter = autolog.exporter or autolog.exporter_between()
    exporter.log_feedback(trace_id, name, value)
