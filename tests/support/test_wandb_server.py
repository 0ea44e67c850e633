"""Tests the stand-in for W&B with the real wandb in separate programs, and with hand-written requests."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.support.program import Finished, run_program
from tests.support.run_file import stats_rows
from tests.support.wandb_faults import Kind
from tests.support.wandb_server import IMPATIENT, MOMENTS, WandbServer

# Turns wandb's own telemetry off. It would delay an exit by ten seconds while a server answers nothing.
QUIET = {"WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}

SETUP = (
    MOMENTS
    + """
import os, time, wandb

def start(**settings):
    return wandb.init(project="proj", settings={"x_disable_stats": True, **settings})
"""
)
ROWS = """
run = start()
for n in range(5):
    run.log({"n": n})
run.log({"table": wandb.Table(columns=["a"], data=[[1], [2]])})
run.finish()
"""


def program(tmp_path: Path, server: WandbServer, body: str, **env: str) -> Finished:
    return run_program(tmp_path, SETUP + body, env={**server.environment, **IMPATIENT, **QUIET, **env})


def is_whole(server: WandbServer) -> bool:
    """Whether all of `ROWS` have arrived, each once."""
    run = server.run
    return (
        [row.get("n") for row in run.history] == [0, 1, 2, 3, 4, None]
        and [row["a"] for row in stats_rows(run, "table")] == [1, 2]
        and [(artifact.committed, len(artifact.tables)) for artifact in run.artifacts] == [(True, 1)]
        and {"config.yaml", "wandb-summary.json"} <= set(run.files)
        and run.exit_code == 0
    )


# Received data.


def test_a_run_arrives_whole(tmp_path: Path, wandb_server: WandbServer) -> None:
    body = """
run = wandb.init(project="proj", group="g", job_type="j", name="my name", tags=["t"], notes="n", config={"a": {"b": 1}})
for n in range(300):
    run.log({"n": n, "deep": {"x.y": n}})
run.log({"nan": float("nan")})
run.summary["best"] = {"of": 7}
run.config.update({"late": 2})
print("said")
with open("saved.txt", "w") as file:
    file.write("kept")
run.save("saved.txt", policy="now")
run.alert("title", "text")
run.finish(exit_code=3)
"""
    done = program(tmp_path, wandb_server, body)
    assert done.returncode == 0, done.stderr
    run = wandb_server.run
    assert (run.project, run.entity, run.group, run.job_type) == ("proj", "testers", "g", "j")
    assert (run.display_name, run.tags, run.notes) == ("my name", ("t",), "n")
    assert [row["_step"] for row in run.history] == list(range(301))
    assert [(row["n"], row["deep"]) for row in run.history[:-1]] == [(n, {"x.y": n}) for n in range(300)]
    nan = run.history[-1]["nan"]
    assert isinstance(nan, float)
    assert math.isnan(nan)
    assert (run.summary["n"], run.summary["best"]) == (299, {"of": 7})
    assert (run.config["a"], run.config["late"]) == ({"b": 1}, 2)
    assert json.loads(run.files["wandb-summary.json"])["best"] == {"of": 7}
    assert run.files["saved.txt"] == b"kept"
    assert [line.endswith(" said") for line in run.output] == [True]
    assert run.finished
    assert run.exit_code == 3
    assert wandb_server.unknown_operations == []


def test_tables_can_be_read_back_from_the_rows_and_from_the_artifacts(
    tmp_path: Path, wandb_server: WandbServer
) -> None:
    body = """
run = start()
stats = wandb.Table(columns=["n", "text"], log_mode="INCREMENTAL")
for n in range(4):
    stats.add_data(n, f"text {n}")
    run.log({"stats": stats, "chunk/a b": wandb.Table(columns=["n"], data=[[n], [-n]])})
