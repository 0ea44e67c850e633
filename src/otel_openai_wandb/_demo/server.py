"""An OpenAI-compatible server on a loopback port, for a demo without an API key."""

import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import uuid4

from otel_openai_wandb._demo.answers import answer

_POLL_SECONDS: Final = 0.02  # until the server notices that it was closed
_THINKING_SECONDS: Final = 0.25  # delay before an answer
_PAUSE_SECONDS: Final = 0.03  # delay between the events of a stream


def stand_in() -> ExitStack:
    """Start a stand-in in this process and point openai at it, until the returned object is closed."""
    import openai

    stack = ExitStack()
    stand_in = stack.enter_context(_StandIn())
    settings = {
        "api_base": f"http://127.0.0.1:{stand_in.server_port}/v1",
        "api_key": "sk-demo",
        "api_key_path": None,  # else openai would prefer the key in that file
        "api_type": "open_ai",
        "api_version": None,
        "requestssession": _session,
    }
    for name, value in settings.items():
        stack.callback(setattr, openai, name, getattr(openai, name))
        setattr(openai, name, value)
    return stack


def _session() -> Any:
    """A session that ignores the environment's proxies, because the address is a loopback address."""
    import requests

    session = requests.Session()
    session.trust_env = False
    return session


class _StandIn(ThreadingHTTPServer):
    """Serves until its `with` block ends, in threads that do not keep the process alive."""

    daemon_threads = True

    def __init__(self) -> None:
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.closing.set()  # ends an answer that is being sent
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing if a client closes its connection, as after Ctrl-C."""


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    server: _StandIn  # pyright: ignore[reportIncompatibleVariableOverride]  # the one that makes the handlers

    def do_POST(self) -> None:
        found = answer(self.path, self.rfile.read(int(self.headers["content-length"])))
        self.server.closing.wait(_THINKING_SECONDS)
        self.send_response(found.status)
        self.send_header("x-request-id", f"req-{uuid4().hex}")
        self.send_header("content-type", "text/event-stream" if found.is_stream else "application/json")
        self.end_headers()
        for part in found.parts:
            self.wfile.write(part.encode())
            self.server.closing.wait(_PAUSE_SECONDS * found.is_stream)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002  # the base class's name
        """Log nothing: only the demo writes to the terminal."""
