"""Serves the page of runs that grow, only to the user who started it.

The loopback address is no protection, because any web page can send requests to it. So the path contains a secret, and
requests with another host or from another site are refused. The headers forbid caches, referrers and frames.
"""

import hmac
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, cast
from urllib.parse import parse_qs, urlsplit

from otel_openai_wandb._view.growth import Growth

_PATIENCE: Final = 15.0  # seconds without an event, after which a comment keeps the connection open
_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)


class Server(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1; `url` is the address of the page."""

    daemon_threads = True

    def __init__(self, growth: Growth) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.growth = growth
        self.token = secrets.token_urlsafe(24)
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}
        self.url = f"http://127.0.0.1:{self.server_port}/{self.token}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Show nothing if a browser closes its connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "openai-wandb"
    sys_version = ""

    @property
    def _server(self) -> Server:
        return cast("Server", self.server)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing: the path contains the secret."""

    def do_GET(self) -> None:
        if self.headers.get("Host") not in self._server.hosts:
            return self._refuse(HTTPStatus.FORBIDDEN)
        if self.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
            return self._refuse(HTTPStatus.FORBIDDEN)
        asked = urlsplit(self.path)
        token, _, rest = asked.path[1:].partition("/")
        if not hmac.compare_digest(token.encode(), self._server.token.encode()):
            return self._refuse(HTTPStatus.NOT_FOUND)
        if rest == "":
            return self._answer_page()
        if rest == "events":
            return self._answer_events(
                self.headers.get("Last-Event-ID") or parse_qs(asked.query).get("after", ["0"])[0]
            )
        return self._refuse(HTTPStatus.NOT_FOUND)

    def _other(self) -> None:
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _other  # noqa: N815 - the names that http.server calls

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self._head(status, "text/plain", 0)

    def _answer_page(self) -> None:
        body = self._server.growth.page().encode()
        self._head(HTTPStatus.OK, "text/html; charset=utf-8", len(body))
        self.wfile.write(body)

    def _answer_events(self, after: str) -> None:
        if not after.isdecimal():
            return self._refuse(HTTPStatus.BAD_REQUEST)
        growth, event = self._server.growth, int(after)
        self.close_connection = True
        self._head(HTTPStatus.OK, "text/event-stream", None)
        self.wfile.write(b"retry: 500\n\n")
        while not growth.closed():
            more = growth.after(event, _PATIENCE)
            if more is None:
                self.wfile.write(b": still here\n\n")
            else:
                event, delta = more
                self.wfile.write(f"id: {event}\nevent: more\ndata: {delta}\n\n".encode())
            self.wfile.flush()
        return None

    def _head(self, status: HTTPStatus, kind: str, length: int | None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in _HEADERS:
            self.send_header(name, value)
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
