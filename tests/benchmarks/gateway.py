"""What the gateway accepts: spans a second over HTTP, beside a bare SQLite insert of the same bodies in the same run.

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

from tests.gateway.otlp import request
from tests.gateway.serving import Running, gateway
from tests.support.waiting import until

SPANS: Final = 512  # of a body, as the SDK sends them
CLIENTS: Final = 4


def body_of(number: int) -> bytes:
    """Spans of 2.9 KB with a prompt, one trace."""
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
    """One INSERT and COMMIT for each body, flushed as the spool does it."""
    with closing(sqlite3.connect(directory / "bare.db", isolation_level=None, check_same_thread=False)) as database:
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE bodies(body BLOB)"):
            database.execute(statement)
        return spans_a_second(lambda body: _insert(database, body), bodies, 1)


def _insert(database: sqlite3.Connection, body: bytes) -> None:
    database.execute("INSERT INTO bodies VALUES (?)", (body,))


def accepted(running: Running, bodies: list[bytes]) -> float:
    """Over HTTP, while the spans are handed on."""
    headers = {"Content-Type": "application/x-protobuf"}
    with requests.Session() as session:

        def post(body: bytes) -> None:
            session.post(f"{running.http}/v1/traces", data=body, headers=headers, timeout=60).raise_for_status()

        return spans_a_second(post, bodies, CLIENTS)


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
    main(8 if "--quick" in sys.argv else 100)
