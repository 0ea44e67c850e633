"""Writes rows to a run that the program logs to as well, without changing the program's unfinished row or its steps.

`run.log` would commit what the program logged with `commit=False`, and wandb could refuse a `step=` of the program
because that step is past. But wandb's service process also accepts a history record that is made here, and gives it the
next free step at the upload. wandb has no public function for that; if the private one is missing, `run.log` is used.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from otel_wandb._runs.private.history import publish_row, row_json
from otel_wandb._runs.private.runs import is_finished

if TYPE_CHECKING:
    import wandb


class SharedHistory:
    """Writes to the history of a run that is not ours."""

    def __init__(self, run: "wandb.Run") -> None:
        self._run = run

    def log(self, row: Mapping[str, Any]) -> None:
        """Write one row, and its values except for the trace to the summary. Raises the errors of `run.log`."""
        from wandb.errors import UsageError

        run = self._run
        ended = is_finished(run)
        if ended:
            raise UsageError(f"Run ({run.id}) is finished")
        if run.disabled:
            return
        values = None if ended is None else row_json(run, row)  # if None, `run.log` finds out
        if values is None or not publish_row(run, values):
            run.log(dict(row))
            return
        kept = {name: value for name, value in values.items() if not name.startswith("_") and name != "trace"}
        run.summary.update(kept)
