"""`openai-wandb kafka` when something beside it fails or is slow: nothing is lost."""

import re
import signal
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from tests.kafka.brokers import done, kill, mock_cluster, produce, records, said, stop, trace_id, worker, written
from tests.support.waiting import until

pytestmark = pytest.mark.waits

PARTITIONS = 4
# What is 192 MiB and a minute otherwise.
SMALL = """
import sys
from otel_openai_wandb._cli import main
from otel_openai_wandb._kafka import consuming
consuming.MOST_BYTES, consuming._LINE_SECONDS = 100_000, 0.1
sys.exit(main(sys.argv[1:]))
"""


def test_a_wandb_that_is_killed_alone_loses_nothing_and_writes_nothing_twice(tmp_path: Path) -> None:
    traces = 200
    with mock_cluster() as brokers:
        produce(brokers, records(range(traces)))
        with worker(tmp_path, brokers, "one") as process:
            until(lambda: sum(written(tmp_path).values()) > 20, seconds=90)
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            until(lambda: done(brokers, PARTITIONS) == 2 * traces, seconds=120)
            assert stop(process) == 0
    log = said(tmp_path, "one")
    assert "records that are not in a run are read again" in log
    received, *others = (
        int(number) for number in re.findall(r" (?:received|logged|duplicates) (\d+)", log.splitlines()[-1])
    )
    assert received == sum(others), log
    assert written(tmp_path) == Counter(trace_id(number) for number in range(traces))


def test_partitions_are_paused_while_too_much_waits_and_read_again_after_it(tmp_path: Path) -> None:
    traces = 150
    with mock_cluster() as brokers:
        produce(brokers, [record for number in range(traces) for record in records([number])])
        with worker(tmp_path, brokers, "one", program=[sys.executable, "-c", SMALL]) as process:
            until(lambda: done(brokers, PARTITIONS) == 2 * traces, seconds=120)
            assert stop(process) == 0
    assert "(paused)" in said(tmp_path, "one")
    assert written(tmp_path) == Counter(trace_id(number) for number in range(traces))


def test_a_worker_that_was_taken_for_dead_lets_go_of_its_partitions(tmp_path: Path) -> None:
    traces, more = 100, 50
    with mock_cluster() as brokers:
        produce(brokers, records(range(traces)))
        with worker(tmp_path, brokers, "one") as stopped:
            until(lambda: done(brokers, PARTITIONS) == 2 * traces, seconds=90)
            stopped.send_signal(signal.SIGSTOP)
            with worker(tmp_path, brokers, "two") as second:
                until(lambda: "reading partitions [0, 1, 2, 3]" in said(tmp_path, "two"), seconds=90)
                stopped.send_signal(signal.SIGCONT)
                produce(brokers, records(range(traces, traces + more)))
                until(lambda: done(brokers, PARTITIONS) == 2 * (traces + more), seconds=90)
                until(lambda: "lost partitions" in said(tmp_path, "one"), seconds=60)
                assert stop(second) == 0
            if stopped.poll() is None:
                kill(stopped)
    rows = written(tmp_path)
    assert rows.keys() == {trace_id(number) for number in range(traces + more)}
    assert max(rows.values()) <= 2