run.finish()
"""
    done = program(tmp_path, wandb_server, body)
    assert done.returncode == 0, done.stderr
    run = wandb_server.run
    expected = [{"n": n, "text": f"text {n}"} for n in range(4)]
    assert stats_rows(run) == expected
    assert [row["n"] for row in stats_rows(run, "chunk/a b")] == [0, 0, 1, -1, 2, -2, 3, -3]

    increments = [one for one in run.artifacts if one.type == "wandb-run-incremental-table"]
    assert [one.base for one in increments] == [None, *(one.id for one in increments[:-1])]
    tables = [table for one in increments for table in one.tables.values()]
    assert [dict(zip(table.columns, row, strict=True)) for table in tables for row in table.rows] == expected
    assert {table.log_mode for table in tables} == {"INCREMENTAL"}
    for artifact in run.artifacts:
        assert artifact.committed
        assert artifact.manifest is not None
        digests = {name: entry["digest"] for name, entry in artifact.manifest["contents"].items()}
        assert digests == {
            name: base64.b64encode(hashlib.md5(content).digest()).decode() for name, content in artifact.files.items()
        }
    assert wandb_server.unknown_operations == []


def test_a_run_can_be_resumed(tmp_path: Path, wandb_server: WandbServer) -> None:
    body = """
for n in range(2):
    run = wandb.init(project="proj", id="one", resume="allow")
    print(run.resumed, run.summary.get("n"))
    run.log({"n": n})
    run.finish()
"""
    done = program(tmp_path, wandb_server, body)
    assert done.stdout.splitlines() == ["False None", "True 0"], done.stderr
    assert [(row["n"], row["_step"]) for row in wandb_server.runs["one"].history] == [(0, 0), (1, 1)]
    assert wandb_server.unknown_operations == []


def test_a_login_is_verified(tmp_path: Path, wandb_server: WandbServer) -> None:
    body = """
print(wandb.login(verify=True))
try:
    wandb.login(key="0" * 40, relogin=True, verify=True)
except wandb.errors.AuthenticationError as error:
    print("no such key" in str(error))
"""
    done = program(tmp_path, wandb_server, body)
    assert done.stdout.splitlines() == ["True", "True"], done.stderr


# Faults, with wandb.

FAULTS: dict[str, Callable[[WandbServer], object]] = {
    "a file stream that fails": lambda server: server.fail(500, Kind.FILE_STREAM, times=2),
    "a file stream that is too busy": lambda server: server.fail(429, Kind.FILE_STREAM, times=3, retry_after=0),
    "uploads that fail": lambda server: server.fail(503, Kind.UPLOAD, times=3),
    "a commit that fails": lambda server: server.fail(500, operation="CommitArtifact", times=2),
    "a beginning that fails": lambda server: server.fail(500, operation="UpsertBucket", times=2),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_that_passes_loses_and_doubles_nothing(
    tmp_path: Path, wandb_server: WandbServer, fault: Callable[[WandbServer], object]
) -> None:
    fault(wandb_server)
    done = program(tmp_path, wandb_server, ROWS)
    assert done.returncode == 0, done.stderr
    assert is_whole(wandb_server), wandb_server.run


def test_rows_whose_answer_is_lost_are_sent_again_and_not_doubled(tmp_path: Path, wandb_server: WandbServer) -> None:
    def lose_the_next_answer() -> None:
        assert wandb_server.wait_for(lambda _: wandb_server.count(Kind.FILE_STREAM))  # the first one has no rows
        wandb_server.fail(502, Kind.FILE_STREAM, times=1, taken=True)

    wandb_server.at("begun", lose_the_next_answer)
    body = "run = start()\nreached('begun')\nfor n in range(5): run.log({'n': n})\nrun.finish()"
    program(tmp_path, wandb_server, body, WANDB__FILE_STREAM_TRANSMIT_INTERVAL="60")
    sent = [json.loads(one.body) for one in wandb_server.requests if b"wandb-history" in one.body]
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert [row["n"] for row in wandb_server.run.history] == [0, 1, 2, 3, 4]


def test_requests_are_counted(tmp_path: Path, wandb_server: WandbServer) -> None:
    fault = wandb_server.fail(429, operation="CommitArtifact", times=2, retry_after=0)
    program(tmp_path, wandb_server, ROWS)
    assert fault.hits == 2
    assert wandb_server.count(Kind.GRAPHQL, "CommitArtifact") == 3
    assert wandb_server.count(Kind.GRAPHQL) > 3
    assert wandb_server.count(Kind.TELEMETRY) == 0  # QUIET


def test_a_refused_file_stream_is_given_up_and_the_run_is_on_disk(tmp_path: Path, wandb_server: WandbServer) -> None:
    fault = wandb_server.fail(403, Kind.FILE_STREAM)
    done = program(tmp_path, wandb_server, ROWS)
    assert done.returncode == 0, done.stderr
    assert fault.hits == 1
    assert not wandb_server.run.history
    assert not wandb_server.run.finished
    assert [row.get("n") for row in done.run.history] == [0, 1, 2, 3, 4, None]


@pytest.mark.parametrize("outage", ["swallow", "refuse"])
def test_an_outage_at_the_end_is_bounded_by_a_setting(tmp_path: Path, wandb_server: WandbServer, outage: str) -> None:
    wandb_server.at("logged", getattr(wandb_server, outage))
    body = """
