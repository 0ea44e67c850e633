"""What was answered with 200 gets to a run once: through kills, and through an intake that breaks."""

import signal
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
import requests
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otel_openai_wandb._gateway.spool.spool import Spool
from tests.gateway.otlp import RECORDED, traces
from tests.gateway.serving import Running, gateway, logged
from tests.support.run_file import find_runs, read_run, stats_rows
from tests.support.waiting import until

pytestmark = pytest.mark.waits


def names_of(running: Running) -> Counter[str]:
    return Counter(span["name"] for span in running.spans())


def hold(running: Running, name: str = "hold") -> Path:
    """A file beside what the intake writes; it must have written something."""
    (written,) = running.directory.rglob("spans.jsonl")
    file = written.with_name(name)
    file.touch()
    return file


def test_after_kill_9_all_that_was_answered_is_there(tmp_path: Path) -> None:
    answered: list[str] = []
    for attempt in range(3):
        with gateway(tmp_path) as running:
            threads = [
                threading.Thread(target=post_until_gone, args=(running, f"{attempt} {n}", answered)) for n in range(4)
            ]
            for thread in threads:
                thread.start()
            wanted = len(answered) + 100
            until(lambda wanted=wanted: len(answered) >= wanted, 30)  # type: ignore[misc]
            running.process.send_signal(signal.SIGKILL)
            for thread in threads:
                thread.join()
    with gateway(tmp_path) as running:
        until(lambda: set(answered) <= set(names_of(running)), 30)
        until(lambda: running.figures()["openai_wandb_gateway_spool_held_spans"] == 0, 30)
        figures = running.figures()
        received = figures['openai_wandb_gateway_spool_spans_total{state="received"}']
        assert received == figures['openai_wandb_gateway_spool_spans_total{state="released"}'] >= len(answered)
        assert set(names_of(running)) >= set(answered)


def post_until_gone(running: Running, name: str, answered: list[str]) -> None:
    for number in range(100_000):
        span = f"{name} {number}"
        try:
            status = running.post(traces(span)).status_code
        except requests.RequestException:
            return
        if status == 200:
            answered.append(span)


def test_what_an_intake_that_breaks_had_is_given_to_the_next(tmp_path: Path) -> None:
    with gateway(tmp_path) as running:
        running.post(traces("first"))
        running.until_written(1)
        held = hold(running)
        for name in ("second", "third"):
            assert running.post(traces(name)).status_code == 200
        hold(running, "broken")
        held.unlink()
        running.until_written(3)
        assert names_of(running) == Counter(["first", "second", "third"])
        until(lambda: running.figures()['openai_wandb_gateway_spans_total{outcome="logged"}'] == 3, 20)
    assert "are read from the spool again" in logged(tmp_path)


def test_what_is_left_at_the_end_waits_for_the_next_start(tmp_path: Path) -> None:
    with gateway(tmp_path) as running:
        running.post(traces("first"))
        running.until_written(1)
        held = hold(running)
        running.post(traces("second"))
        assert running.stop(signal.SIGINT) == 0
        held.unlink()
    with gateway(tmp_path) as running:
        assert [span["name"] for span in running.until_written(2)] == ["first", "second"]


def test_a_body_of_the_spool_that_cannot_be_read_is_counted_and_holds_up_nothing(tmp_path: Path) -> None:
    import asyncio

    from otel_openai_wandb._gateway.spool.file import Body

    async def fill() -> None:
        spool = Spool(tmp_path / "gw/spool", 2**30)
        await spool.put(Body("", "TRACES", "PROTOBUF", 5, b"garbage"))
        await spool.put(Body("", "TRACES", "PROTOBUF", 1, traces("good")))
        spool.close()

    asyncio.run(fill())
    with gateway(tmp_path) as running:
        assert [span["name"] for span in running.until_written(1)] == ["good"]
        until(lambda: running.figures()["openai_wandb_gateway_spool_held_spans"] == 0, 20)
        figures = running.figures()
    assert figures['openai_wandb_gateway_spool_spans_total{state="lost"}'] == 5
    assert figures['openai_wandb_gateway_spool_spans_total{state="released"}'] == 1


