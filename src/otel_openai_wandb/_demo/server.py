"""An OpenAI-compatible server on a loopback port, for a demo without an API key."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import uuid4

from otel_openai_wandb._demo.answers import Answer, answer

_POLL_SECONDS: Final = 0.02  # how soon it notices that it is closed
_IDLE_SECONDS: Final = 30.0  # after which a kept connection, and its thread, ends
_KEY: Final = "sk-demo"
_BUFFER: Final = 1 << 20


def stand_in() -> ExitStack:
    """Start a stand-in in this process and point openai at it, until what is returned is closed."""
    import openai

    stack = ExitStack()
    server = _Server()
    stack.callback(server.close)
    for name, value in _settings(server.url).items():
        stack.callback(setattr, openai, name, getattr(openai, name))
        setattr(openai, name, value)
    return stack


def _settings(url: str) -> dict[str, Any]:
    return {
        "api_base": url,
        "api_key": _KEY,
        "api_type": "open_ai",
        "api_version": None,
        "requestssession": _session,
    }


def _session() -> Any:
    """A session that asks no proxy of the environment for a loopback address."""
    import requests

    session = requests.Session()
    session.trust_env = False
    return session


class _Server:
    """Serves from threads that do not keep the process alive, until `close()`."""

    def __init__(self) -> None:
        self._listener = _Listener(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(_POLL_SECONDS,), name="openai-demo-server", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """The value for `openai.api_base`."""
        return f"http://127.0.0.1:{self._listener.server_port}/v1"

    def close(self) -> None:
        """Stop; an answer on its way is cut short."""
        self._listener.closing.set()
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        self.closing = threading.Event()
        super().__init__(*arguments)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, as after Ctrl-C, is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    wbufsize = _BUFFER  # head and body in one write: two cost a client 40 ms (Nagle against delayed ACK)
    server: _Listener  # pyright: ignore[reportIncompatibleVariableOverride]  # the one that makes the handlers

    def do_POST(self) -> None:
        found = answer(self.path, self.rfile.read(int(self.headers.get("content-length") or 0)))
        self.server.closing.wait(found.wait)
        if found.events:
            self._stream(found)
        else:
            self._send(found)

    def _send(self, found: Answer) -> None:
        body = json.dumps(found.body).encode()
        self._head(found.status, "application/json", ("content-length", str(len(body))))
        self.wfile.write(body)

    def _stream(self, found: Answer) -> None:
        self._head(found.status, "text/event-stream", ("transfer-encoding", "chunked"))
        for chunk in _chunks(found):
            self.wfile.write(chunk)
            self.wfile.flush()
            self.server.closing.wait(found.pause)

    def _head(self, status: int, content_type: str, framing: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("x-request-id", f"req-{uuid4().hex}")
        self.send_header(*framing)
        self.end_headers()

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002  # the base class calls it so
        """Say nothing: the terminal is the demo's."""


def _chunks(found: Answer) -> Iterator[bytes]:
    """Server-sent events in the chunked transfer encoding; the last chunk and the end of the body are one."""
    for event in found.events:
        yield _chunk(f"data: {json.dumps(event)}\n\n")
    yield _chunk("data: [DONE]\n\n") + b"0\r\n\r\n"


def _chunk(text: str) -> bytes:
    data = text.encode()
    return b"%x\r\n%s\r\n" % (len(data), data)