run = start(finish_timeout=1)
run.log({"n": 1})
reached("logged")
before = time.monotonic()
run.finish()
print(time.monotonic() - before < 10)
"""
    done = program(tmp_path, wandb_server, body)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    assert not wandb_server.run.finished
    assert [row["n"] for row in done.run.history] == [1]


def test_a_server_that_refuses_a_run_and_one_that_listens_again(tmp_path: Path, wandb_server: WandbServer) -> None:
    body = """
try:
    run = start(init_timeout=1)
except wandb.errors.CommError:
    print("none")
else:
    run.finish()
"""
    wandb_server.refuse()
    done = program(tmp_path, wandb_server, body)
    assert done.stdout == "none\n", done.stderr
    assert wandb_server.requests == []
    wandb_server.listen()
    done = program(tmp_path, wandb_server, body)
    assert done.stdout == "", done.stderr
    assert wandb_server.run.finished


def test_a_slow_server_is_waited_for(tmp_path: Path, wandb_server: WandbServer) -> None:
    with ThreadPoolExecutor() as pool, wandb_server.hold(Kind.UPLOAD) as fault:
        running = pool.submit(program, tmp_path, wandb_server, ROWS)
        assert wandb_server.wait_for(lambda _: fault.hits)
        assert not wandb_server.run.files
        fault.lift()
        done = running.result()
    assert done.returncode == 0, done.stderr
    assert is_whole(wandb_server), wandb_server.run


# Hand-written requests.


def ask(server: WandbServer, path: str, body: object = None, *, key: str | None = None) -> tuple[int, Any]:
    """POST `body`, and return the status and the JSON of the answer."""
    secret = base64.b64encode(f"api:{key or server.environment['WANDB_API_KEY']}".encode()).decode()
    headers = {"Authorization": f"Basic {secret}"}
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


QUERY = {"query": "query Viewer { viewer { entity } }"}


def test_an_unknown_operation_is_answered_and_noted(wandb_server: WandbServer) -> None:
    status, answer = ask(wandb_server, "/graphql", {"query": "mutation Unheard($a: Int) { unheard }"})
    assert (status, answer) == (200, {"errors": [{"message": "unknown operation"}]})
    assert ask(wandb_server, "/somewhere")[0] == 404
    assert wandb_server.unknown_operations == ["Unheard", "POST /somewhere"]


def test_who_has_no_key_or_no_run_is_turned_away(wandb_server: WandbServer) -> None:
    assert ask(wandb_server, "/graphql", QUERY, key="other")[0] == 401
    assert ask(wandb_server, "/files/e/p/none/file_stream", {})[0] == 404
    assert ask(wandb_server, "/upload/0")[0] == 404
    assert ask(wandb_server, "/upload/x")[0] == 404
    assert ask(wandb_server, "/graphql", QUERY)[0] == 200


UPSERT = {
    "query": "mutation UpsertBucket",
    "variables": {"name": "one", "project": "p", "config": '{"a": {"value": 1}}'},
}


def test_a_line_that_is_sent_again_replaces_itself(wandb_server: WandbServer) -> None:
    ask(wandb_server, "/graphql", UPSERT)
    for offset, lines in ((0, [{"n": 0}, {"n": 1}]), (1, [{"n": 1}, {"n": 2}])):
        part = {"offset": offset, "content": [json.dumps(line) for line in lines]}
        ask(wandb_server, "/files/testers/p/one/file_stream", {"files": {"wandb-history.jsonl": part}})
    assert list(wandb_server.runs["one"].history) == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert wandb_server.runs["one"].config == {"a": 1}


def test_an_artifact_with_the_content_of_the_latest_is_the_same(wandb_server: WandbServer) -> None:
    made = {"projectName": "p", "artifactCollectionName": "c", "artifactTypeName": "t", "runName": "r"}

    def create(digest: str) -> dict[str, object]:
        query = {"query": "mutation CreateArtifact", "variables": {"input": {**made, "digest": digest}}}
        _, answer = ask(wandb_server, "/graphql", query)
        artifact: dict[str, object] = answer["data"]["createArtifact"]["artifact"]
        return artifact

    first = create("1")
    ask(wandb_server, "/graphql", {"query": "mutation CommitArtifact", "variables": {"artifactID": first["id"]}})
    assert (first["state"], create("1")["state"], create("2")["state"]) == ("PENDING", "COMMITTED", "PENDING")
    assert create("2")["artifactSequence"] == {"latestArtifact": {"id": first["id"]}}


def test_faults_strike_the_kinds_they_are_for_and_only_so_often(wandb_server: WandbServer) -> None:
    wandb_server.fail(500, Kind.GRAPHQL, times=1)
    wandb_server.fail(429, Kind.UPLOAD, retry_after=7)
    assert [ask(wandb_server, "/graphql", QUERY)[0] for _ in range(2)] == [500, 200]
    assert [ask(wandb_server, "/upload/0")[0] for _ in range(2)] == [429, 429]
    assert ask(wandb_server, "/files/e/p/none/file_stream", {})[0] == 404
    wandb_server.heal()
    assert ask(wandb_server, "/upload/0")[0] == 404


def test_a_busy_server_says_when_to_come_back(wandb_server: WandbServer) -> None:
    wandb_server.fail(429, retry_after=7)
    with closing(HTTPConnection(wandb_server.url.removeprefix("http://"))) as connection:
        connection.request("GET", "/graphql", "{}")
        assert connection.getresponse().getheader("Retry-After") == "7"


def test_a_taken_request_is_obeyed_whatever_the_answer(wandb_server: WandbServer) -> None:
    wandb_server.fail(500, taken=True, times=1)
    assert ask(wandb_server, "/graphql", UPSERT)[0] == 500
    assert list(wandb_server.runs) == ["one"]
    wandb_server.fail(500)
    assert ask(wandb_server, "/graphql", {**UPSERT, "variables": {"name": "two"}})[0] == 500
    assert list(wandb_server.runs) == ["one"]


def test_a_held_request_is_served_when_the_fault_is_lifted(wandb_server: WandbServer) -> None:
    with ThreadPoolExecutor() as pool, wandb_server.hold() as fault:
        answer = pool.submit(ask, wandb_server, "/graphql", UPSERT)
        assert wandb_server.wait_for(lambda _: fault.hits == 1)
        assert not wandb_server.runs
        fault.lift()
        assert answer.result()[0] == 200
    assert list(wandb_server.runs) == ["one"]


def test_a_swallowed_request_is_hung_up_on_when_the_server_heals(wandb_server: WandbServer) -> None:
    fault = wandb_server.swallow()
    with closing(HTTPConnection(wandb_server.url.removeprefix("http://"))) as connection:
        connection.request("GET", "/graphql", "{}")
        assert wandb_server.wait_for(lambda _: fault.hits == 1)
        wandb_server.heal()
        with pytest.raises(RemoteDisconnected):
            connection.getresponse()
    assert ask(wandb_server, "/graphql", QUERY)[0] == 200


def test_the_end_of_the_server_hangs_up_on_everybody() -> None:
    with WandbServer() as server, closing(HTTPConnection(server.url.removeprefix("http://"))) as connection:
        server.swallow()
        connection.request("GET", "/graphql", "{}")
        assert server.wait_for(lambda _: server.count(Kind.GRAPHQL))
        server.__exit__()
        with pytest.raises((RemoteDisconnected, ConnectionResetError)):
            connection.getresponse()


def test_waiting_ends_without_what_was_waited_for(wandb_server: WandbServer) -> None:
    assert not wandb_server.wait_for(lambda runs: runs, timeout=0.01)
    assert wandb_server.wait_for(lambda runs: not runs)


def test_a_moment_that_fails_or_was_not_expected_fails_its_program(tmp_path: Path, wandb_server: WandbServer) -> None:
    def fail() -> None:
        raise AssertionError("not as it should be")

    wandb_server.at("wrong", fail)
    done = run_program(tmp_path, MOMENTS + "reached('wrong')", env=wandb_server.environment)
    assert "HTTP Error 500" in done.stderr
    done = run_program(tmp_path, MOMENTS + "reached('unknown')", env=wandb_server.environment)
    assert "HTTP Error 404" in done.stderr
