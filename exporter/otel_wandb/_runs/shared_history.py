"""Writes rows to a run that the program logs to as well, without touching the row it is making or its count of steps.

`run.log` would commit what the program logged with `commit=False`, and would make its `step=3` one that is past.
wandb's service process writes a record for each row in the end. It takes a record that is made here as it is, and gives
it the next free step at the upload. wandb has no public way; where the private one is gone, `run.log` is used.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from otel_wandb._runs.private.history import publish_row, row_json
from otel_wandb._runs.private.runs import is_finished

if TYPE_CHECKING:
    import wandb


class SharedHistory:
    """The history of a run that is not ours."""

    def __init__(self, run: "wandb.Run") -> None:
        self._run = run

    def log(self, row: Mapping[str, Any]) -> None:
        """Write one row, and its values but the trace to the summary. Raises what `run.log` raises."""
        from wandb.errors import UsageError

        run = self._run
        ended = is_finished(run)
        if ended:
            raise UsageError(f"Run ({run.id}) is finished")
        if run.disabled:
            return
        values = None if ended is None else row_json(run, row)  # None: `run.log` knows
        if values is None or not publish_row(run, values):
            run.log(dict(row))
            return
        kept = {name: value for name, value in values.items() if not name.startswith("_") and name != "trace"}
        run.summary.update(kept)
