"""A stand-in for W&B: an HTTP server on a loopback port with GraphQL, the file stream of a run, and uploads.

Use it as ``with WandbServer() as server:`` and give `server.environment` to a program, whose wandb then runs online.
The received runs are in `server.runs`. `server.wait_for(lambda runs: ...)` checks again after every request, so that a
test never sleeps. Faults can begin and end at any time:

    fault = server.fail(500, Kind.FILE_STREAM, times=3)   # or 429, 403, ...; without a kind for every request
    fault = server.hold(Kind.UPLOAD)                      # slow: served when `fault.lift()` is called
    fault = server.swallow()                              # requests are read, and never answered
    server.refuse()                                       # connections are refused until `server.listen()`

A `Fault` is also a context manager that lifts it, and `server.heal()` lifts all faults. A fault can also begin in the
middle of a program: put `MOMENTS` before its source, and let it call `reached("logged")`. The call returns when the
action in `server.at("logged", server.swallow)` is done.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Final

from tests.support.listener import Listener
from tests.support.wandb_faults import Fault, Kind, Received, Reply, answering, holding, kind_of, problem, swallowing
from tests.support.wandb_graphql import answer, operation_name
from tests.support.wandb_runs import Run, Store

API_KEY: Final = "5ca1ab1e" * 5  # 40 hexadecimal digits, as wandb requires
WAIT_SECONDS: Final = 30.0

# wandb waits 2, 4, 8, ... seconds before a retry, and sends a run's rows every 15 seconds, which is too long for a
# test. It takes whole seconds: 0.5 becomes 0, which means the default. "Retry-After: 0" makes it retry at once.
IMPATIENT: Final[Mapping[str, str]] = {
    "WANDB__FILE_STREAM_TRANSMIT_INTERVAL": "0.1",
    "WANDB__FILE_STREAM_RETRY_WAIT_MIN_SECONDS": "1",
    "WANDB__FILE_STREAM_RETRY_WAIT_MAX_SECONDS": "1",
    "WANDB__FILE_TRANSFER_RETRY_WAIT_MIN_SECONDS": "1",
    "WANDB__FILE_TRANSFER_RETRY_WAIT_MAX_SECONDS": "1",
    "WANDB__GRAPHQL_RETRY_WAIT_MIN_SECONDS": "1",
    "WANDB__GRAPHQL_RETRY_WAIT_MAX_SECONDS": "1",
}

# The source of `reached(name)`, for programs. The server may hang up instead of answering: `at(..., server.refuse)`.
MOMENTS: Final = """
def reached(name):
    import contextlib, os, urllib.request
    with contextlib.suppress(ConnectionError):
        urllib.request.urlopen(os.environ["WANDB_BASE_URL"] + "/moment/" + name).close()
