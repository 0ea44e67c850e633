"""The sink that sends to Weave each trace that was written to an online run."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from otel_wandb._journal.records import trace_record
from otel_wandb._journal.schema import Message
from otel_wandb._process.health import Health
from otel_wandb._spans.clean import Json
from otel_wandb._traces.completion import Completion
from otel_wandb._traces.feedback import Feedback
from otel_wandb._traces.read_trace import ReadTrace
from otel_wandb._traces.sink import Place
from otel_wandb._weave.sender import Resource, WeaveSender
from otel_wandb._weave.spans import Endpoint, weave_spans
from otel_wandb._weave.target import Target

log: Final = logging.getLogger(__name__)

_LONGEST_FLUSH: Final = 10.0  # seconds
_SHARE: Final = 1 / 3  # of the time of a flush or an exit: the run comes first


class WeaveSink:
    """Sends traces in the background. Its faults and delays do not affect the run."""

    def __init__(self, target: Callable[[], Target | None], endpoint: Endpoint, health: Health) -> None:
        """`target` is called once, at the first trace of an online run. It returns None if there is no key."""
        self._find_target = target
        self._endpoint = endpoint
        self._health = health
        self._lock = threading.RLock()
        self._sender: WeaveSender | None = None
        self._said: set[str] = set()
        self._has_no_target = False

    def write(self, read: ReadTrace, place: Place | None) -> Place | None:
        """Queue a trace, if it was written to an online run."""
        if place is None:
            return None
        try:
            self._hand_over(read, place)
        except Exception as error:  # noqa: BLE001  # the trace is in the run, and its fault must not be the run's
            self._health.drop_weave("unreadable", len(read.spans), type(error).__qualname__)
        return place

    def complete(self, read: ReadTrace, completion: Completion) -> None:
        """Do nothing: the process that wrote the trace has sent it to Weave."""

    def write_feedback(self, said: Feedback) -> None:
        """Do nothing: OTLP has no field for feedback, so it is only in the run."""

    def summarise(self) -> None:
        """Do nothing: the run's sink writes these counters too."""

    def flush(self, timeout: float) -> bool:
        """Send waiting spans within a third of `timeout`, ten seconds at most. Returns True, so that no run waits."""
        if self._sender is not None:
            self._sender.flush(min(timeout * _SHARE, _LONGEST_FLUSH))
        return True

    def close_runs(self) -> None:
        """Do nothing: no run is open here."""

    def close(self, timeout: float) -> bool:
        """Send waiting spans within a third of `timeout`, and count the others. Returns True, so that no run waits."""
        if self._sender is not None:
            self._sender.stop(timeout * _SHARE)
        return True

    def abandon(self) -> None:
        """End without sending anything more."""
        if self._sender is not None:
            self._sender.stop(0.0)

    def say_late(self) -> None:
        """Count what was not sent, if the run took so long that this sink was not closed."""
        if self._sender is not None:
            self._sender.stop(0.0)

    def _hand_over(self, read: ReadTrace, place: Place) -> None:
        if not place.is_online:
            self._say_once(
                "Weave gets nothing of an offline run. After `wandb sync`, send it with: openai-wandb weave RUN"
            )
            return
        sender = self._started()
        if sender is None:
            self._health.drop_weave("no_key", len(read.spans), "there is no W&B API key that could be sent to Weave")
            return
        texts = Inline()
        record = trace_record(read, texts)
        sender.send(weave_spans(record, texts, place, self._endpoint), resource_of(place, record["service"]))

    def _started(self) -> WeaveSender | None:
        with self._lock:
            if self._sender is None and not self._has_no_target:
                target = self._find_target()
                self._has_no_target = target is None
                if target is not None:
                    self._sender = WeaveSender(target, self._health)
            return self._sender

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            log.warning("%s", sentence)


class Inline:
    """The messages and tools of one trace, with separate numbers."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._tools: list[Sequence[Json]] = []

    def add_message(self, message: Message) -> int:
        """Keep a message. Returns its number."""
        self._messages.append(message)
        return len(self._messages) - 1

    def add_tools(self, tools: Sequence[Json]) -> int:
        """Keep a list of definitions. Returns its number."""
        self._tools.append(tools)
        return len(self._tools) - 1

    def messages(self, ids: Sequence[int]) -> Sequence[Message]:
        """The messages with these numbers."""
        return [self._messages[number] for number in ids]

    def tools(self, number: int | None) -> Sequence[Any]:
        """The definitions with this number; empty for None."""
        return () if number is None else self._tools[number]


def resource_of(place: Place, service: str | None) -> Resource:
    """The resource by which Weave finds the project."""
    said = {"wandb.entity": place.entity, "wandb.project": place.project, "service.name": service or ""}
    return tuple((name, value) for name, value in said.items() if value)
