"""Measures the spans a second that the gateway accepts over HTTP, against a bare SQLite insert of the same bodies.

python -m tests.benchmarks.gateway [--quick]
"""

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

import requests

from otel_openai_wandb._gateway.spool.file import Body, SpoolFile
from tests.gateway.online import impatiently, is_drained, online, rows, run_directories
from tests.gateway.otlp import request
from tests.gateway.serving import Running, gateway
from tests.support.files import bytes_below
from tests.support.waiting import until
from tests.support.wandb_server import WandbServer

SPANS: Final = 512  # in each body, as the SDK sends them
CLIENTS: Final = 4


def body_of(number: int) -> bytes:
    """A body of one trace, whose spans have 2.9 KB and a prompt."""
    made = request([f"chat {number}"] * SPANS, trace_id=number + 1)
    for span in made.resource_spans[0].scope_spans[0].spans:
        for place in range(20):
            attribute = span.attributes.add()
            attribute.key = f"gen_ai.attribute.{place}"
            attribute.value.string_value = f"what was said {number} " * 5
    return bytes(made.SerializeToString())


def spans_a_second(send: Callable[[bytes], None], bodies: list[bytes], clients: int) -> float:
    begin = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(send, bodies))
    return len(bodies) * SPANS / (time.perf_counter() - begin)


def bare(bodies: list[bytes], directory: Path) -> float:
    """Seconds for one INSERT and COMMIT of each body, flushed as in the spool."""
    with closing(sqlite3.connect(directory / "bare.db", isolation_level=None, check_same_thread=False)) as database:
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE bodies(body BLOB)"):
            database.execute(statement)
        return spans_a_second(lambda body: _insert(database, body), bodies, 1)


def _insert(database: sqlite3.Connection, body: bytes) -> None:
    database.execute("INSERT INTO bodies VALUES (?)", (body,))


def accepted(running: Running, bodies: list[bytes]) -> float:
    """Seconds to send all bodies over HTTP, while the spans are also written to runs."""
    headers = {"Content-Type": "application/x-protobuf"}
    with requests.Session() as session:

        def post(body: bytes) -> None:
            session.post(f"{running.http}/v1/traces", data=body, headers=headers, timeout=60).raise_for_status()

        return spans_a_second(post, bodies, CLIENTS)


def unfinished(number: int) -> bytes:
    """A body of traces without roots."""
    made = request([], number)
    made.ParseFromString(body_of(number))
    for place, span in enumerate(made.resource_spans[0].scope_spans[0].spans):
        span.trace_id = (number * SPANS + place + 1).to_bytes(16, "big")
        span.parent_span_id = b"nowhere!"
    return bytes(made.SerializeToString())


def report_waiting(count: int) -> None:
    """Print the memory of a gateway in which `count` bodies of spans wait, or as many as it accepts."""
    patient = {"WANDB_MODE": "offline", "OTEL_WANDB_IDLE": "3600", "OTEL_WANDB_MAX_AGE": "3600"}
    with (
        tempfile.TemporaryDirectory() as directory,
        gateway(Path(directory), "--spool-mib", "4096", env=patient, intakes="the exporter's") as running,
    ):
        idle = running.memory
        accepted(running, [unfinished(number) for number in range(count)])
        until(lambda: is_settled(running), 600)
        figures = running.figures()
        spans, size = (figures[f"openai_wandb_gateway_waiting_{what}"] for what in ("spans", "bytes"))
        memory = running.memory
    print(
        f"{spans:.0f} spans wait, counted as {size / 2**20:.0f} MiB: {memory:.0f} MiB in memory, before {idle:.0f} MiB"
    )
    print(f"memory / counted = {(memory - idle) / size * 2**20:.2f}")


def report_recovery(mebibytes: int) -> None:
    """Print how long a killed gateway takes to be ready again, compared with an empty one."""
    seconds = []
    for size in (0, mebibytes):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory)
            left = SpoolFile(path / "gw/spool/spool.db")  # not closed, as after a kill
            for number in range(size):
                left.commit([Body("", "TRACES", "PROTOBUF", 1, number.to_bytes(4, "big") * 2**18)], {})
            begin = time.perf_counter()
            with gateway(path, "--spool-mib", "2048") as running:
                running.get("/readyz").raise_for_status()
                seconds.append(time.perf_counter() - begin)
            left.close()
    empty, full = seconds
    print(f"ready {full:.1f} s after a kill with {mebibytes} MiB in the spool, {empty:.1f} s with nothing in it")


def report_disk(count: int, rotation: int) -> None:
    """Print the disk usage while `count` traces come and W&B takes them. A new run follows after `rotation` traces."""
    found = []
    with (
        WandbServer() as server,
        tempfile.TemporaryDirectory() as directory,
        gateway(
            Path(directory),
            "--project",
            "shop",
            env=online(server),
            intakes="the exporter's",
            more=impatiently(rotation),
        ) as running,
    ):
        for first in range(1, count + 1, rotation):
            body = request([])
            for number in range(first, first + rotation):
                body.MergeFrom(request(["root", "call"], number))
            running.post(body.SerializeToString()).raise_for_status()
            until(lambda: is_drained(running), 600)
            found.append((len(run_directories(running)), bytes_below(running.directory) / 2**20))
        until(lambda: len(run_directories(running)) <= 1, 600)
        written = sum(rows(server)["testers/shop"].values())
    halves = found[: len(found) // 2], found[len(found) // 2 :]
    first_half, second_half = (max(size for _, size in half) for half in halves)
    print(
        f"{written} traces in runs of {rotation}: at most {first_half:.1f} MiB on the disk in the first half, "
        f"{second_half:.1f} in the second, at most {max(runs for runs, _ in found)} runs at once"
    )


def is_settled(running: Running) -> bool:
    """Whether the number of waiting spans does not change any more: all wait, or no more are accepted."""
    before = running.figures()
    time.sleep(2)
    name = "openai_wandb_gateway_waiting_spans"
    return before[name] == running.figures()[name] > 0


def main(count: int) -> None:
    bodies = [body_of(number) for number in range(count)]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        insert = bare(bodies, path)
        with gateway(path, "--spool-mib", "4096", env={"WANDB_MODE": "offline"}, intakes="the exporter's") as running:
            begin = time.perf_counter()
            accepting = accepted(running, bodies)
            until(lambda: running.figures()["openai_wandb_gateway_spool_held_spans"] == 0, 600)
            writing = count * SPANS / (time.perf_counter() - begin)
            memory = running.memory
        print(f"a span has {len(bodies[0]) / SPANS / 1e3:.1f} kB; {count * SPANS} spans in bodies of {SPANS}")
        print(f"bare inserts {insert:.0f} spans/s, accepted {accepting:.0f} spans/s: ratio {insert / accepting:.1f}")
        print(f"written {writing:.0f} spans/s: accepted / written = {accepting / writing:.1f}")
        print(f"at most {memory:.0f} MiB in memory")


if __name__ == "__main__":
    is_quick = "--quick" in sys.argv
    main(8 if is_quick else 100)
    report_waiting(8 if is_quick else 240)
    report_recovery(16 if is_quick else 1024)
    report_disk(*((60, 10) if is_quick else (100_000, 1_000)))
