"""A listening socket on a loopback port, for the stand-in HTTP servers of OpenAI and W&B."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, TypeVar

Owner = TypeVar("Owner")


class Listener(ThreadingHTTPServer, Generic[Owner]):
    """Accepts connections for its `owner`. Tracks the open ones, because a kept-alive one would outlive the server."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(
        self, owner: Owner, handler: type[BaseHTTPRequestHandler], port: int = 0, *, listening: bool = True
    ) -> None:
        self.owner = owner
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), handler, bind_and_activate=listening)
        if not listening:
            self.server_bind()  # reserves the port, and connections to it are refused

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that closed its connection. Any other error is the server's own and is printed."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """Close all connections."""
        with self._lock:
            connections = tuple(self._open)
        for connection in connections:
            with suppress(OSError):  # the client may have closed it already
                connection.shutdown(socket.SHUT_RDWR)
