"""`openai-wandb kafka --encoding otlp_json`."""

from collections import Counter
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToJson

from tests.gateway.otlp import request
from tests.kafka.brokers import done, mock_cluster, produce, said, stop, worker, written
from tests.support.waiting import until

pytestmark = pytest.mark.waits

PARTITIONS = 4


def test_records_in_json_become_runs(tmp_path: Path) -> None:
    """Protobuf's own JSON has ids in base64, and OTLP's in hex."""
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
