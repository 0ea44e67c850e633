"""The HTTP server: uvicorn with a time limit on headers and without signal handlers."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from otel_openai_wandb._gateway.receiving.accepting import Limits
from otel_openai_wandb._gateway.receiving.http import HttpApplication

_MOST_CONNECTIONS: Final = 1_000  # and requests; uvicorn answers 503 above it
_IDLE_SECONDS: Final = 75
_STOP_SECONDS: Final = 5
_HEADER_BYTES: Final = 32 * 1024


class HttpServer(uvicorn.Server):
    """Leaves signals to the command; uvicorn would handle them itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Called by uvicorn."""
        yield


def http_server(application: HttpApplication, limits: Limits, **tls: Any) -> HttpServer:
    """A server for `serve(sockets=[...])`; `tls` are uvicorn's arguments that begin with `ssl_`."""

    class Protocol(_TimedProtocol):
        header_seconds = limits.header_seconds

    return HttpServer(
        uvicorn.Config(
            application,
            http=Protocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_STOP_SECONDS,
            h11_max_incomplete_event_size=_HEADER_BYTES,
            **tls,
        )
    )


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


class _TimedProtocol(H11Protocol):
    """Closes connections whose headers are incomplete for too long. uvicorn itself would wait forever."""

    header_seconds = 10.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's signature
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is not None and not cycle.response_complete:
            self._stop()
        elif self._timer is None:
            self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        self._timer = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
