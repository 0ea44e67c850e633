"""The scalars in the history row of a trace. W&B's trace table shows them as columns."""

from collections.abc import Iterable, Mapping
from typing import Final

from otel_wandb._costs.billing import summed, total_cost
from otel_wandb._records.timeline import Timeline
from otel_wandb._traces.assembly import Trace

USAGE: Final = (
    "usage/elapsed_time",
    "usage/prompt_tokens",
    "usage/completion_tokens",
    "usage/total_tokens",
    "usage/cost",
)
"""The keys of the usage curves."""


def history_row(tree: Timeline) -> Mapping[str, str | float]:
    """The scalars for identity, status and usage of a trace. Unknown values are omitted, never 0.

    `usage/elapsed_time` is in seconds, `usage/cost` in US dollars. `_timestamp` is the start of the root in seconds
    since the epoch.
    """
    root, trace, bills = tree.root, tree.read.trace, tree.read.bills
    row: dict[str, str | float] = {
        "trace_id": trace.trace_id,
        "trace_name": root.name,
        "trace_status": "ERROR" if root.is_error else "SUCCESS",
        "_timestamp": root.start_ms / 1e3,
    }
    if not bills:
        return row
    row["usage/elapsed_time"] = _elapsed(trace)
    _add(row, "usage/prompt_tokens", (bill.usage.input for bill in bills))
    _add(row, "usage/completion_tokens", (bill.usage.output for bill in bills))
    _add(row, "usage/total_tokens", (bill.usage.total for bill in bills))
    cost = total_cost(bills).dollars
    if cost is not None:
        row["usage/cost"] = cost
    return row


def _elapsed(trace: Trace) -> float:
    start = min(span.start_ns for span in trace.spans)
    return (max(span.end_ns for span in trace.spans) - start) / 1e9


def _add(row: dict[str, str | float], name: str, counts: Iterable[int | None]) -> None:
    total = summed(counts)
    if total is not None:
        row[name] = total
