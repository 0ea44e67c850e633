"""A worker whose name is taken, and other encodings of records."""

from collections import Counter
from pathlib import Path

from google.protobuf.json_format import MessageToJson

from tests.gateway.otlp import request
from tests.kafka.brokers import done, mock_cluster, produce, records, said, stop, trace_id, worker, written
from tests.support.waiting import until

PARTITIONS = 4


def test_records_in_json_become_runs(tmp_path: Path) -> None:
    """With ids in base64, as protobuf's own JSON has them, and not in hex as OTLP's, a record is malformed."""
    body = MessageToJson(request(["root", "call"], 7))
    ids = {"AAAAAAAAAAAAAAAAAAAABw==": f"{7:032x}", "AAAAAAAAAAE=": f"{1:016x}", "AAAAAAAAAAI=": f"{2:016x}"}
    for base64, digits in ids.items():
        body = body.replace(base64, digits)
    with mock_cluster() as brokers:
        produce(brokers, [("k", body.encode()), ("k", b"{")])
        with worker(tmp_path, brokers, "one", "--encoding", "otlp_json") as process:
            until(lambda: done(brokers, PARTITIONS) == 2, seconds=90)
            assert stop(process) == 0
    assert written(tmp_path) == Counter([f"{7:032x}"])
    assert "records_malformed 1" in said(tmp_path, "one")


def test_the_first_of_two_workers_with_one_name_ends_with_an_error(tmp_path: Path) -> None:
    early, traces = 5, 20
    with mock_cluster() as brokers:
        produce(brokers, records(range(early)))
        with worker(tmp_path, brokers, "one") as first:
            until(lambda: done(brokers, PARTITIONS) == 2 * early, seconds=90)
            (tmp_path / "again").mkdir()
            with worker(tmp_path / "again", brokers, "one") as second:
                assert first.wait(90) == 1
                produce(brokers, records(range(early, traces)))
                until(lambda: done(brokers, PARTITIONS) == 2 * traces, seconds=90)
                assert stop(second) == 0
    assert "fenced" in said(tmp_path, "one")
    assert written(tmp_path) == Counter(trace_id(number) for number in range(traces))
