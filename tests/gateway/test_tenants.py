"""Several tenants with the exporter's intakes: each has its project, its W&B key, and its own faults."""

from pathlib import Path

import pytest

from tests.gateway.online import SOON, expected, impatiently, is_drained, online, rows, run_directories, senders, tokens
from tests.gateway.otlp import request, traces
from tests.gateway.serving import Running, gateway, logged
from tests.support.waiting import until
from tests.support.wandb_server import API_KEY, WandbServer

pytestmark = pytest.mark.waits

ONE, TWO, REFUSED = "1" * 40, "2" * 40, "3" * 40
KEYS = {"KEY_one": ONE, "KEY_two": TWO, "KEY_refused": REFUSED}


def send(running: Running, token: str, number: int) -> None:
    body = traces("root", "call", trace_id=number, project="../somebody/elses")
    assert running.post(body, Authorization=f"Bearer {token}").status_code == 200


def test_each_token_writes_to_its_project_with_its_own_key(tmp_path: Path) -> None:
    file = tokens(tmp_path, one=("acme/shop", True), own=("acme/mail", False), two=("umbrella/mail", True))
    with WandbServer() as server:
        server.keys |= {ONE, TWO}
        env = online(server, **KEYS)
        with gateway(tmp_path, "--tokens", file, env=env, intakes="the exporter's", more=impatiently(2)) as running:
            for number in range(1, 6):
                for token in ("one", "two", "own"):
                    send(running, token, number)
                until(lambda: is_drained(running), 60)
            assert running.stop() == 0
        assert rows(server) == dict.fromkeys(("acme/shop", "acme/mail", "umbrella/mail"), expected(*range(1, 6)))
        assert senders(server) == {"acme/shop": {ONE}, "acme/mail": {API_KEY}, "umbrella/mail": {TWO}}
        assert server.unknown_operations == []


def test_where_there_is_no_key_anothers_is_not_used(tmp_path: Path) -> None:
    file = tokens(tmp_path, one=("acme/shop", True), own=("acme/mail", False))
    with WandbServer() as server:
        server.keys |= {ONE}
        env = {**online(server, **KEYS), "WANDB_API_KEY": ""}
        with gateway(tmp_path, "--tokens", file, env=env, intakes="the exporter's", more=impatiently(1)) as running:
            for number in (1, 2, 3):
                for token in ("one", "own"):
                    send(running, token, number)
                until(lambda: is_drained(running), 60)
            assert server.wait_for(lambda _: rows(server).get("acme/shop") == expected(1, 2, 3))
            until(lambda: "is not in W&B yet: NoKeyError" in logged(tmp_path), 60)
            kept = [run for run in run_directories(running) if run.name.startswith("offline")]
            until(lambda: running.figures()["openai_wandb_gateway_runs_to_upload"] == len(kept) == 3, 60)
            assert running.stop() == 0
        assert senders(server) == {"acme/shop": {ONE}}
        assert logged(tmp_path).count("there is no W&B key for acme/mail") == 1
        server.keys |= {API_KEY}
        env["WANDB_API_KEY"] = API_KEY
        with gateway(tmp_path, "--tokens", file, env=env, intakes="the exporter's", more=impatiently(1)) as running:
            assert server.wait_for(lambda _: rows(server).get("acme/mail") == expected(1, 2, 3), 60)
            until(lambda: running.figures()["openai_wandb_gateway_runs_to_upload"] == 0, 60)
            assert running.stop() == 0


def test_what_a_sender_left_is_written_also_when_its_token_is_gone(tmp_path: Path) -> None:
    """A run that waits for W&B, and unfinished traces: of a token that is taken away, and of times without tokens."""
    with WandbServer() as server:
        env, more, waits = online(server), impatiently(1), {"OTEL_WANDB_IDLE": "600", "OTEL_WANDB_MAX_AGE": "600"}
        server.refuse()
        with gateway(tmp_path, "--project", "all", env=env | waits, intakes="the exporter's", more=more) as running:
            assert running.post(traces("root", "call", trace_id=1)).status_code == 200
            until(lambda: is_drained(running), 60)
            assert running.post(orphan(2)).status_code == 200
            assert running.stop() == 0
        before = ("--project", "all", "--tokens", tokens(tmp_path, old=("testers/old", False)))
        with gateway(tmp_path, *before, env=env | waits, intakes="the exporter's", more=more) as running:
            send(running, "old", 3)
            until(lambda: running.figures()["openai_wandb_gateway_spool_held_spans"] == 1, 60)
            assert running.post(orphan(4), Authorization="Bearer old").status_code == 200
            assert running.stop() == 0
        server.listen()
        after = ("--project", "all", "--tokens", tokens(tmp_path, new=("testers/new", False)))
        with gateway(tmp_path, *after, env=env, intakes="the exporter's", more=more) as running:
            until(lambda: is_drained(running), 60)
            wanted = {"testers/all": expected(1, 2), "testers/old": expected(3, 4)}
            assert server.wait_for(lambda _: rows(server) == wanted, 60), rows(server)
            assert running.stop() == 0
    assert logged(tmp_path).count("senders without a token, testers/old: they send no more") == 1
    assert "Traceback" not in logged(tmp_path)


