"""Measures the time for a trace through the exporter, and for a bare `run.log` of the same tree, also for many traces.

Needs no account: the runs are offline, below a temporary directory. Run it with `python -m tests.benchmarks.traces`.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from statistics import median
from time import perf_counter, process_time
from typing import Any

from otel_wandb._records.history import history_row
from otel_wandb._records.tree_json import fitting_tree
from otel_wandb._runs.run import OpenRun
from otel_wandb._traces.assembly import Trace
from tests.benchmarks.calls import REQUEST, fresh_openai
from tests.benchmarks.measuring import microseconds
from tests.benchmarks.volume import measure_volume, report
from tests.exporter.spans import chat_attributes, messages, read, span, trace


def chain(number: int) -> Trace:
    """Five spans with about 6 kB of JSON: a chain, a tool, and three calls of a model."""
    text = "Where was it played? Who won the world series in 2020? " * 8
    more: dict[str, Any] = {"gen_ai.input.messages": messages("user", text, text), "gen_ai.request.temperature": 0.5}
    call = chat_attributes(**more)
    key = f"{number:032x}"
    return trace(
        span("root", name="chain", start=0, end=100, trace_id=key),
        span("tool", "root", start=1, end=5, trace_id=key, attributes={"gen_ai.operation.name": "execute_tool"}),
        *(
            span(str(n), "root", name="chat", start=n * 10, end=n * 10 + 9, trace_id=key, attributes=call)
            for n in (1, 2, 3)
        ),
    )


def wandb_tree(made: Trace) -> Any:
    """The same tree in wandb's own dataclasses, as a program without us would create it."""
    from wandb.sdk.data_types.trace_tree import Result, Span, SpanKind, StatusCode, WBTraceTree

    tree, _ = fitting_tree(read(made))

    def converted(node: Any) -> Any:
        return Span(
            span_id=node.span_id,
            name=node.name,
            start_time_ms=node.start_ms,
            end_time_ms=node.end_ms,
            status_code=StatusCode.SUCCESS,
            attributes=dict(node.attributes),
            results=[Result(dict(result.inputs), dict(result.outputs)) for result in node.results],
            child_spans=[converted(child) for child in node.children],
            span_kind=SpanKind(node.kind.value),
        )

    return WBTraceTree(converted(tree.root), dict(tree.model))


def offline_run() -> Any:
    """An offline run with our settings, below a temporary directory."""
    import wandb

    return wandb.init(project="benchmark", settings=wandb.Settings(silent=True, console="off", x_disable_stats=True))


def measure_traces(batches: int, calls: int) -> dict[str, float]:
    """Microseconds of the logging thread per trace."""
    run = offline_run()
    opened, beside = OpenRun(run, owned=False), OpenRun(run, owned=False)
    beside.keep_journal(print)
    made = chain(1)
    tree, row = wandb_tree(made), history_row(fitting_tree(read(made))[0])

    def log_to(target: OpenRun) -> None:
        found, text = fitting_tree(read(made))
        target.log_trace(text, history_row(found), found.read)

    found = microseconds(
        {
            "bare run.log": lambda: run.log({"trace": tree, **row}),
            "exporter": lambda: log_to(beside),
            "without journal": lambda: log_to(opened),
        },
        batches,
        calls,
    )
    run.finish()
    return found


def measure_growth(count: int) -> Iterator[tuple[int, float, float]]:
    """Microseconds per call through `autolog`, as calls increase: of the caller's clock, and of all threads' CPU."""
    from otel_openai_wandb import autolog

    bare = fresh_openai().ChatCompletion.create
    openai = fresh_openai()
    block = max(1, count // 20)
    autolog({"project": "benchmark"})
    for done in range(0, count, block):
        waits = []
        before = process_time()
        for _ in range(block):
            start = perf_counter()
            openai.ChatCompletion.create(**REQUEST)
            waits.append(perf_counter() - start)
        session = autolog._session
        assert session is not None
        session.exporter.force_flush()
        cpu = (process_time() - before) / block
        start = perf_counter()
        for _ in range(block):
            bare(**REQUEST)
        yield done + block, (median(waits) - (perf_counter() - start) / block) * 1e6, cpu * 1e6
    autolog.disable()


def main(batches: int, calls: int, count: int, many: int) -> list[str]:
    """The ratios, as lines."""
    found = measure_traces(batches, calls)
    growth = list(measure_growth(count))
    early, late = growth[1], growth[-1]
    ratio = found["exporter"] / found["bare run.log"]
    return [
        f"bare run.log {found['bare run.log']:.0f} us, exporter {found['exporter']:.0f} us: ratio {ratio:.2f}",
        f"of that the journal: {found['exporter'] - found['without journal']:.0f} us",
        f"autolog adds {early[1]:.0f} us to the caller at call {early[0]}, {late[1]:.0f} us at call {late[0]}",
        f"all threads: {early[2]:.0f} us of CPU a call at call {early[0]}, {late[2]:.0f} us at call {late[0]}",
        f"a call at the end costs {late[2] / early[2]:.2f} times one at the beginning",
        *report(list(measure_volume(many))),
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.environ.update(WANDB_MODE="offline", WANDB_DIR=directory, WANDB_DATA_DIR=directory, WANDB_SILENT="true")
        print("\n".join(main(*((3, 20, 400, 1_000) if "--quick" in sys.argv else (40, 50, 10_000, 100_000)))))
