"""Real senders: the SDK's exporter by HTTP, and its encoding by gRPC."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
import pytest
import trustme
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from tests.gateway.otlp import request, traces
from tests.gateway.serving import Running, gateway
from tests.gateway.test_tokens import line

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class GrpcExporter(SpanExporter):
    """Sends what the SDK's exporter by gRPC would send. With that one among the tests' packages, pip 23 finds no
    solution while the neighbours are a release behind."""

    def __init__(
        self,
        address: str,
        *,
        headers: dict[str, str] | None = None,
        compression: grpc.Compression | None = None,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._headers = tuple((headers or {}).items())
        secure = credentials is not None
        self._channel = grpc.secure_channel(address, credentials) if secure else grpc.insecure_channel(address)
        self._export = self._channel.unary_unary(EXPORT)
        self._compression = compression

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        body = encode_spans(spans).SerializeToString()
        self._export(body, metadata=self._headers, compression=self._compression, timeout=20)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._channel.close()


def send(exporter: SpanExporter, *names: str) -> None:
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    for name in names:
        tracer.start_span(name, attributes={"gen_ai.operation.name": "chat"}).end()
    provider.shutdown()


@pytest.fixture
def tokens(tmp_path: Path) -> str:
    path = tmp_path / "tokens"
    path.write_text(line("one"))
    return str(path)


def test_the_exporters_of_the_sdk(tmp_path: Path, tokens: str) -> None:
    bearer = {"authorization": "Bearer one"}
    with gateway(tmp_path, "--tokens", tokens) as running:
        url = f"{running.http}/v1/traces"
        send(HttpExporter(url, headers=bearer), "http")
        send(HttpExporter(url, headers=bearer, compression=Compression.Gzip), "http gzip")
        send(GrpcExporter(running.grpc, headers=bearer), "grpc")
        send(GrpcExporter(running.grpc, headers=bearer, compression=grpc.Compression.Gzip), "grpc gzip")
        spans = running.until_written(4, "acme/shop")
    assert [span["name"] for span in spans] == ["http", "http gzip", "grpc", "grpc gzip"]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with gateway(tmp_path, "--body-mib", "1", "--spool-mib", "2") as started:
        yield started


def export(
    running: Running, data: bytes, compression: grpc.Compression | None = None, **metadata: str
) -> "tuple[grpc.StatusCode, Status]":
    """The code and the details of a call that failed."""
    with grpc.insecure_channel(running.grpc) as channel:
        call = channel.unary_unary(EXPORT)
        with pytest.raises(grpc.RpcError) as raised:
            call(data, metadata=tuple(metadata.items()), timeout=30, compression=compression)
    details = dict(raised.value.trailing_metadata()).get("grpc-status-details-bin", b"")
    return raised.value.code(), Status.FromString(details)


def test_grpc_refuses_for_good_what_will_never_be_taken(running: Running) -> None:
    for data, compression in (
        (b"x" * (2**20 + 1), None),
        (b"\0" * 100 * 2**20, grpc.Compression.Gzip),
        (b"\x0a\x00" * 520_000, None),
    ):
        code, status = export(running, data, compression)
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert not status.details  # without RetryInfo it is final
    code, status = export(running, b"garbage")
    assert (code, status.code) == (grpc.StatusCode.INVALID_ARGUMENT, 3)
    with grpc.insecure_channel(running.grpc) as channel, pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export")(b"", timeout=30)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert running.memory < 250


def test_grpc_says_when_to_come_again(running: Running) -> None:
    with grpc.insecure_channel(running.grpc) as channel:
        call = channel.unary_unary(EXPORT)
        assert call(traces("first"), timeout=30) == b""
        running.until_written(1)
        (hold,) = [path.with_name("hold") for path in running.directory.rglob("spans.jsonl")]
        hold.touch()
        body = traces("x" * 900_000)
        call(body, timeout=30)
        call(body, timeout=30)
    code, status = export(running, body)
    assert code is grpc.StatusCode.UNAVAILABLE
    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 2


def test_grpc_rejects_some_of_the_spans(running: Running) -> None:
    made = request(["good", "bad"])
    made.resource_spans[0].scope_spans[0].spans[1].span_id = b""
    with grpc.insecure_channel(running.grpc) as channel:
        answer = channel.unary_unary(EXPORT)(made.SerializeToString(), timeout=30)
    assert b"\x08\x01" in answer
    assert [span["name"] for span in running.until_written(1)] == ["good"]


def test_grpc_asks_for_the_token_before_it_reads(tmp_path: Path, tokens: str) -> None:
    with gateway(tmp_path, "--tokens", tokens, "--http", "none") as running:
        for metadata in ({}, {"authorization": "Bearer two"}):
            code, _ = export(running, traces("a"), **metadata)
            assert code is grpc.StatusCode.UNAUTHENTICATED


def test_tls_and_certificates_of_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # requests prefers them to what it was told
        monkeypatch.delenv(name, raising=False)
    authority, stranger = trustme.CA(), trustme.CA()
    server, client, other = authority.issue_cert("localhost"), authority.issue_cert("c"), stranger.issue_cert("c")
    files = {}
    for name, blob in {
        "ca": authority.cert_pem,
        "server": server.cert_chain_pems[0],
        "server-key": server.private_key_pem,
        "client": client.cert_chain_pems[0],
        "client-key": client.private_key_pem,
        "other": other.cert_chain_pems[0],
        "other-key": other.private_key_pem,
    }.items():
        files[name] = str(tmp_path / name)
        blob.write_to_path(files[name])
    where = ("--http", "localhost:0", "--grpc", "localhost:0")
    tls = ("--certificate", files["server"], "--private-key", files["server-key"], "--client-ca", files["ca"])
    with gateway(tmp_path, *tls, where=where) as running:
        url = f"{running.http}/v1/traces"
        assert url.startswith("https://")
        send(
            HttpExporter(
                url,
                certificate_file=files["ca"],
                client_certificate_file=files["client"],
                client_key_file=files["client-key"],
            ),
            "http",
        )
        credentials = grpc.ssl_channel_credentials(
            *(Path(files[name]).read_bytes() for name in ("ca", "client-key", "client"))
        )
        send(GrpcExporter(running.grpc, credentials=credentials), "grpc")
        assert [span["name"] for span in running.until_written(2)] == ["http", "grpc"]
        for key, certificate in ((None, None), (files["other-key"], files["other"])):
            with pytest.raises(OSError, match=r"SSL|reset|aborted|EOF"):
                post_with(url, files["ca"], certificate, key)
        stranger_credentials = grpc.ssl_channel_credentials(
            *(Path(files[name]).read_bytes() for name in ("ca", "other-key", "other"))
        )
        with grpc.secure_channel(running.grpc, stranger_credentials) as channel, pytest.raises(grpc.RpcError):
            channel.unary_unary(EXPORT)(traces("never"), timeout=10)
        assert len(running.spans()) == 2


def post_with(url: str, authority: str, certificate: str | None, key: str | None) -> None:
    import requests

    pair = None if certificate is None or key is None else (certificate, key)
    requests.post(url, data=traces("never"), verify=authority, cert=pair, timeout=20)