OFFLINE: Mapping[str, str] = {"WANDB_MODE": "offline"}


def test_traces_become_runs(tmp_path: Path) -> None:
    with gateway(tmp_path, "--project", "shop", "--worker", "gw-0", env=OFFLINE, intakes="the exporter's") as running:
        body = (RECORDED / "collector_json_1.bin").read_bytes()
        assert running.post(body, Content_Type="application/json").status_code == 200
        assert running.post(traces("own", project="../../own")).status_code == 200
        until(lambda: running.figures()["openai_wandb_gateway_spool_held_spans"] == 0, 60)
        assert running.stop() == 0
    runs = {run.project: run for run in map(read_run, find_runs(tmp_path))}
    assert set(runs) == {"shop", "..-..-own"}
    assert len(stats_rows(runs["shop"])) == 4
    assert all(path.is_relative_to(running.directory / "runs") for path in find_runs(tmp_path))
    assert "in the spool: 0" in logged(tmp_path)
    assert "received 6" in logged(tmp_path)


def test_the_figures_add_up_after_wandb_was_killed(tmp_path: Path) -> None:
    env = {**OFFLINE, "OTEL_WANDB_QUIET": "2", "OTEL_WANDB_TABLE_INTERVAL": "0.5"}
    with gateway(tmp_path, "--project", "shop", env=env, intakes="the exporter's") as running:
        running.post(traces("root", "call", trace_id=1))
        until(lambda: running.figures()["openai_wandb_gateway_spool_held_spans"] == 0, 60)
        for number in range(2, 6):
            running.post(traces("root", "call", trace_id=number))
        until(lambda: running.figures()["openai_wandb_gateway_waiting_spans"] == 8, 60)
        for child in psutil.Process(running.process.pid).children(recursive=True):
            child.kill()
        until(lambda: running.figures()["openai_wandb_gateway_spool_held_spans"] == 0, 60)
        spans = {outcome_of(name): n for name, n in running.figures().items() if "gateway_spans_total" in name}
    assert spans.pop("received") == sum(spans.values()) >= 10
    assert "are read from the spool again" in logged(tmp_path)


def test_log_records_whose_spans_do_not_come_are_no_spans_in_the_figures(tmp_path: Path) -> None:
    records = ExportLogsServiceRequest()
    for number in range(1, 4):
        records.resource_logs.add().scope_logs.add().log_records.add(
            trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), event_name="gen_ai.user.message"
        )
    env = {**OFFLINE, "OTEL_WANDB_MAX_AGE": "1"}
    with gateway(tmp_path, "--project", "shop", env=env, intakes="the exporter's") as running:
        running.post(traces("root", "call", trace_id=9))
        running.post(records.SerializeToString(), "/v1/logs")
        lost = 'openai_wandb_gateway_lost_total{cause="logs_dropped_no_span"}'
        until(lambda: lost in running.figures(), 60)
        until(lambda: running.figures()['openai_wandb_gateway_spans_total{outcome="logged"}'] == 2, 60)
        figures = running.figures()
    spans = {outcome_of(name): n for name, n in figures.items() if "gateway_spans_total" in name}
    assert spans == {"received": 2, "logged": 2}
    assert figures[lost] == 3


def outcome_of(name: str) -> str:
    return name.split('"')[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_gateway_that_ended_is_followed_by_one_that_writes_nothing_twice(tmp_path: Path, number: int) -> None:
    for name in ("one", "two"):
        with gateway(tmp_path, "--project", "shop", env=OFFLINE, intakes="the exporter's") as running:
            assert running.post(traces(name, trace_id=ord(name[0]))).status_code == 200
            assert running.post(traces(f"{name} more", trace_id=ord(name[1]) + 1000)).status_code == 200
            if name == "two":
                until(lambda: running.figures()["openai_wandb_gateway_spool_held_spans"] == 0, 60)
                assert running.stop() == 0
            else:
                running.stop(number)
    rows = [row["name"] for path in find_runs(tmp_path) for row in stats_rows(read_run(path))]
    assert sorted(map(str, rows)) == ["one", "one more", "two", "two more"]
