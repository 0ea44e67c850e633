"""A stand-in for Weave's OTLP endpoints, with the rules by which Weave reads a span.

The rules are those of `weave.trace_server.opentelemetry` in weave 0.53.12, the last version with the server. Names
become a tree by their dots, and a span is rejected if a name is both a branch and a leaf. Texts that look like JSON are
parsed. The first present name of a list gives a call's inputs, and another its outputs.

    with WeaveServer() as weave:
        weave.answer(429, {"Retry-After": "0"})   # to the next request, which is then not accepted
        weave.reject = 2                          # spans of each request, by `partial_success`
        weave.held.clear()                        # no answers until `weave.held.set()`
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.support.listener import Listener

INPUTS: Final = (
    *("ai.prompt", "gen_ai.prompt", "input.value", "mlflow.spanInputs", "gen_ai.input.messages"),
    *("pydantic_ai.all_messages", "traceloop.entity.input", "input", "inputs"),
)
OUTPUTS: Final = (
    *("ai.response", "gen_ai.completion", "output.value", "gen_ai.output.messages", "mlflow.spanOutputs"),
    *("final_result", "gen_ai.content.completion", "traceloop.entity.output", "output", "outputs"),
)
OF_A_CALL: Final[Mapping[str, tuple[str, ...]]] = {
    "kind": ("weave.span.kind", "traceloop.span.kind", "openinference.span.kind"),
    "model": ("gen_ai.response.model", "gen_ai.request.model"),
    "provider": ("gen_ai.provider.name",),
    "operation_name": ("gen_ai.operation.name",),
    "response_id": ("gen_ai.response.id",),
    "finish_reasons": ("gen_ai.response.finish_reasons",),
}


class ConflictError(Exception):
    """A name is both a branch and a leaf."""


@dataclass(frozen=True, slots=True)
class WeaveCall:
    """A call as Weave stores it."""

    id: str
    trace_id: str
    parent_id: str | None
    name: str
    display_name: str | None
    inputs: Any
    output: Any
    attributes: dict[str, Any]
    usage: dict[str, int]
    status: str
    exception: str | None
    thread_id: str | None
    is_turn: bool
    run_id: str | None
    run_step: int | None
    project: str
    raw: dict[str, Any]
    """The tree of all attributes."""


@dataclass(frozen=True, slots=True)
class Post:
    """A received request."""

    path: str
    headers: Mapping[str, str]
    spans: int


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listener[WeaveServer]  # pyright: ignore[reportIncompatibleVariableOverride] - never another

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, headers, answer = self.server.owner.take(self.path, dict(self.headers), body)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        """Log nothing: test output is for failures."""


class WeaveServer:
    """The server. Received data is in `calls` and `posts`."""

    def __init__(self) -> None:
        self.calls: list[WeaveCall] = []
        self.conflicts: list[str] = []
        """The names of spans that Weave's rules reject."""
        self.posts: list[Post] = []
        self.reject = 0
        self.always: tuple[int, Mapping[str, str]] | None = None
        self.held = threading.Event()
        self.held.set()
        self._answers: list[tuple[int, Mapping[str, str]]] = []
        self._changed = threading.Condition()
        self._listener = Listener(self, _Handler)
        self._thread = threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """The value for `WF_TRACE_SERVER_URL`."""
        return f"http://127.0.0.1:{self._listener.server_port}"

    def answer(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        """Answer the next request with `status`, and do not accept it."""
        with self._changed:
            self._answers.append((status, headers or {}))

    def wait_for_posts(self, number: int) -> None:
        """Wait until `number` requests have come."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.posts) >= number, 30.0)

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """The answer to a request: status, headers and body."""
        request = ExportTraceServiceRequest.FromString(body)
        spans = [(r.resource, span) for r in request.resource_spans for scope in r.scope_spans for span in scope.spans]
        with self._changed:
            self.posts.append(Post(path, headers, len(spans)))
            self._changed.notify_all()
            found = self._answers.pop(0) if self._answers else self.always
        self.held.wait(60.0)
        if found is not None:
            return (*found, b"")
        with self._changed:
            for resource, span in spans[self.reject :]:
                try:
                    self.calls.append(call_of(span, resource))
                except ConflictError:
                    self.conflicts.append(span.name)
        rejected = ExportTracePartialSuccess(rejected_spans=self.reject, error_message="no room" if self.reject else "")
        response: Any = ExportTraceServiceResponse(partial_success=rejected if self.reject else None)
        return 200, {"Content-Type": "application/x-protobuf"}, response.SerializeToString()

    def __enter__(self) -> WeaveServer:  # noqa: PYI034 - typing.Self begins with Python 3.11
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.held.set()
        self._listener.shutdown()
        self._listener.hang_up()
        self._thread.join()
        self._listener.server_close()


def call_of(span: Any, resource: Any) -> WeaveCall:
    """The call that Weave reads from a span. Raises ConflictError if Weave rejects the span."""
    tree = tree_of(span.attributes)
    for event in span.events:
        tree_of(event.attributes)
    usage = {
        name: int(value)
        for name, key in (("input_tokens", "input_tokens"), ("output_tokens", "output_tokens"))
        if (value := at(tree, f"gen_ai.usage.{key}")) is not None
    }
    attributes = {name: value for name, keys in OF_A_CALL.items() if (value := first(tree, keys)[1])}
    attributes |= at(tree, "wandb.attributes") or {}
    project = tree_of(resource.attributes)
    failed = span.status.code == 2
    thread = at(tree, "gen_ai.conversation.id") or at(tree, "wandb.thread_id")
    turn = at(tree, "wandb.is_turn")
    return WeaveCall(
        id=span.span_id.hex(),
        trace_id=span.trace_id.hex(),
        parent_id=span.parent_span_id.hex() or None,
        name=span.name,
        display_name=at(tree, "wandb.display_name"),
        inputs=side(tree, INPUTS, ("inputs", "input"), is_input=True),
        output=side(tree, OUTPUTS, ("outputs", "output"), is_input=False),
        attributes=attributes,
        usage=usage,
        # Weave's page shows a call as failed if it has an exception, which is the description of the status.
        status="error" if failed and span.status.message else "success",
        exception=span.status.message if failed else None,
        thread_id=thread,
        is_turn=turn if isinstance(turn, bool) else bool(thread and at(tree, "gen_ai.conversation.id")),
        run_id=at(tree, "wandb.wb_run_id"),
        run_step=at(tree, "wandb.wb_run_step"),
        project=f"{at(project, 'wandb.entity')}/{at(project, 'wandb.project')}",
        raw=tree,
    )


def tree_of(attributes: Any) -> dict[str, Any]:
    """Attributes as a tree by the dots of their names."""
    found: dict[str, Any] = {}
    for attribute in attributes:
        *outer, last = attribute.key.split(".")
        inner = found
        for name in outer:
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                raise ConflictError(attribute.key)
        value = _value(attribute.value)
        if isinstance(inner.get(last), dict) or (last in inner and isinstance(value, dict)):
            raise ConflictError(attribute.key)
        inner[last] = value
    return found


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    found = getattr(value, kind)
    if isinstance(found, str) and found.startswith(("[", "{")):
        try:
            return json.loads(found)
        except ValueError:
            return found
    return found


def at(tree: Mapping[str, Any], name: str) -> Any:
    """The value of a name with dots in the tree; None if there is none."""
    found: Any = tree
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def first(tree: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, Any]:
    """The first name with a value that is not empty, and the value."""
    return next(((name, value) for name in names if (value := at(tree, name))), ("", None))


def side(tree: Mapping[str, Any], names: tuple[str, ...], bare: tuple[str, ...], *, is_input: bool) -> Any:
    """The inputs or the output. The value of a bare name is used unchanged, for inputs only if it is an object."""
    name, value = first(tree, names)
    if value is None:
        return {}
    return value if name in bare and (isinstance(value, dict) or not is_input) else {name: value}
