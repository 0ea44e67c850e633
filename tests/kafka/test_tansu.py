"""`openai-wandb kafka` on Tansu, which keeps no metadata of commits: nothing is lost, and the worker says so."""

from pathlib import Path

import pytest

from tests.kafka.brokers import (
    committed,
    done,
    kill,
    produce,
    records,
    roots,
    said,
    stop,
    tansu,
    trace_id,
    worker,
    written,
)
from tests.support.waiting import until

pytestmark = pytest.mark.waits

PARTITIONS = 2


def test_nothing_is_lost_and_a_broker_that_drops_metadata_is_named(tmp_path: Path) -> None:
    traces = 200
    with tansu(tmp_path) as brokers:
        produce(brokers, records(range(traces), orphans=10))
        with worker(tmp_path, brokers, "one", OTEL_WANDB_IDLE="600") as first:
            until(lambda: sum(written(tmp_path / "one").values()) > 20, seconds=90)
            until(lambda: f"the broker at {brokers} drops the metadata" in said(tmp_path, "one"), seconds=60)
            kill(first)
        # Of the same name, with an empty disk: Tansu goes on waiting for a member that was killed.
        (tmp_path / "again").mkdir()
        with worker(tmp_path / "again", brokers, "one", OTEL_WANDB_IDLE="600") as second:
            produce(brokers, roots(range(0, traces, 10)))
            until(lambda: done(brokers, PARTITIONS) == 2 * traces, seconds=120)
            assert stop(second) == 0
        assert [text for _, text in committed(brokers, PARTITIONS).values() if text] == []
    rows = written(tmp_path)
    assert rows.keys() == {trace_id(number) for number in range(traces)}
    assert rows.total() > traces  # what a broker that keeps metadata would have spared