"""


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests and writes the replies that the WandbServer chooses."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Listener[WandbServer]  # pyright: ignore[reportIncompatibleVariableOverride] - never another

    def answer(self) -> None:
        reply = self.server.owner.receive(self.read())
        if reply is None:
            self.close_connection = True
            return
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for key, value in {"content-type": "application/json", "content-length": len(body), **reply.headers}.items():
            self.send_header(key, str(value))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = answer  # noqa: N815 - http.server looks for these names

    def read(self) -> Received:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {key.lower(): value for key, value in self.headers.items()}
        kind = kind_of(self.path)
        operation = operation_name(json.loads(body)) if kind is Kind.GRAPHQL else ""
        return Received(kind, self.command, self.path, headers, body, operation)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        """Log nothing: test output is for failures."""


class WandbServer:
    """The server as tests see it. All methods are safe to call from any thread while it serves."""

    def __init__(self, entity: str = "testers") -> None:
        self._changed = threading.Condition()  # the lock for everything below
        self._requests: list[Received] = []
        self._unknown: list[str] = []
        self._faults: list[Fault] = []
        self.keys = {API_KEY}
        """The accepted W&B keys. A test may add and remove some."""
        self._moments: dict[str, Callable[[], object]] = {}
        self._listener = Listener(self, _Handler)
        self._port = self._listener.server_port
        self._store = Store(entity, self.url)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> WandbServer:  # noqa: PYI034 - typing.Self begins with Python 3.11
        self._serve()
        return self

    def __exit__(self, *error: object) -> None:
        self.heal()
        self._stop()

    @property
    def url(self) -> str:
        """The value for `WANDB_BASE_URL`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment for a program that uses this server, without directories for its files."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": API_KEY, "NO_PROXY": "127.0.0.1"}

    # Received data.

    @property
    def runs(self) -> Mapping[str, Run]:
        """The present state of the runs, by id."""
        with self._changed:
            return self._store.seen()

    @property
    def run(self) -> Run:
        """The only run."""
        (run,) = self.runs.values()
        return run

    @property
    def requests(self) -> list[Received]:
        """All requests so far, in order of arrival, with or without a fault; a copy."""
        with self._changed:
            return list(self._requests)

    @property
    def unknown_operations(self) -> list[str]:
        """The requests that could not be answered: names of GraphQL operations, or method and path."""
        with self._changed:
            return list(self._unknown)

    def count(self, kind: Kind, operation: str | None = None) -> int:
        """The number of requests of a kind that have arrived, with or without a fault."""
        return sum(one.kind is kind and operation in (None, one.operation) for one in self.requests)

    def wait_for(self, seen: Callable[[Mapping[str, Run]], object], timeout: float = WAIT_SECONDS) -> bool:
        """Wait until `seen(runs)` is true. It is called after each request. Returns False after `timeout` seconds."""
        with self._changed:
            return bool(self._changed.wait_for(lambda: seen(self._store.seen()), timeout))

    # Faults.

    def fail(
        self,
        status: int,
        *kinds: Kind,
        operation: str | None = None,
        times: int | None = None,
        retry_after: int | None = None,
        taken: bool = False,
    ) -> Fault:
        """Answer with an HTTP status. If `taken`, requests are executed, and only their answer is lost."""
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        reply = Reply(status, problem(f"the test says {status}"), headers)
        return self._begin(Fault(answering(reply, taken=taken), kinds, operation, times))

    def hold(self, *kinds: Kind, operation: str | None = None, times: int | None = None) -> Fault:
        """Serve requests only when the fault is lifted, as a slow server."""
        return self._begin(Fault(holding, kinds, operation, times))

    def swallow(self, *kinds: Kind, operation: str | None = None, times: int | None = None) -> Fault:
        """Answer nothing, and close the connections when the fault is lifted."""
        return self._begin(Fault(swallowing, kinds, operation, times))

    def at(self, moment: str, act: Callable[[], object]) -> None:
        """Call `act` when a program reaches a moment, while the program waits."""
        with self._changed:
            self._moments[moment] = act

    def heal(self) -> None:
        """Lift all faults."""
        with self._changed:
            faults, self._faults = self._faults, []
        for fault in faults:
            fault.lift()

    def refuse(self) -> None:
        """Close the listening socket and all connections. The port stays reserved."""
        self._stop()
        self._listener = Listener(self, _Handler, self._port, listening=False)

    def listen(self) -> None:
        """Accept connections again after `refuse()`."""
        self._listener.server_activate()
        self._serve()

    def _serve(self) -> None:
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def _stop(self) -> None:
        if self._thread is not None:
            self._listener.shutdown()
            self._thread.join()
            self._thread = None
        self._listener.server_close()
        self._listener.hang_up()

    def _begin(self, fault: Fault) -> Fault:
        with self._changed:
            self._faults.append(fault)
        return fault

    # Requests, on the threads of their connections.

    def receive(self, request: Received) -> Reply | None:
        """The reply to a request; None to close the connection."""
        if request.kind is Kind.MOMENT:
            return self._reached(request.path.rpartition("/")[2])
        with self._changed:
            self._requests.append(request)
            fault = next((one for one in self._faults if one.strikes(request)), None)
            self._changed.notify_all()
        return self._answer(request) if fault is None else fault.act(fault, lambda: self._answer(request))

    def _reached(self, moment: str) -> Reply:
        with self._changed:
            act = self._moments.get(moment)
        if act is None:
            return Reply(404)
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the program fails in the test's place
            return Reply(500, problem(repr(error)))
        return Reply()

    def _answer(self, request: Received) -> Reply:
        with self._changed:
            reply = self._reply(request)
            self._changed.notify_all()
        return reply

    def _reply(self, request: Received) -> Reply:
        if request.kind is Kind.TELEMETRY:
            return Reply()
        if request.kind is Kind.UPLOAD and request.method == "GET":
            content = self._store.content(request.path)
            return Reply(404) if content is None else Reply(body=content)
        if request.kind is Kind.UPLOAD:  # a known address is sufficient, without a key
            return Reply() if self._store.put(request.path, request.body) else Reply(404)
        if request.key not in self.keys:
            return Reply(401, problem("no such key"))
        if request.kind is Kind.GRAPHQL:
            return self._asked(request)
        if request.kind is Kind.FILE_STREAM:
            return self._streamed(request)
        return self._not_known(f"{request.method} {request.path}", Reply(404))

    def _asked(self, request: Received) -> Reply:
        found = answer(self._store, json.loads(request.body))
        if found is not None:
            return Reply(body=found)
        return self._not_known(request.operation, Reply(body=problem("unknown operation")))

    def _streamed(self, request: Received) -> Reply:
        run = self._store.runs.get(request.path.split("/")[-2])
        if run is None:
            return Reply(404)
        run.stream(json.loads(request.body))
        return Reply()

    def _not_known(self, name: str, reply: Reply) -> Reply:
        self._unknown.append(name)
        return reply
