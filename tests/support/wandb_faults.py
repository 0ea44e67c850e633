"""Requests to the stand-in for W&B, and the faults that can replace an answer."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tests.support.wandb_runs import Json


class Kind(Enum):
    """The purpose of a request."""

    GRAPHQL = "graphql"
    FILE_STREAM = "file stream"  # rows, summary, output and the end of a run
    UPLOAD = "upload"  # files of a run or an artifact
    TELEMETRY = "telemetry"  # wandb's own metrics and logs
    MOMENT = "moment"  # a program reports its progress
    OTHER = "other"


def kind_of(path: str) -> Kind:
    """The purpose of a request to this path."""
    if path == "/graphql":
        return Kind.GRAPHQL
    if path.startswith("/files/") and path.endswith("/file_stream"):
        return Kind.FILE_STREAM
    if path.startswith("/upload/"):
        return Kind.UPLOAD
    if path.startswith("/moment/"):
        return Kind.MOMENT
    return Kind.TELEMETRY if path.startswith("/sdk/otel/") else Kind.OTHER


@dataclass(frozen=True, slots=True)
class Received:
    """One received request. `operation` is the name of the GraphQL operation."""

    kind: Kind
    method: str
    path: str
    headers: Mapping[str, str]  # with lower-case keys
    body: bytes
    operation: str = ""

    @property
    def key(self) -> str | None:
        """The W&B key that it was sent with."""
        scheme, _, text = self.headers.get("authorization", "").partition(" ")
        name, _, key = base64.b64decode(text).decode().partition(":") if scheme == "Basic" else ("", "", "")
        return key if name == "api" else None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. The body is JSON, or the content of a file."""

    status: int = 200
    body: Json | bytes = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def problem(message: str) -> Json:
    """The body of an error, in the form of GraphQL."""
    return {"errors": [{"message": message}]}


Serve = Callable[[], Reply]


@dataclass(slots=True, eq=False)
class Fault:
    """A fault for requests of some kinds, or of one GraphQL operation, until it is lifted or has occurred `times`.

    `act` gets the function that would serve the request. If it returns None, the connection is closed.
    """

    act: Callable[[Fault, Serve], Reply | None]
    kinds: Sequence[Kind]
    operation: str | None
    times: int | None
    hits: int = 0
    lifted: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Fault:  # noqa: PYI034 - typing.Self begins with Python 3.11
        return self

    def __exit__(self, *error: object) -> None:
        self.lift()

    def strikes(self, request: Received) -> bool:
        """Whether the fault applies to this request. It counts the request, so the caller holds the owner's lock."""
        struck = (
            not self.lifted.is_set()
            and (not self.kinds or request.kind in self.kinds)
            and self.operation in (None, request.operation)
            and (self.times is None or self.hits < self.times)
        )
        self.hits += struck
        return struck

    def lift(self) -> None:
        """End the fault: held requests are served, and connections of swallowed requests are closed."""
        self.lifted.set()


def answering(reply: Reply, *, taken: bool) -> Callable[[Fault, Serve], Reply]:
    """An act that answers with `reply`. If `taken`, the request is executed too."""

    def act(fault: Fault, serve: Serve) -> Reply:
        if taken:
            serve()
        return reply

    return act


def holding(fault: Fault, serve: Serve) -> Reply:
    """An act that serves the request when the fault is lifted."""
    fault.lifted.wait()
    return serve()


def swallowing(fault: Fault, serve: Serve) -> None:
    """An act that answers nothing."""
    fault.lifted.wait()
