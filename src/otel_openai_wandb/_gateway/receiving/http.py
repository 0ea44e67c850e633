"""OTLP over HTTP, health checks and metrics: a plain ASGI application."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_openai_wandb._gateway.receiving.accepting import Accepting, Held, Request
from otel_openai_wandb._gateway.receiving.bodies import encoding_of, is_gzip
from otel_openai_wandb._gateway.receiving.replies import RETRY_SECONDS, Accepted, Reason, RefusedError
from otel_wandb._interface.otlp import Encoding, Signal

log: Final = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_SIGNALS: Final = {"/v1/traces": Signal.TRACES, "/v1/logs": Signal.LOGS}
_MEDIA_TYPES: Final = {Encoding.PROTOBUF: "application/x-protobuf", Encoding.JSON: "application/json"}
_MOST_DISCARDED: Final = 4  # times the largest body; after that the connection is closed


class Operations(Protocol):
    """The state of the gateway, for /healthz, /readyz and /metrics."""

    def problem(self) -> str | None:
        """Why the gateway should be restarted; None while it works."""
        ...

    def hindrance(self) -> str | None:
        """Why the gateway accepts nothing now; None while it accepts."""
        ...

    def metrics(self) -> tuple[str, bytes]:
        """The content type and the text of the metrics."""
        ...


class _GoneError(Exception):
    """The sender closed the connection."""


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    media_type: str
    body: bytes
    more: tuple[tuple[str, str], ...] = ()


class HttpApplication:
    """POST /v1/traces and /v1/logs; GET /healthz, /readyz and /metrics."""

    def __init__(self, accepting: Accepting, operations: Operations) -> None:
        self._accepting, self._operations = accepting, operations

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Called by the server for each request."""
        if scope["type"] != "http":
            return
        try:
            reply = await self._reply(scope, receive)
        except _GoneError:
            return
        headers = [("content-type", reply.media_type), ("content-length", str(len(reply.body))), *reply.more]
        raw = [(name.encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body})

    async def _reply(self, scope: Mapping[str, Any], receive: Receive) -> _Reply:
        signal = _SIGNALS.get(scope["path"])
        if signal is None:
            return self._answer(scope)
        incoming = _Incoming(scope, receive, self._accepting.limits.body_bytes)
        outcome = "accepted"
        try:
            return _accepted(signal, incoming.encoding, await self._accept(signal, incoming))
        except RefusedError as error:
            outcome = error.reason.label
            is_whole = await self._discard(incoming)
            return _refused(error, incoming.encoding, is_last=not is_whole)
        except _GoneError:
            outcome = "gone"
            raise
        except Exception:
            log.exception("an HTTP request failed")
            outcome = Reason.FAILED.label
            refused = RefusedError(Reason.FAILED, "the gateway failed")
            return _refused(refused, incoming.encoding, is_last=True)
        finally:
            self._accepting.counts.request(signal.name.lower(), "http", outcome)

    async def _accept(self, signal: Signal, incoming: "_Incoming") -> Accepted:
        if incoming.method != "POST":
            raise RefusedError(Reason.METHOD, "only POST is allowed here")
        headers = incoming.headers
        tenant = self._accepting.tenant_of(headers.get("authorization"), is_from_browser="origin" in headers)
        encoding, gzip = encoding_of(headers.get("content-type", "")), is_gzip(headers.get("content-encoding", ""))
        incoming.encoding = encoding
        with self._accepting.holding() as held:
            seconds = self._accepting.limits.body_seconds
            try:
                data = await asyncio.wait_for(incoming.read(held), seconds)
            except asyncio.TimeoutError:
                raise RefusedError(Reason.SLOW, f"the body did not arrive within {seconds:g} seconds") from None
            return await self._accepting.accept(Request(signal, encoding, tenant, data, gzip), held)

    async def _discard(self, incoming: "_Incoming") -> bool:
        """Read the rest of the body, so that the sender reads the reply. Returns whether the body ended."""
        try:
            await asyncio.wait_for(incoming.discard(), self._accepting.limits.header_seconds)
        except asyncio.TimeoutError:
            return False
        return incoming.is_whole

    def _answer(self, scope: Mapping[str, Any]) -> _Reply:
        if scope["method"] not in {"GET", "HEAD"}:
            return _Reply(404, "text/plain", b"not found\n", (("connection", "close"),))
        if scope["path"] == "/metrics":
            media_type, text = self._operations.metrics()
            return _Reply(200, media_type, text)
        ask = {"/healthz": self._operations.problem, "/readyz": self._operations.hindrance}.get(scope["path"])
        if ask is None:
            return _Reply(404, "text/plain", b"not found\n")
        problem = ask()
        return _Reply(200 if problem is None else 503, "text/plain; charset=utf-8", f"{problem or 'ok'}\n".encode())


