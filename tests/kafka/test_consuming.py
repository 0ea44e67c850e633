"""`openai-wandb kafka` on librdkafka's mock cluster: what is read is in the runs once."""

import base64
import json
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from otel_openai_wandb._kafka.offsets import done_of
from tests.kafka.brokers import (
    committed,
    done,
    kill,
    mock_cluster,
    produce,
    records,
    roots,
    said,
    stop,
    trace_id,
    worker,
    written,
)
from tests.support.run_file import find_runs, run_record
from tests.support.waiting import until

pytestmark = pytest.mark.waits

PARTITIONS = 4
RECORDED = Path(__file__).parents[1] / "exporter/otlp/kafka_records.json"


def test_the_collectors_records_become_runs_and_what_is_no_otlp_a_dead_letter(tmp_path: Path) -> None:
    recorded = [(found["key"], base64.b64decode(found["value"])) for found in json.loads(RECORDED.read_text())]
    with mock_cluster() as brokers:
        produce(brokers, [*recorded, ("k", b"\xff no otlp"), ("gone", None)])
        with worker(tmp_path, brokers, "one", "--project", "team/agents", "--dead-letters", "dead") as process:
            until(lambda: done(brokers, PARTITIONS) == 5, seconds=60)
            assert stop(process) == 0
        dead = letters(brokers, 2)
    assert written(tmp_path) == Counter({key for key, _ in recorded})
    (run,) = find_runs(tmp_path)
    assert (run_record(run).entity, run_record(run).project) == ("team", "agents")
    assert dead == {(b"k", b"\xff no otlp"), (b"gone", None)}
    assert "records_malformed 2" in said(tmp_path, "one")
    assert "drops the metadata" not in said(tmp_path, "one")


def letters(brokers: str, number: int) -> set[tuple[object, object]]:
    reader = Consumer(
        {"bootstrap.servers": brokers, "group.id": "letters", "auto.offset.reset": "earliest", "log_level": 0}
    )
    reader.assign([TopicPartition("dead", partition, 0) for partition in range(PARTITIONS)])
    found = [message for _ in range(number) if (message := reader.poll(20)) is not None]
    reader.close()
    assert all([name for name, _ in list(message.headers() or ())] == ["openai-wandb.origin"] for message in found)
    return {(message.key(), message.value()) for message in found}


def test_what_a_worker_had_read_when_it_was_killed_is_written_by_another(tmp_path: Path) -> None:
    """In the middle of writing: what was in a run and not committed yet is there twice."""
    traces = 400
    with mock_cluster() as brokers:
        produce(brokers, records(range(traces)))
        with worker(tmp_path, brokers, "one") as first, worker(tmp_path, brokers, "two") as second:
            until(lambda: sum(written(tmp_path / "one").values()) > 20, seconds=90)
            kill(first)
            until(lambda: done(brokers, PARTITIONS) == 2 * traces, seconds=120)
            assert stop(second) == 0
    rows = written(tmp_path)
    assert rows.keys() == {trace_id(number) for number in range(traces)}
    assert max(rows.values()) <= 2


def test_what_is_done_above_an_open_offset_is_not_written_again(tmp_path: Path) -> None:
    """The root of one trace in ten comes late: it holds the lowest offset until then."""
    traces, more = 600, 200
    of_orphans = traces // 10
    all_records = 2 * (traces + more) - of_orphans
    patient = {"OTEL_WANDB_IDLE": "600"}
    with mock_cluster() as brokers:
        produce(brokers, records(range(traces), orphans=10))
        with (
            worker(tmp_path, brokers, "one", **patient) as first,
            worker(tmp_path, brokers, "two", **patient) as second,
        ):
            until(lambda: done_above(brokers) == 2 * (traces - of_orphans), seconds=90)
            open_at_the_kill = done(brokers, PARTITIONS)
            produce(brokers, records(range(traces, traces + more)))
            kill(first)
            until(lambda: done_above(brokers) == all_records - of_orphans, seconds=120)
            produce(brokers, roots(range(0, traces, 10)))
            until(lambda: done(brokers, PARTITIONS) == all_records + of_orphans, seconds=90)
            assert stop(second) == 0
    assert open_at_the_kill < traces  # by the lowest offset alone, all the others would be read again
    rows = written(tmp_path)
    assert rows.keys() == {trace_id(number) for number in range(traces + more)}
    assert rows.total() - len(rows) <= (traces + more) // 100


def done_above(brokers: str) -> int:
    """How many records are done, by the bitmaps as well."""
    found = [(max(0, low), text) for low, text in committed(brokers, PARTITIONS).values()]
    return sum(low + len(done_of(low, text)) for low, text in found)


def test_a_partition_that_is_revoked_is_settled_and_committed(tmp_path: Path) -> None:
    traces = 200
    patient = {"OTEL_WANDB_QUIET": "6", "OTEL_WANDB_IDLE": "600"}
    with mock_cluster() as brokers:
        produce(brokers, records(range(traces), orphans=4))
        with worker(tmp_path, brokers, "one", **patient) as first:
            until(lambda: sum(written(tmp_path / "one").values()) > 100, seconds=90)
            with worker(tmp_path, brokers, "two", **patient) as second:
                until(lambda: "reading partitions" in said(tmp_path, "two"), seconds=60)
                produce(brokers, roots(range(0, traces, 4)))
                until(lambda: done(brokers, PARTITIONS) == 2 * traces, seconds=120)
                assert stop(second) == 0
            assert stop(first) == 0
    rows = written(tmp_path)
    assert rows.keys() == {trace_id(number) for number in range(traces)}
    # The mock cluster refuses commits while a member joins. Kafka takes them.
    was_refused = "offsets were not committed; their records are read again" in said(tmp_path, "one")
    assert was_refused or rows.total() == traces


def test_a_worker_that_comes_back_to_its_directory_writes_nothing_twice(tmp_path: Path) -> None:
    traces = 300
    patient = {"OTEL_WANDB_IDLE": "600"}
    with mock_cluster() as brokers:
        produce(brokers, records(range(traces), orphans=3))
        with worker(tmp_path, brokers, "one", **patient) as process:
            until(lambda: sum(written(tmp_path).values()) > 100, seconds=90)
            kill(process)
        with worker(tmp_path, brokers, "one", **patient) as process:
            produce(brokers, roots(range(0, traces, 3)))
            until(lambda: done(brokers, PARTITIONS) == 2 * traces, seconds=120)
            assert stop(process) == 0
    assert written(tmp_path) == Counter(trace_id(number) for number in range(traces))


def test_what_is_stopped_before_its_traces_are_whole_is_read_by_the_next(tmp_path: Path) -> None:
    with mock_cluster() as brokers:
        produce(brokers, records(range(20)))
        with worker(tmp_path, brokers, "one") as process:
            until(lambda: any(text is not None for _, text in committed(brokers, PARTITIONS).values()), seconds=60)
            assert stop(process) == 0
        left = committed(brokers, PARTITIONS)
        assert sum(max(0, low) + len(done_of(max(0, low), text)) for low, text in left.values()) < 40
        with worker(tmp_path, brokers, "two") as process:
            until(lambda: done(brokers, PARTITIONS) == 40, seconds=60)
            assert stop(process) == 0
    assert written(tmp_path) == Counter(trace_id(number) for number in range(20))
