"""Writes rows to a run that the program logs to as well, beside the row that it is making and its count of steps.

`run.log` would take along what the program said with `commit=False`, and make its `step=3` one that is past. What the
service process of wandb writes in the end is a record for each row; it takes one that is made here as it is, and gives
it the next free step when it is uploaded. wandb 0.31 has no public way.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import wandb


class SharedHistory:
    """The history of a run that is not ours."""

    def __init__(self, run: "wandb.Run") -> None:
        self._run = run

    def log(self, row: Mapping[str, Any]) -> None:
        """Write one row, and its values to the summary, as `run.log` does. Raises what `run.log` raises."""
        from wandb.errors import UsageError
        from wandb.sdk.data_types.utils import history_dict_to_json

        run = self._run
        if getattr(run, "_is_finished", False):
            raise UsageError(f"Run ({run.id}) is finished")
        interface: Any = getattr(run, "_interface", None)
        if interface is None:  # of the mode "disabled"
            return
        values = history_dict_to_json(run, dict(row), step=0, ignore_copy_err=True)  # a step for the names of files
        now = time.time()
        record = _record({"_timestamp": now, "_runtime": now - run.start_time, **values})
        interface._publish_history(record)  # noqa: SLF001  # see above
        run.summary.update({name: value for name, value in values.items() if not name.startswith("_")})


def _record(values: Mapping[str, Any]) -> Any:
    from wandb.proto import wandb_internal_pb2
    from wandb.util import json_dumps_safer_history

    record: Any = vars(wandb_internal_pb2)["HistoryRecord"]()
    for name, value in values.items():
        record.item.add(key=name, value_json=json_dumps_safer_history(value))
    return record
