"""What a sender is answered, over real sockets to the real command."""

import gzip
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.gateway.otlp import RECORDED, request, traces
from tests.gateway.serving import Running, gateway, logged
from tests.gateway.test_tokens import line
from tests.support.waiting import until

JSON = "application/json"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for those tests that leave it as it was."""
    with gateway(tmp_path_factory.mktemp("gateway"), "--body-mib", "1") as started:
        yield started


@pytest.mark.parametrize(
    ("file", "headers", "reply"),
    [
        ("collector_proto_0.bin", {"Content_Type": "application/x-protobuf"}, b""),
        ("collector_proto_2.gz.bin", {"Content_Type": "application/x-protobuf", "Content_Encoding": "gzip"}, b""),
        ("collector_json_1.bin", {"Content_Type": f"{JSON}; charset=utf-8"}, b"{}"),
    ],
)
def test_what_a_collector_sent_is_taken(tmp_path: Path, file: str, headers: dict[str, str], reply: bytes) -> None:
    with gateway(tmp_path) as running:
        answer = running.post((RECORDED / file).read_bytes(), **headers)
        assert (answer.status_code, answer.content) == (200, reply)
        assert answer.headers["Content-Type"] == headers["Content_Type"].partition(";")[0]
        names = [span["name"] for span in running.until_written(1)]
        assert set(names) <= {
            *("answer_from_notes", "embeddings text-embedding-ada-002", "chat gpt-3.5-turbo"),
            "chat gpt-that-does-not-exist",
        }


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"garbage", {}, 400),
        (b"{", {"Content_Type": JSON}, 400),
        (b"[" * 100_000, {"Content_Type": JSON}, 400),
        (b'{"resourceSpans": 7}', {"Content_Type": JSON}, 400),
        (b"no gzip", {"Content_Encoding": "gzip"}, 400),
        (gzip.compress(traces("a"), mtime=0)[:-9], {"Content_Encoding": "gzip"}, 400),
        (gzip.compress(traces("a"), mtime=0) + b"x", {"Content_Encoding": "gzip"}, 400),
        (gzip.compress(b"", mtime=0) * 101, {"Content_Encoding": "gzip"}, 400),
        (gzip.compress(b"\0" * 2**19, mtime=0) * 3, {"Content_Encoding": "gzip"}, 413),
        (b"x" * (2**20 + 1), {}, 413),
        (gzip.compress(b"\0" * (2**20 + 1), mtime=0), {"Content_Encoding": "gzip"}, 413),
        (b"\x0a\x00" * 520_000, {}, 413),
        (traces("a"), {"Content_Type": "text/plain"}, 415),
        (traces("a"), {"Content_Encoding": "br"}, 415),
        (traces("a"), {"Origin": "https://evil.example"}, 403),
    ],
)
def test_what_will_never_be_taken_is_refused_for_good(
    running: Running, data: bytes, headers: dict[str, str], status: int
) -> None:
    answer = running.post(data, **headers)
    assert answer.status_code == status
    assert "Retry-After" not in answer.headers
    if "json" in headers.get("Content_Type", ""):
        assert answer.json()["message"]
    else:
        assert Status.FromString(answer.content).message


def test_a_gzip_body_may_have_members(tmp_path: Path) -> None:
    """RFC 1952, section 2.2; protobuf after protobuf is one message."""
    with gateway(tmp_path) as running:
        body = b"".join(gzip.compress(traces(name, trace_id=ord(name)), mtime=0) for name in "ab")
        assert running.post(body, Content_Encoding="gzip").status_code == 200
        assert [span["name"] for span in running.until_written(2)] == ["a", "b"]


def test_a_body_that_says_no_length_is_cut_off(running: Running) -> None:
    import requests

    pieces = (b"x" * 2**16 for _ in range(20))
    headers = {"Content-Type": "application/x-protobuf"}
    assert requests.post(f"{running.http}/v1/traces", data=pieces, headers=headers, timeout=30).status_code == 413


def test_other_paths_and_methods(running: Running) -> None:
    assert running.post(b"", "/v1/metrics").status_code == 404
    assert running.get("/").status_code == 404
    answer = running.get("/v1/traces")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_spans_that_are_wrong_are_rejected_and_the_others_taken(tmp_path: Path) -> None:
    made = request(["good", "bad", "good too"])
    made.resource_spans[0].scope_spans[0].spans[1].trace_id = b"short"
    with gateway(tmp_path) as running:
        answer = running.post(made.SerializeToString())
        assert answer.status_code == 200
        partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
        assert partial.rejected_spans == 1
        assert partial.error_message
        assert [span["name"] for span in running.until_written(2)] == ["good", "good too"]
        figures = running.figures()
    assert figures['openai_wandb_gateway_received_total{outcome="accepted",signal="traces"}'] == 2
    assert figures['openai_wandb_gateway_received_total{outcome="rejected",signal="traces"}'] == 1


def test_an_empty_body_is_taken_and_kept_nowhere(running: Running) -> None:
    assert running.post(b"").status_code == 200
    assert running.figures()["openai_wandb_gateway_spool_bytes"] == 0


def test_log_records_that_are_events_are_taken(tmp_path: Path) -> None:
    made = ExportLogsServiceRequest()
    record = made.resource_logs.add().scope_logs.add().log_records.add()
    record.event_name = "gen_ai.client.inference.operation.details"
    record.trace_id, record.span_id, record.time_unix_nano = b"1" * 16, b"2" * 8, 5
    with gateway(tmp_path) as running:
        assert running.post(made.SerializeToString(), "/v1/logs").status_code == 200
        (event,) = running.until_written(1)
        assert event == {"event": record.event_name, "trace_id": "31" * 16, "span_id": "32" * 8}


def test_a_token_decides_where_spans_go(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("\n".join((line("one"), line("two", project="mail"))))
    with gateway(tmp_path, "--tokens", str(tmp_path / "tokens")) as running:
        for token, status in (("", 401), ("Bearer three", 401), ("Basic one", 401), ("Bearer one", 200)):
            answer = running.post(traces("a"), Authorization=token)
            assert answer.status_code == status, token
            assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        named = traces("b", "c", trace_id=1, project="../../mail")  # another's trace, and no project of his
        assert running.post(named, Authorization="Bearer two").status_code == 200
        (first,) = running.until_written(1, "acme/shop")
        others = running.until_written(2, "acme/mail")
        assert (first["name"], first["entity"], first["project"]) == ("a", "acme", "shop")
        assert {(span["name"], span["entity"], span["project"]) for span in others} == {
            ("b", "acme", "mail"),
            ("c", "acme", "mail"),
        }
        assert all(span["attributes"] == ["gen_ai.operation.name"] for span in others)
    assert not running.spans()


def test_a_full_spool_asks_to_come_again_and_loses_nothing(tmp_path: Path) -> None:
    body = traces(*(f"span {n} {'x' * 400}" for n in range(1000)))
    with gateway(tmp_path, "--spool-mib", "2", "--body-mib", "1") as running:
        running.post(traces("first"))
        running.until_written(1)
        (hold,) = [path.with_name("hold") for path in running.directory.rglob("spans.jsonl")]
        hold.touch()
        answers = [running.post(body) for _ in range(6)]
        taken = [answer.status_code for answer in answers].count(200)
        assert {answer.status_code for answer in answers} == {200, 503}
        assert answers[-1].headers["Retry-After"] == "2"
        assert Status.FromString(answers[-1].content).code == 14
        hold.unlink()
        assert len(running.until_written(taken * 1000 + 1)) == taken * 1000 + 1
        until(lambda: running.figures()["openai_wandb_gateway_spool_bytes"] == 0, 20)
        assert running.post(body).status_code == 200


def test_operators_are_answered(tmp_path: Path) -> None:
    with gateway(tmp_path) as running:
        assert (running.get("/healthz").text, running.get("/readyz").text) == ("ok\n", "ok\n")
        running.post(traces("a", "b"))
        running.until_written(2)
        until(lambda: running.figures()["openai_wandb_gateway_spool_held_spans"] == 0, 20)
        figures = running.figures()
        assert figures["openai_wandb_gateway_spool_bytes"] == 0
        assert figures['openai_wandb_gateway_spool_spans_total{state="received"}'] == 2
        assert figures['openai_wandb_gateway_spool_spans_total{state="released"}'] == 2
        assert figures['openai_wandb_gateway_spans_total{outcome="logged"}'] == 2
        assert figures['openai_wandb_gateway_requests_total{outcome="accepted",protocol="http",signal="traces"}'] == 1
        assert figures["process_open_fds"] < 100
        assert running.stop() == 0
    assert "spans accepted: 2, rejected: 0; in the spool: 0" in logged(tmp_path)


def test_a_sender_that_is_slow_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with gateway(tmp_path, env={"OTEL_WANDB_EXIT_TIMEOUT": "0.9"}) as running:
        assert running.post(traces("a")).status_code == 200
        host, port = running.http.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as slow:
            slow.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n")
            slow.sendall(b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n")
            assert slow.recv(100).startswith(b"HTTP/1.1 100")  # it is being read
            begin = time.monotonic()
            assert running.stop() == 0
        assert time.monotonic() - begin < 4
    assert [span["name"] for span in running.spans()] == ["a"]


def test_a_request_that_is_being_sent_when_it_stops_is_answered(tmp_path: Path) -> None:
    """What got no answer is sent again; what got one is on the disk."""
    body = traces("a")
    with gateway(tmp_path) as running:
        assert running.post(body).status_code == 200
        begin = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - begin < 20
    assert [span["name"] for span in running.spans()] == ["a"]
