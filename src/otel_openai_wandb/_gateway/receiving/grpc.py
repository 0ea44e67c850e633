"""OTLP over gRPC: the method `Export` of both services, on grpc.aio.

A call has one message but is served as a stream, so that the token is checked before the message is read.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NoReturn

import grpc
import grpc.aio
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from otel_openai_wandb._gateway.receiving.accepting import Accepting, Request
from otel_openai_wandb._gateway.receiving.http import success
from otel_openai_wandb._gateway.receiving.replies import RETRY_SECONDS, Reason, RefusedError
from otel_wandb._interface.otlp import Encoding, Signal

log: Final = logging.getLogger(__name__)

_SERVICES: Final = {
    "opentelemetry.proto.collector.trace.v1.TraceService": Signal.TRACES,
    "opentelemetry.proto.collector.logs.v1.LogsService": Signal.LOGS,
}
_CODES: Final = {int(code.value[0]): code for code in grpc.StatusCode}
_MOST_MESSAGES: Final = 4  # that are read at once: gRPC does not tell their sizes before
_MOST_STREAMS: Final = 100  # per connection

Context = Any  # grpc.aio.ServicerContext
Export = Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]


class GrpcServices:
    """Handles the calls. Shares `Accepting` with HTTP."""

    def __init__(self, accepting: Accepting) -> None:
        self._accepting = accepting
        self._reading = asyncio.Semaphore(_MOST_MESSAGES)

    def export(self, signal: Signal) -> Export:
        """The method `Export` of the signal's service."""

        async def call(messages: AsyncIterator[bytes], context: Context) -> bytes:
            outcome = "accepted"
            try:
                return await self._accept(signal, messages, context)
            except RefusedError as error:
                outcome, refused = error.reason.label, error
            except asyncio.CancelledError:
                outcome = "gone"
                raise
            except Exception:
                log.exception("a gRPC call failed")
                outcome = Reason.FAILED.label
                refused = RefusedError(Reason.FAILED, "the gateway failed")
            finally:
                self._accepting.counts.request(signal.name.lower(), "grpc", outcome)
            return await _abort(context, refused)

        return call

    async def _accept(self, signal: Signal, messages: AsyncIterator[bytes], context: Context) -> bytes:
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        tenant = self._accepting.tenant_of(metadata.get("authorization"))
        with self._accepting.holding() as held:
            seconds = self._accepting.limits.body_seconds
            try:
                data = await asyncio.wait_for(self._message(messages), seconds)
            except asyncio.TimeoutError:
                raise RefusedError(Reason.SLOW, f"the message did not arrive within {seconds:g} seconds") from None
            held.take(len(data))
            return success(signal, await self._accepting.accept(Request(signal, Encoding.PROTOBUF, tenant, data), held))

    async def _message(self, messages: AsyncIterator[bytes]) -> bytes:
        async with self._reading:
            async for message in messages:
                return message
        raise RefusedError(Reason.MALFORMED, "the call has no message")


def grpc_server(accepting: Accepting) -> grpc.aio.Server:
    """A server that does not listen yet."""
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", accepting.limits.body_bytes),
            ("grpc.max_concurrent_streams", _MOST_STREAMS),
            ("grpc.so_reuseport", 0),
            ("grpc.max_connection_idle_ms", 600_000),
        ]
    )
    services = GrpcServices(accepting)
    for name, signal in _SERVICES.items():
        method = grpc.stream_unary_rpc_method_handler(services.export(signal))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"Export": method}),))
    return server


async def _abort(context: Context, refused: RefusedError) -> NoReturn:
    """End the call with an error. RetryInfo makes every sender try again."""
    status = Status(code=refused.reason.code, message=refused.message)
    if not refused.reason.is_final:
        retry = RetryInfo()
        retry.retry_delay.FromSeconds(RETRY_SECONDS)
        status.details.add().Pack(retry)
    details = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(_CODES[refused.reason.code], refused.message, details)
    raise AssertionError  # `abort` always raises
