"""Senders that mean harm: what they are answered, what it costs, and that others are served meanwhile."""

import asyncio
import gzip
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_openai_wandb._gateway.receiving import turns
from otel_openai_wandb._gateway.receiving.bodies import inflated
from otel_openai_wandb._gateway.receiving.parts import MOST_PARTS, refuse_many_parts
from otel_openai_wandb._gateway.receiving.replies import Reason, RefusedError
from otel_wandb._interface.otlp import Encoding, Signal
from tests.gateway.otlp import RECORDED, request, traces
from tests.gateway.serving import Running, gateway, logged
from tests.gateway.test_tokens import line

_FASTER = """
from otel_openai_wandb._gateway.receiving import accepting
from dataclasses import fields
accepting.Limits.__init__.__defaults__ = (*accepting.Limits.__init__.__defaults__[:2], 1.0, 1.0)
"""
MIB = 2**20


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The limits of time are a second."""
    with gateway(tmp_path_factory.mktemp("gateway"), more=_FASTER) as started:
        yield started


@contextmanager
def connected(running: Running) -> Iterator[socket.socket]:
    host, port = running.http.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as opened:
        yield opened


def answer_of(opened: socket.socket) -> bytes:
    """All that comes until the connection is closed."""
    pieces = []
    try:
        while piece := opened.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


_HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"


@pytest.mark.parametrize("sent", [b"", b"POST /v1/tra", _HEAD])
def test_a_header_that_does_not_end_is_not_waited_for(running: Running, sent: bytes) -> None:
    with connected(running) as opened:
        opened.sendall(sent)
        assert answer_of(opened) == b""


def test_a_second_header_that_does_not_end_is_not_waited_for(running: Running) -> None:
    with connected(running) as opened:
        opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert opened.recv(65536).startswith(b"HTTP/1.1 200")
        opened.sendall(b"GET /hea")
        assert answer_of(opened).count(b"HTTP/1.1") == 0


def test_a_header_that_trickles_is_not_waited_for(running: Running) -> None:
    with connected(running) as opened:
        stop = threading.Event()

        def trickle() -> None:
            while not stop.wait(0.1):
                try:
                    opened.sendall(b"X: y\r\n")
                except OSError:
                    return

        opened.sendall(_HEAD)
        trickling = threading.Thread(target=trickle)
        trickling.start()
        assert answer_of(opened) == b""
        stop.set()
        trickling.join()


def test_a_body_that_does_not_come_can_be_sent_again(running: Running) -> None:
    with connected(running) as opened:
        opened.sendall(_HEAD + b"Content-Length: 100\r\n\r\nabc")
        answered = answer_of(opened)
    assert answered.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 2" in answered
    assert b"connection: close" in answered


def test_a_header_that_is_too_large_or_no_http_is_refused(running: Running) -> None:
    for sent in (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000, b"\x16\x03\x01\x02\x00 no HTTP\r\n\r\n"):
        with connected(running) as opened:
            try:
                opened.sendall(sent)
            except ConnectionError:
                continue
            assert answer_of(opened).startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))


def test_slow_senders_do_not_keep_others_out(running: Running) -> None:
    openers = [connected(running) for _ in range(50)]
    for opener in openers:
        opener.__enter__().sendall(_HEAD + b"Content-Length: 16000000\r\n\r\n" + b"x" * 1000)
    assert running.post(traces("a")).status_code == 200
    for opener in openers:
        opener.__exit__(None, None, None)


_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def test_calls_without_a_message_do_not_keep_others_out(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("\n".join((line("one"), line("two", project="mail"))))
    with gateway(tmp_path, "--tokens", str(tmp_path / "tokens")) as running, silent_calls(running.grpc, "one", 20):
        with grpc.insecure_channel(running.grpc) as channel:
            for token in ("two", "one"):
                send = channel.unary_unary(_EXPORT)
                assert send(traces(token), metadata=(("authorization", f"Bearer {token}"),), timeout=60) == b""
        assert [span["name"] for span in running.until_written(1, "acme/mail")] == ["two"]
        assert running.figures()[_SLOW] >= 3


_SLOW = 'openai_wandb_gateway_requests_total{outcome="slow",protocol="grpc",signal="traces"}'


@contextmanager
def silent_calls(address: str, token: str, count: int) -> Iterator[None]:
    """Calls that are begun, and send nothing."""
    end = threading.Event()

    def nothing() -> Iterator[bytes]:
        end.wait()
        yield from ()

    with grpc.insecure_channel(address) as channel:
        call = channel.stream_unary(_EXPORT)
        begun = [call.future(nothing(), metadata=(("authorization", f"Bearer {token}"),)) for _ in range(count)]
        yield
        end.set()
        for one in begun:
            one.cancel()


def test_a_slow_message_is_waited_for_while_nobody_else_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_SECONDS", 0.01)
    come = asyncio.Event()

    async def messages() -> AsyncIterator[bytes]:
        await come.wait()
        yield b"late"

    async def read() -> bytes:
        asyncio.get_running_loop().call_later(0.1, come.set)
        return await turns.Turns().read("acme/shop", messages())

    assert asyncio.run(read()) == b"late"


def test_large_bodies_cost_a_bounded_memory(tmp_path: Path) -> None:
    """Each of them would be 16 MiB or much more; several at once."""
    tiny = request([]).SerializeToString()
    assert tiny
    span = b"\x12\x1c\x0a\x10" + b"1" * 16 + b"\x12\x08" + b"2" * 8
    many = span * 550_000
    million = b"\x0a" + _varint(len(many) + 1 + len(_varint(len(many)))) + b"\x12" + _varint(len(many)) + many
    bodies = [
        (gzip.compress(b"\0" * 200 * MIB, mtime=0), {"Content_Encoding": "gzip"}, {413}),
        (b"[" * 15 * MIB, {"Content_Type": "application/json"}, {400, 413}),
        (b'{"resourceSpans":[' + b"{}," * 5_000_000 + b"{}]}", {"Content_Type": "application/json"}, {413}),
        (b"\x0a\x00" * 8_000_000, {}, {413}),
        (million, {}, {413}),
        (b"\xff" * 16 * MIB, {}, {400}),
    ]
    with gateway(tmp_path) as running:
        before = running.memory
        found: list[tuple[int, set[int]]] = []

        def post(data: bytes, headers: dict[str, str], statuses: set[int]) -> None:
            found.append((running.post(data, **headers).status_code, statuses))

        threads = [threading.Thread(target=post, args=body) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == len(bodies)
        assert all(status in statuses or status == 503 for status, statuses in found), found
        for body in bodies:
            status = running.post(body[0], **body[1]).status_code
            assert status in body[2]
        assert running.memory - before < 250
        assert running.post(traces("a")).status_code == 200
        assert [span["name"] for span in running.until_written(1)] == ["a"]
    assert "Traceback" not in logged(tmp_path)


def _varint(number: int) -> bytes:
    pieces = bytearray()
    while number > 0x7F:
        pieces.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*pieces, number])


_FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_RECORDED = [path.read_bytes() for path in sorted(RECORDED.glob("*.bin"))]


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A recorded body with some bytes changed, left out or put in."""
    data = bytearray(draw(st.sampled_from(_RECORDED)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(data)


@_FEW
@given(
    data=st.one_of(st.binary(max_size=2000), broken()),
    kind=st.sampled_from(["application/x-protobuf", "application/json"]),
    encoding=st.sampled_from(["", "gzip"]),
    path=st.sampled_from(["/v1/traces", "/v1/logs"]),
)
def test_no_body_is_answered_with_an_error_of_ours(
    running: Running, data: bytes, kind: str, encoding: str, path: str
) -> None:
    answer = running.post(data, path, Content_Type=kind, Content_Encoding=encoding)
    assert answer.status_code in {200, 400, 413}
    assert running.process.poll() is None


@_FEW
@given(st.binary(max_size=300), st.integers(1, 1000))
def test_what_is_inflated_is_what_was_compressed_or_refused(data: bytes, most: int) -> None:
    assert inflated(gzip.compress(data), max(len(data), 1)) == data
    try:
        assert len(inflated(data, most)) <= most
    except RefusedError as refused:
        assert refused.reason in {Reason.MALFORMED, Reason.TOO_LARGE}  # noqa: PT017


@pytest.mark.parametrize(
    "part",
    [
        b"\x0a\x00",  # of the request: resource_spans
        b"\x0a\x02\x12\x00",  # scope_spans
        b"\x0a\x04\x12\x02\x12\x00",  # spans
        b"\x0a\x06\x12\x04\x12\x02\x4a\x00",  # attributes of a span
        b"\x0a\x04\x0a\x02\x0a\x00",  # attributes of a resource
        b"\x0b\x0c\x0a\x00",  # behind a group, which the reader skips
    ],
)
def test_many_parts_are_counted_wherever_they_are(part: bytes) -> None:
    refuse_many_parts(part * 100, Encoding.PROTOBUF, Signal.TRACES)
    with pytest.raises(RefusedError):
        refuse_many_parts(part * (MOST_PARTS + 1), Encoding.PROTOBUF, Signal.TRACES)


def test_the_values_of_one_attribute_are_counted() -> None:
    values = b"\x0a\x00" * (MOST_PARTS + 1)
    nested = values
    for field in (
        b"\x2a",
        b"\x12",
        b"\x4a",
        b"\x12",
        b"\x12",
        b"\x0a",
    ):  # array, value, attribute, span, scope, resource
        nested = field + _varint(len(nested)) + nested
    with pytest.raises(RefusedError):
        refuse_many_parts(nested, Encoding.PROTOBUF, Signal.TRACES)


def test_usual_bodies_have_few_parts() -> None:
    """16 MiB of spans with prompts."""
    text = "What did the customer say? " * 20
    made = request([text for _ in range(20_000)]).SerializeToString()
    assert len(made) > 12 * MIB
    refuse_many_parts(made, Encoding.PROTOBUF, Signal.TRACES)


@_FEW
@given(st.binary(max_size=200))
def test_counting_ends_on_any_bytes(data: bytes) -> None:
    padded = data + b"\x0a\x00" * 150_000
    try:
        refuse_many_parts(padded, Encoding.PROTOBUF, Signal.TRACES)
    except RefusedError as refused:
        assert refused.reason in {Reason.MALFORMED, Reason.TOO_LARGE}  # noqa: PT017
