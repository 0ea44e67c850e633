"""Private parts of wandb: the rows of a run's history, and the records of its file."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from otel_wandb._runs.private.missing import without

if TYPE_CHECKING:
    import wandb

_OTHER_SIGNATURE: Final = (AttributeError, TypeError, NotImplementedError)


def publish_row(run: "wandb.Run", row: Mapping[str, Any]) -> bool:
    """Write a history row without touching the program's unfinished row. Returns False if wandb cannot do that."""
    try:
        from wandb.proto import wandb_internal_pb2
        from wandb.util import json_dumps_safer_history

        publish = getattr(vars(run)["_interface"], "_publish_history")  # noqa: B009
        record: Any = vars(wandb_internal_pb2)["HistoryRecord"]()
        for name, value in row.items():
            record.item.add(key=name, value_json=json_dumps_safer_history(value))
    except Exception as error:  # noqa: BLE001
        without("rows that leave the program's own rows alone", error)
        return False
    try:
        publish(record)
    except _OTHER_SIGNATURE as error:
        without("rows that leave the program's own rows alone", error)
        return False
    return True


def read_record(data: bytes) -> Any:
    """Decode a record of a run's file. Raises protobuf's errors, and ImportError if this wandb has no such records."""
    from wandb.proto import wandb_internal_pb2

    return vars(wandb_internal_pb2)["Record"].FromString(data)


def row_json(run: "wandb.Run", row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The values of a row as `run.log` writes them, with tables as references; None if wandb cannot do that."""
    now = time.time()
    try:
        from wandb.sdk.data_types.utils import history_dict_to_json

        # The step is only used in the names of files.
        values = history_dict_to_json(run, dict(row), step=0, ignore_copy_err=True)
    except (ImportError, *_OTHER_SIGNATURE) as error:
        without("rows that leave the program's own rows alone", error)
        return None
    return {"_timestamp": now, "_runtime": now - run.start_time, **values}
