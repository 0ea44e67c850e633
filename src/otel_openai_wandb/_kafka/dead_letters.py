"""Sends records that cannot be read to another topic, or only counts them."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaException, Producer

from otel_openai_wandb._kafka.options import Options
from otel_wandb._interface.intake import Position

log: Final = logging.getLogger(__name__)


class Letter(NamedTuple):
    """A record that cannot be read, unchanged."""

    position: Position
    key: bytes | None
    value: bytes | None
    origin: str
    """Topic, partition and offset."""


class DeadLetters:
    """Settles a record when the other topic has it. Without such a topic it settles it at once. For one thread."""

    def __init__(self, options: Options, settle: Callable[[list[Position]], None]) -> None:
        self._topic = options.dead_letters
        self._settle = settle
        self._waiting: deque[Letter] = deque()
        self._producer = None if self._topic is None else Producer({**options.of_connection(), "acks": "all"})

    def put(self, letter: Letter) -> None:
        """Take a record that cannot be read."""
        if self._producer is None:
            log.warning("the record at %s is not OTLP; it is skipped", letter.origin)
            self._settle([letter.position])
        else:
            self._waiting.append(letter)

    def send(self) -> None:
        """Send waiting records, and handle the reports about sent ones. Call this often."""
        if self._producer is None:
            return
        self._producer.poll(0)
        while self._waiting:
            letter = self._waiting.popleft()
            try:
                self._produce(self._producer, letter)
            except (BufferError, KafkaException):
                self._waiting.appendleft(letter)
                return

    def close(self, timeout: float) -> None:
        """Send waiting records for `timeout` seconds at most. Records that were not sent are not settled."""
        self.send()
        if self._producer is not None:
            self._producer.flush(timeout)

    def _produce(self, producer: Producer, letter: Letter) -> None:
        def delivered(error: Any, _: Any) -> None:
            if error is None:
                self._settle([letter.position])
            else:
                log.warning("the record at %s could not be sent to the topic of dead letters: %s", letter.origin, error)
                self._waiting.append(letter)

        headers: list[tuple[str, str | bytes | None]] = [("openai-wandb.origin", letter.origin)]
        producer.produce(self._topic or "", letter.value, letter.key, headers=headers, on_delivery=delivered)
