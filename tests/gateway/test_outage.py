"""W&B away behind a gateway: nothing is lost, and every row is there once when it is back."""

from pathlib import Path

import pytest

from tests.gateway.online import expected, impatiently, is_drained, online, rows, run_directories
from tests.gateway.otlp import traces
from tests.gateway.serving import Running, gateway, logged
from tests.support.waiting import until
from tests.support.wandb_server import WandbServer

pytestmark = pytest.mark.waits

AWAY = {
    "refuses": lambda server: server.refuse(),
    "hangs": lambda server: server.swallow(),
    "fails": lambda server: server.fail(503),
}


def come_back(server: WandbServer, outage: str) -> None:
    server.heal()
    if outage == "refuses":
        server.listen()


def send(running: Running, *numbers: int) -> None:
    """Each settled before the next: none waits for W&B."""
    for number in numbers:
        assert running.post(traces("root", "call", trace_id=number)).status_code == 200
        until(lambda: is_drained(running), 60)


@pytest.mark.parametrize("outage", ["hangs", "fails"])
def test_what_came_while_wandb_was_away_is_there_once_when_it_is_back(tmp_path: Path, outage: str) -> None:
    with WandbServer() as server:
        env, more = online(server), impatiently(2)
        with gateway(tmp_path, "--project", "shop", env=env, intakes="the exporter's", more=more) as running:
            send(running, 1)
            assert server.wait_for(lambda _: rows(server).get("testers/shop") == expected(1))
            AWAY[outage](server)
            send(running, 2, 3)  # the third needs a run of its own
            come_back(server, outage)
            # With no more traffic.
            assert server.wait_for(lambda _: rows(server)["testers/shop"] == expected(1, 2, 3), 90)
            send(running, 4)
            assert server.wait_for(lambda _: rows(server)["testers/shop"] == expected(1, 2, 3, 4), 90)
            assert running.stop() == 0


def test_offline_runs_stay_on_the_disk_until_a_start_that_is_online(tmp_path: Path) -> None:
    with WandbServer() as server:
        env, more = online(server), impatiently()
        offline = {**env, "WANDB_MODE": "offline"}
        with gateway(tmp_path, "--project", "shop", env=offline, intakes="the exporter's", more=more) as running:
            send(running, 1)
            assert running.figures()["openai_wandb_gateway_runs_to_upload"] == 0
            assert running.stop() == 0
        assert (len(run_directories(running)), rows(server)) == (1, {})
        with gateway(tmp_path, "--project", "shop", env=env, intakes="the exporter's", more=more) as running:
            assert server.wait_for(lambda _: rows(server).get("testers/shop") == expected(1), 60)
            until(lambda: not run_directories(running), 60)
            assert running.stop() == 0


@pytest.mark.parametrize("outage", ["refuses"])
def test_a_gateway_that_ends_while_wandb_is_away_is_followed_by_one_that_uploads(tmp_path: Path, outage: str) -> None:
    with WandbServer() as server:
        env, more = online(server), impatiently(2)
        with gateway(tmp_path, "--project", "shop", env=env, intakes="the exporter's", more=more) as running:
            send(running, 1)
            AWAY[outage](server)
            send(running, 2, 3)
            assert running.stop() == 0
        with gateway(tmp_path, "--project", "shop", env=env, intakes="the exporter's", more=more) as running:
            send(running, 4)
            assert running.stop() == 0
        come_back(server, outage)
        with gateway(tmp_path, "--project", "shop", env=env, intakes="the exporter's", more=more) as running:
            send(running, 5)
            assert server.wait_for(lambda _: rows(server).get("testers/shop") == expected(*range(1, 6)), 90)
            until(lambda: running.figures()["openai_wandb_gateway_runs_to_upload"] == 0, 60)
            assert len(run_directories(running)) == 1, logged(tmp_path)  # that of trace 5
            assert running.stop() == 0