def test_a_key_that_is_refused_harms_its_tenant_only_and_until_it_is_taken(tmp_path: Path) -> None:
    file = tokens(tmp_path, one=("acme/shop", True), refused=("late/shop", True))
    with WandbServer() as server:
        server.keys |= {ONE}
        env = online(server, **KEYS)
        with gateway(tmp_path, "--tokens", file, env=env, intakes="the exporter's", more=impatiently()) as running:
            for number in range(1, 4):
                send(running, "refused", number)
                send(running, "one", number)
            until(lambda: is_drained(running), 60)
            assert server.wait_for(lambda _: rows(server).get("acme/shop") == expected(1, 2, 3))
            assert "no such key" in logged(tmp_path)
            assert "late/shop" not in rows(server)
            figures = running.figures()
            assert figures["openai_wandb_gateway_runs_to_upload"] >= 1
            server.keys |= {REFUSED}
            send(running, "refused", 4)  # which makes the gateway try again
            send(running, "refused", 5)
            assert server.wait_for(lambda _: rows(server).get("late/shop") == expected(1, 2, 3, 4, 5), 60)
            assert running.stop() == 0
        assert senders(server) == {"acme/shop": {ONE}, "late/shop": {REFUSED}}
        assert rows(server)["acme/shop"] == expected(1, 2, 3)


def test_a_key_that_is_withdrawn_loses_nothing(tmp_path: Path) -> None:
    file = tokens(tmp_path, one=("acme/shop", True), two=("umbrella/mail", True))
    with WandbServer() as server:
        server.keys |= {ONE, TWO}
        env = online(server, **KEYS)
        with gateway(tmp_path, "--tokens", file, env=env, intakes="the exporter's", more=impatiently(3)) as running:
            send(running, "one", 1)
            assert server.wait_for(lambda _: rows(server).get("acme/shop") == expected(1))
            server.keys -= {ONE}
            for number in range(2, 6):  # the fourth needs another run
                send(running, "one", number)
                send(running, "two", number)
                until(lambda: is_drained(running), 60)
            assert server.wait_for(lambda _: rows(server).get("umbrella/mail") == expected(2, 3, 4, 5))
            assert rows(server)["acme/shop"] == expected(1)
            server.keys |= {ONE}
            send(running, "one", 6)
            send(running, "one", 7)
            assert server.wait_for(lambda _: rows(server)["acme/shop"] == expected(*range(1, 8)), 60)
            assert running.stop() == 0
        assert senders(server) == {"acme/shop": {ONE}, "umbrella/mail": {TWO}}


def orphan(number: int, name: str = "call") -> bytes:
    """A trace whose root does not come."""
    made = request([name], number)
    made.resource_spans[0].scope_spans[0].spans[0].parent_span_id = b"nowhere!"
    return bytes(made.SerializeToString())


def unfinished(number: int) -> bytes:
    """Of 100 kB."""
    return orphan(number, "x" * 100_000)


_LITTLE = """
from otel_openai_wandb._gateway import feeding
feeding.MOST_BYTES = 20_000  # a span has 1,400
"""


def test_all_tenants_share_one_memory_and_each_has_some_of_it(tmp_path: Path) -> None:
    names = [f"t{number}" for number in range(8)]
    file = tokens(tmp_path, **{name: (f"acme/{name}", False) for name in names})
    env = {**SOON, "WANDB_MODE": "offline", "OTEL_WANDB_IDLE": "600", "OTEL_WANDB_MAX_AGE": "600"}
    with gateway(tmp_path, "--tokens", file, env=env, intakes="the exporter's", more=_LITTLE) as running:
        for name in names[:-1]:
            for number in range(1, 11):
                assert running.post(orphan(number), Authorization=f"Bearer {name}").status_code == 200
        until(lambda: running.figures()["openai_wandb_gateway_waiting_bytes"] > 15_000, 60)
        send(running, "t7", 1)
        until(lambda: running.figures()['openai_wandb_gateway_spans_total{outcome="logged"}'] == 2, 60)
        assert running.figures()["openai_wandb_gateway_waiting_bytes"] < 20_000 + 8 * 1_500
        running.process.kill()


def test_a_tenant_that_floods_does_not_stop_the_others(tmp_path: Path) -> None:
    file = tokens(tmp_path, one=("acme/shop", True), two=("umbrella/mail", True))
    with WandbServer() as server:
        server.keys |= {ONE, TWO}
        env = online(server, **KEYS, OTEL_WANDB_IDLE="600", OTEL_WANDB_MAX_AGE="600")
        small = ("--tokens", file, "--spool-mib", "2", "--body-mib", "1")
        with gateway(tmp_path, *small, env=env, intakes="the exporter's") as running:
            answers = [running.post(unfinished(n), Authorization="Bearer one").status_code for n in range(1, 16)]
            assert answers == [200] * 10 + [503] * 5
            for number in range(1, 4):
                send(running, "two", number)
            assert server.wait_for(lambda _: rows(server).get("umbrella/mail") == expected(1, 2, 3))
            assert running.post(unfinished(99), Authorization="Bearer one").status_code == 503
            assert running.stop() == 0
    assert "in the spool: 10" in logged(tmp_path)