class _Incoming:
    """The headers of one request, and its body, which is received in pieces."""

    def __init__(self, scope: Mapping[str, Any], receive: Receive, most: int) -> None:
        self.method: str = scope["method"]
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self.encoding = Encoding.JSON if "json" in self.headers.get("content-type", "") else Encoding.PROTOBUF
        """The encoding of the reply."""
        self.is_whole = False
        self._receive, self._most = receive, most

    async def read(self, held: Held) -> bytes:
        """Read the body. Raises RefusedError and _GoneError."""
        said = self.headers.get("content-length", "")
        if said.isdecimal() and int(said) > self._most:
            raise RefusedError(Reason.TOO_LARGE, f"the body is more than {self._most} bytes")
        pieces = []
        while not self.is_whole:
            piece = await self._piece()
            held.take(len(piece))
            if held.bytes > self._most:
                raise RefusedError(Reason.TOO_LARGE, f"the body is more than {self._most} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    async def discard(self) -> None:
        """Read to the end of the body, or to a limit. Raises _GoneError."""
        left = _MOST_DISCARDED * self._most
        while not self.is_whole and left > 0:
            left -= len(await self._piece())

    async def _piece(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        self.is_whole = not message.get("more_body", False)
        return bytes(message.get("body", b""))


def _accepted(signal: Signal, encoding: Encoding, accepted: Accepted) -> _Reply:
    if encoding is Encoding.PROTOBUF:
        return _Reply(200, _MEDIA_TYPES[encoding], success(signal, accepted))
    name = "rejectedSpans" if signal is Signal.TRACES else "rejectedLogRecords"
    said = {"partialSuccess": {name: str(accepted.rejected), "errorMessage": accepted.why}} if accepted.rejected else {}
    return _Reply(200, _MEDIA_TYPES[encoding], json.dumps(said).encode())


def success(signal: Signal, accepted: Accepted) -> bytes:
    """The successful reply in protobuf, for HTTP and gRPC."""
    if not accepted.rejected:
        return b""
    if signal is Signal.TRACES:
        traces = ExportTraceServiceResponse()
        traces.partial_success.rejected_spans = accepted.rejected
        traces.partial_success.error_message = accepted.why
        return bytes(traces.SerializeToString())
    logs = ExportLogsServiceResponse()
    logs.partial_success.rejected_log_records = accepted.rejected
    logs.partial_success.error_message = accepted.why
    return bytes(logs.SerializeToString())


def _refused(refused: RefusedError, encoding: Encoding, *, is_last: bool) -> _Reply:
    reason = refused.reason
    if encoding is Encoding.JSON:
        body = json.dumps({"code": reason.code, "message": refused.message}).encode()
    else:
        body = Status(code=reason.code, message=refused.message).SerializeToString()
    more = [] if reason.is_final else [("retry-after", str(RETRY_SECONDS))]
    if reason is Reason.UNAUTHENTICATED:
        more.append(("www-authenticate", "Bearer"))
    if reason is Reason.METHOD:
        more.append(("allow", "POST"))
    if is_last:
        more.append(("connection", "close"))
    return _Reply(reason.status, _MEDIA_TYPES[encoding], body, tuple(more))
