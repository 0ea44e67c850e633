"""The benchmarks run and print their results. The numbers depend on the machine, and are not checked."""

import re
from pathlib import Path

import pytest

from tests.support.program import run_program


@pytest.mark.parametrize(
    ("module", "lines"),
    [
        (
            "tests.benchmarks.calls",
            [
                r"ours / by hand = \d+\.\d\d",
                r"a chunk of a stream adds -?\d+\.\d\d us",
                *(
                    rf"unsampled \({why}\): a span by hand adds -?\d+\.\d us, ours -?\d+\.\d us"
                    for why in ("its parent was left out", "nothing is sampled", "a ratio left it out")
                ),
            ],
        ),
        (
            "tests.benchmarks.traces",
            [
                r"run\.log \d+ us, exporter \d+ us: ratio \d+\.\d\d",
                r"costs \d+\.\d\d times",
                r"\d+ us at trace 1000: ratio \d+\.\d\d",
                r"export\(\) takes \d+\.\d us a span",
                r"memory grows by -?\d+\.\d MB from trace \d+ to trace 1000",
            ],
        ),
        (
            "tests.benchmarks.gateway",
            [
                r"bare inserts \d+ spans/s, accepted \d+ spans/s: ratio \d+\.\d",
                r"written \d+ spans/s: accepted / written = \d+\.\d",
                r"at most \d+ MiB in memory",
                r"memory / counted = \d+\.\d\d",
                r"60 traces in runs of 10: at most \d+\.\d MiB on the disk in the first half, \d+\.\d in the second",
                r"ready \d+\.\d s after a kill with 16 MiB in the spool, \d+\.\d s with nothing in it",
            ],
        ),
    ],
)
def test_a_benchmark_prints_its_ratios(tmp_path: Path, module: str, lines: list[str]) -> None:
    done = run_program(tmp_path, f"import runpy\nrunpy.run_module('{module}', run_name='__main__')", "--quick")
    assert done.returncode == 0, done.stderr
    for line in lines:
        assert re.search(line, done.stdout), done.stdout
