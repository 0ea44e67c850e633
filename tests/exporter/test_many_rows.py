"""A quarter of a million rows: nothing is lost or written twice, and memory does not grow with them."""

import json
from pathlib import Path
from typing import Final

from tests.support.files import bytes_below
from tests.support.program import run_program
from tests.support.run_file import stats_rows

RUNS: Final = 5
ROWS: Final = 50_000
BYTES: Final = 300  # of a row on disk: in the run, and once more where W&B's artifacts wait to be uploaded


def test_tables_grow_without_end_and_are_read_back_whole(tmp_path: Path) -> None:
    source = "import runpy\nrunpy.run_module('tests.exporter.many_rows', run_name='__main__')"
    done = run_program(tmp_path, source, str(RUNS), str(ROWS), env={"WANDB_SILENT": "true"}, timeout=170)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["lost"] is None
    assert said["memory"][-1] - said["memory"][0] < 20, said

    found = []
    for run in done.runs:
        assert list(run.tables) == ["stats", *(f"stats_{number}" for number in range(2, len(run.tables) + 1))]
        rows = [row for key in run.tables for row in stats_rows(run, key)]
        assert len(rows) == ROWS
        found += [(row["number"], row["request"]) for row in rows]
    assert sorted(found) == [(number, f"question {number}") for number in range(RUNS * ROWS)]
    written = bytes_below(tmp_path)
    assert written < BYTES * RUNS * ROWS, written / RUNS / ROWS
