"""Sends spans to Weave in a separate thread: in batches, with retries by the OTLP specification, and counts them.

https://opentelemetry.io/docs/specs/otlp/#otlphttp-response: after 429, 502, 503 and 504 a request is sent again, after
the seconds of `Retry-After` if given. A success may reject some of the spans. Every other status is final.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, TypeAlias

from otel_wandb._process.budget import Budget
from otel_wandb._process.health import Health
from otel_wandb._process.worker import Worker
from otel_wandb._weave.otlp import encoded, rejected, size_of
from otel_wandb._weave.spans import WeaveSpan
from otel_wandb._weave.target import Target

Resource: TypeAlias = tuple[tuple[str, str], ...]

_MOST_SPANS: Final = 50_000  # that may wait
_MOST_BYTES: Final = 64 << 20
_BATCH_SPANS: Final = 500
_BATCH_BYTES: Final = 1 << 20
_BATCH_SECONDS: Final = 2.0
_REQUEST_SECONDS: Final = 10.0
_SUCCESSES: Final = range(200, 300)
_RETRIED: Final = frozenset({429, 502, 503, 504})
_LONGEST_PAUSE: Final = 60.0
_LONGEST_RETRY: Final = 300.0  # seconds that one batch is tried


@dataclass(frozen=True, slots=True)
class _Sent:
    rejected: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Refused:
    cause: str
    why: str


@dataclass(frozen=True, slots=True)
class _Again:
    why: str
    pause: float | None = None
    """The seconds of `Retry-After`, if given."""


@dataclass(slots=True)
class _Batch:
    spans: list[WeaveSpan] = field(default_factory=list)
    size: int = 0


class WeaveSender:
    """Sends spans to one target. Spans that it cannot send are counted and logged; nothing else is affected."""

    def __init__(self, target: Target, health: Health) -> None:
        self._target = target
        self._health = health
        self._waiting = Budget(_MOST_SPANS, _MOST_BYTES)
        self._batches: dict[Resource, _Batch] = {}
        self._due: float | None = None
        self._session: Any = None
        self._stopping = threading.Event()
        self._deadline: float | None = None  # set when it is stopping
        self._worker: Worker[tuple[Resource, Sequence[WeaveSpan], int]] = Worker(
            "otel-wandb-weave", self._take, flush=self._send_all, wake=self._send_all, due=lambda: self._due
        )

    def send(self, spans: Sequence[WeaveSpan], resource: Resource) -> None:
        """Queue spans. Never blocks; drops spans if too many wait."""
        size = sum(map(size_of, spans))
        if self._waiting.take(len(spans), size):
            self._worker.put((resource, spans, size))
        else:
            self._health.drop_weave(
                "queue_full", len(spans), "Weave takes spans more slowly than the program makes them"
            )

    def flush(self, timeout: float) -> bool:
        """Send all queued spans. Returns whether that was done within `timeout` seconds."""
        return self._worker.flush(timeout)

    def stop(self, timeout: float) -> bool:
        """Try to send everything once more, and end. Spans that are not sent within `timeout` seconds count as lost."""
        self._deadline = monotonic() + timeout
        self._stopping.set()
        stopped = self._worker.stop(timeout)
        if not stopped:
            lost = self._waiting.give_up()
            self._health.drop_weave("exit_timeout", lost, f"Weave took longer than {timeout:.3g} seconds")
        return stopped

    def _take(self, item: tuple[Resource, Sequence[WeaveSpan], int]) -> None:
        resource, spans, size = item
        batch = self._batches.setdefault(resource, _Batch())
        batch.spans += spans
        batch.size += size
        if self._due is None:
            self._due = monotonic() + _BATCH_SECONDS
        if len(batch.spans) >= _BATCH_SPANS or batch.size >= _BATCH_BYTES:
            self._send(resource)

    def _send_all(self) -> None:
        self._due = None
        for resource in list(self._batches):
            self._send(resource)

    def _send(self, resource: Resource) -> None:
        batch = self._batches.pop(resource)
        spans, size = batch.spans, batch.size
        try:
            body = encoded(spans, dict(resource))
        except Exception as error:  # noqa: BLE001  # protobuf's, for values that it cannot encode
            outcome: _Sent | _Refused = _Refused("unreadable", type(error).__qualname__)
        else:
            outcome = self._tried(body)
        if not self._waiting.give_back(len(spans), size):
            return  # an exit did not wait for this batch, and counted it as lost
        if isinstance(outcome, _Refused):
            self._health.drop_weave(outcome.cause, len(spans), outcome.why)
            return
        refused = min(outcome.rejected, len(spans))
        self._health.sent_to_weave(len(spans) - refused)
        self._health.drop_weave("rejected", refused, outcome.why or "Weave does not say why")

    def _tried(self, body: bytes) -> _Sent | _Refused:
        """Post a body until it is accepted or refused, or until it was tried for 300 seconds."""
        give_up = monotonic() + _LONGEST_RETRY
        pause = 1.0
        while True:
            outcome = self._posted(body)
            if not isinstance(outcome, _Again):
                return outcome
            wait = min(_LONGEST_PAUSE, pause if outcome.pause is None else outcome.pause)
            if monotonic() + wait > give_up or self._stopping.wait(wait):
                return _Refused("unreachable", outcome.why)
            pause *= 2

    def _posted(self, body: bytes) -> _Sent | _Refused | _Again:
        import requests

        if self._session is None:
            self._session = requests.Session()
            self._session.auth = _no_other_key
        headers = {"Content-Type": "application/x-protobuf", "wandb-api-key": self._target.key}
        try:
            answer = self._session.post(
                self._target.url, data=body, headers=headers, timeout=self._seconds(), allow_redirects=False
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            return _Again(type(error).__qualname__)
        except requests.RequestException as error:
            return _Refused("unreachable", type(error).__qualname__)
        return _outcome(answer.status_code, answer.headers.get("Retry-After"), answer.content)

    def _seconds(self) -> float:
        """The timeout of a request in seconds."""
        left = _REQUEST_SECONDS if self._deadline is None else self._deadline - monotonic()
        return max(0.1, min(_REQUEST_SECONDS, left))


def _outcome(status: int, retry_after: str | None, body: bytes) -> _Sent | _Refused | _Again:
    if status in _RETRIED:
        return _Again(f"Weave answers {status}", _seconds_in(retry_after))
    if status in (401, 403):
        return _Refused("unauthorized", f"Weave answers {status}: it does not accept the W&B API key for this project")
    if status not in _SUCCESSES:
        return _Refused("refused", f"Weave answers {status}")
    try:
        return _Sent(*rejected(body))
    except ValueError as error:
        return _Refused("refused", str(error))


def _seconds_in(text: str | None) -> float | None:
    """The seconds of `Retry-After`; None for a date, which is ignored."""
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None


def _no_other_key(request: Any) -> Any:
    """Prevents `requests` from also sending the credentials that `~/.netrc` has for the host."""
    return request
