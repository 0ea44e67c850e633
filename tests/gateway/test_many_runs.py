"""What many runs of one gateway take: descriptors while they are open, room on the disk until they are at W&B."""

from pathlib import Path

import psutil
import pytest

from tests.gateway.online import SOON, expected, impatiently, is_drained, online, rows, run_directories
from tests.gateway.otlp import traces
from tests.gateway.serving import gateway
from tests.support.waiting import until
from tests.support.wandb_server import WandbServer

pytestmark = pytest.mark.waits

RUNS = 50


def test_an_open_run_takes_at_most_four_descriptors(tmp_path: Path) -> None:
    env = {**SOON, "WANDB_MODE": "offline"}
    with gateway(tmp_path, env=env, intakes="the exporter's") as running:
        for number in range(RUNS):
            body = traces("root", "call", trace_id=number + 1, project=f"project-{number}")
            assert running.post(body).status_code == 200
        until(lambda: is_drained(running), 90)
        assert len(run_directories(running)) == RUNS
        of_wandb = sum(child.num_fds() for child in psutil.Process(running.process.pid).children(recursive=True))
        assert running.descriptors <= 4 * RUNS + 100
        assert of_wandb <= 4 * RUNS + 100
        assert running.stop() == 0


def test_of_many_runs_only_the_open_one_stays_on_the_disk(tmp_path: Path) -> None:
    count = 6
    with WandbServer() as server:
        env, more = online(server), impatiently(2)
        with gateway(tmp_path, "--project", "shop", env=env, intakes="the exporter's", more=more) as running:
            for number in range(1, count + 1):
                assert running.post(traces("root", "call", trace_id=number)).status_code == 200
                until(lambda: is_drained(running), 60)
            until(lambda: len(run_directories(running)) <= 1, 90)
            assert rows(server)["testers/shop"] == expected(*range(1, count + 1))
            assert running.stop() == 0
        assert len(server.runs) >= count / 2
