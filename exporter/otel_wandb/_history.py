"""The scalars that stand in the same history row as a trace: W&B's trace table shows them as its columns."""

from collections.abc import Iterable, Mapping

from otel_wandb._assembly import Trace
from otel_wandb._timeline import Timeline


def history_row(trace: Trace, tree: Timeline) -> Mapping[str, str | float]:
    """Identity, status and usage of a trace; tokens are left out where no call reported any, never 0.

    `usage/elapsed_time` is seconds, `_timestamp` the start of the root in seconds since the epoch.
    """
    root = tree.root
    calls = [call for _, call in tree.calls]
    row: dict[str, str | float] = {
        "trace_id": trace.trace_id,
        "trace_name": root.name,
        "trace_status": "ERROR" if root.is_error else "SUCCESS",
        "_timestamp": root.start_ms / 1e3,
    }
    if not calls:
        return row
    row["usage/elapsed_time"] = _elapsed(trace)
    _add(row, "usage/prompt_tokens", (call.input_tokens for call in calls))
    _add(row, "usage/completion_tokens", (call.output_tokens for call in calls))
    _add(row, "usage/total_tokens", (call.total_tokens for call in calls))
    return row


def _elapsed(trace: Trace) -> float:
    start = min(span.start_ns for span in trace.spans)
    return (max(span.end_ns for span in trace.spans) - start) / 1e9


def _add(row: dict[str, str | float], name: str, counts: Iterable[int | None]) -> None:
    reported = [count for count in counts if count is not None]
    if reported:
        row[name] = sum(reported)
