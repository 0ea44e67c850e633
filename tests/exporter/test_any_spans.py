"""Nothing that a span can carry makes wandb raise, empty or refuse a trace: what went in is read back from the run."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from tests.exporter.any_spans import GIANTS
from tests.exporter.programs import assert_all_accounted_for, count_of
from tests.support.program import run_program
from tests.support.run_file import RunFile, stats_rows

LONGEST_LINE: Final = 10_383_360  # bytes; W&B skips a longer one


def strict(text: Any) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


def spans_in(node: dict[str, Any]) -> int:
    waiting, found = [node], 0
    while waiting:
        node = waiting.pop()
        found += len(str(node["span_id"])) == 16
        waiting += node["child_spans"]
    return found


def traces_of(run: RunFile) -> Counter[str]:
    """How many spans of each trace are in the trees of the run, all of which can be read."""
    found: Counter[str] = Counter()
    for row in run.history:
        line = json.dumps(row, allow_nan=False)
        assert len(line) < LONGEST_LINE
        tree: Any = row.get("trace")
        if tree is None:
            continue
        strict(tree["model_dict_dumps"])
        root = strict(tree["root_span_dumps"])
        assert root["end_time_ms"] > root["start_time_ms"]
        assert root["name"] is not None
        found[str(row["trace_id"])] += spans_in(root)
    return found


@pytest.mark.parametrize("arguments", [("60",), ("1", GIANTS)], ids=["any", "giants"])
def test_every_trace_is_there_and_can_be_read(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    source = "import runpy\nrunpy.run_module('tests.exporter.any_spans', run_name='__main__')"
    done = run_program(tmp_path, source, *arguments, env={"WANDB_MODE": "offline"}, timeout=170)
    assert done.returncode == 0, done.stderr[-5_000:]
    given = Counter(json.loads(done.stdout))
    counts = count_of(done.run)
    found = traces_of(done.run)
    assert set(found) == set(given), counts
    assert counts["otel/received"] == given.total()
    assert found.total() == given.total() - counts.get("otel/dropped_too_large", 0)
    assert not [name for name in counts if "dropped" in name and name != "otel/dropped_too_large"], counts
    assert_all_accounted_for(done.runs)
    assert {row["trace_id"] for row in stats_rows(done.run, "traces")} == set(given)
    for key in done.run.tables:
        json.dumps(stats_rows(done.run, key), allow_nan=False)


RESOURCES: Final = """
import json, sys
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otel_wandb import WandbSpanExporter

ODD = [
    *({key: text} for key in ("service.name", "wandb.project", "wandb.entity") for text in (
        "\\ud800", "\\x00", "x" * 5_000, "a/b#c?d%e:f", " ", "..", "\\U0001f600" * 100, "a\\nb", b"\\xff", 5
    )),
    {"\\ud800": float("inf"), "a.b": {"c": b"\\xff"}, "n": float("nan"), "": 1, "_wandb": 1, "x" * 5_000: 10**400},
]
for attributes in ODD:
    for of_span, of_resource in ((attributes, {}), ({}, attributes)):
        provider = TracerProvider(resource=Resource(of_resource))
        provider.add_span_processor(SimpleSpanProcessor(WandbSpanExporter(keep="all")))
        provider.get_tracer("any").start_span("step", attributes=of_span).end()
        provider.shutdown()
print(2 * len(ODD))
"""


def test_any_resource_has_a_run(tmp_path: Path) -> None:
    done = run_program(tmp_path, RESOURCES, env={"WANDB_MODE": "offline"})
    assert done.returncode == 0, done.stderr
    runs = done.runs
    assert len(runs) == int(done.stdout), done.stderr
    for run in runs:
        assert traces_of(run).total() == 1
        json.dumps(run.config, allow_nan=False)
        assert_all_accounted_for([run])
