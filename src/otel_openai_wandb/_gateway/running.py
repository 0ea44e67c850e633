"""Runs the gateway: opens its parts, prints its addresses, and closes the parts in order."""

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import FrameType
from typing import Any, Final

import grpc

from otel_openai_wandb._gateway.feeding import Feeding, MakeIntake
from otel_openai_wandb._gateway.metrics import CONTENT_TYPE, Counts, Metrics
from otel_openai_wandb._gateway.options import Address, Options, OptionsError, Tls
from otel_openai_wandb._gateway.receiving.accepting import Accepting, Limits
from otel_openai_wandb._gateway.receiving.grpc import grpc_server
from otel_openai_wandb._gateway.receiving.http import HttpApplication
from otel_openai_wandb._gateway.receiving.server import HttpServer, http_server, listening
from otel_openai_wandb._gateway.spool.spool import Spool

log: Final = logging.getLogger(__name__)

_LINE_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 5.0  # for requests in progress
Say = Callable[[str], None]


class Gateway:
    """The parts of a running gateway, and its state for operators."""

    def __init__(self, options: Options, make: MakeIntake, limits: Limits) -> None:
        """Open the spool. Raises SpoolFailedError."""
        tenants = [tenant.name for tenant in options.tokens.tenants] or [""]
        self.spool = Spool(options.directory / "spool", options.spool_bytes, is_shared=len(tenants) > 1)
        self.counts = Counts()
        self.feeding = Feeding(self.spool, tenants, make)
        self.accepting = Accepting(self.spool, options.tokens, limits, self.counts)
        self.figures = Metrics(
            self.counts, self.spool, self.feeding.written, self.feeding.waiting, self.feeding.runs_to_upload
        )
        self.is_stopping = False

    def problem(self) -> str | None:
        """Why the gateway should be restarted; None while it works."""
        return None if self.feeding.is_alive or self.is_stopping else "the thread that feeds the runs has ended"

    def hindrance(self) -> str | None:
        """Why the gateway accepts nothing now; None while it accepts."""
        if self.is_stopping:
            return "the gateway is stopping"
        if self.spool.failure is not None:
            return f"the spool cannot be written: {self.spool.failure}"
        return "the spool is full" if self.spool.bytes >= self.spool.max_bytes * 0.99 else self.problem()

    def metrics(self) -> tuple[str, bytes]:
        """The content type and the text of the metrics."""
        return CONTENT_TYPE, self.figures.text()


async def serve(options: Options, make: MakeIntake, say: Say, *, limits: Limits, stop_seconds: float) -> bool:
    """Run until SIGTERM or SIGINT, then write spans to runs for `stop_seconds` at most.

    Returns whether all accepted spans are in runs. The others stay in the spool. Raises SpoolFailedError and
    OptionsError.
    """
    stop = _until_signal(asyncio.get_running_loop())
    gateway = Gateway(options, make, limits)
    try:
        async with AsyncExitStack() as servers:
            places = []
            if options.http is not None:
                places.append(await _http(servers, gateway, options.http, options.tls, limits))
            if options.grpc is not None:
                places.append(await _grpc(servers, gateway, options.grpc, options.tls))
            gateway.feeding.start()
            say(f"The gateway listens on {' and '.join(places)}.")
            await _until(stop, gateway)
            gateway.is_stopping = True
        is_written = await asyncio.to_thread(gateway.feeding.stop, stop_seconds)
    finally:
        gateway.accepting.close()
        gateway.spool.close()
    log.info("%s", gateway.figures.line())
    return is_written


async def _until(stop: asyncio.Event, gateway: Gateway) -> None:
    """Log a line each minute until `stop` is set."""
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), _LINE_SECONDS)
        except asyncio.TimeoutError:
            log.info("%s", gateway.figures.line())


async def _http(stack: AsyncExitStack, gateway: Gateway, address: Address, tls: Tls | None, limits: Limits) -> str:
    bound = _bound(address)
    server = http_server(HttpApplication(gateway.accepting, gateway), limits, **_ssl_arguments(tls))
    running = asyncio.create_task(server.serve(sockets=[bound]))
    stack.push_async_callback(_stopped, server, running)
    name = Address(address.host, bound.getsockname()[1])
    return f"http{'s' if tls else ''}://{name}"


async def _stopped(server: HttpServer, running: "asyncio.Task[None]") -> None:
    server.should_exit = True
    await running


async def _grpc(stack: AsyncExitStack, gateway: Gateway, address: Address, tls: Tls | None) -> str:
    server = grpc_server(gateway.accepting)
    try:
        port = (
            server.add_insecure_port(str(address))
            if tls is None
            else server.add_secure_port(str(address), _credentials(tls))
        )
    except RuntimeError as error:
        raise OptionsError(f"{address} cannot be listened on") from error
    await server.start()
    stack.push_async_callback(server.stop, _STOP_SECONDS)
    return f"grpc{'s' if tls else ''}://{Address(address.host, port)}"


def _bound(address: Address) -> socket.socket:
    try:
        return listening(address.host, address.port)
    except OSError as error:
        raise OptionsError(f"{address} cannot be listened on: {error}") from error


def _ssl_arguments(tls: Tls | None) -> Mapping[str, Any]:
    if tls is None:
        return {}
    found: dict[str, Any] = {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.private_key)}
    if tls.clients is not None:
        found |= {"ssl_ca_certs": str(tls.clients), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return found


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    pair = (tls.private_key.read_bytes(), tls.certificate.read_bytes())
    clients = None if tls.clients is None else tls.clients.read_bytes()
    return grpc.ssl_server_credentials([pair], clients, clients is not None)


def _until_signal(loop: asyncio.AbstractEventLoop) -> asyncio.Event:
    """An event that SIGTERM and SIGINT set. A second signal ends the process at once: the spool is on the disk."""
    stop = asyncio.Event()

    def on_signal(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stop
