"""Submits records of Kafka to an intake, and commits the offsets of records that are settled.

Delivery is at least once: an offset is committed when all spans of its record are in a run on the disk, or were
counted. One thread does everything; Kafka's callbacks are called within `consume`.
"""

import logging
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from threading import Event
from time import monotonic
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from otel_openai_wandb._kafka.bodies import spans_of
from otel_openai_wandb._kafka.dead_letters import DeadLetters, Letter
from otel_openai_wandb._kafka.metadata import Metadata
from otel_openai_wandb._kafka.offsets import Commit
from otel_openai_wandb._kafka.options import Options
from otel_openai_wandb._kafka.partitions import Partitions
from otel_wandb import SpanRecord
from otel_wandb._interface.exporter import RECEIVED, read_settings
from otel_wandb._interface.intake import Intake, IntakeOptions, Position
from otel_wandb._interface.otlp import MalformedError

log: Final = logging.getLogger(__name__)

MOST_BYTES: Final = 192 << 20  # of spans that wait in the intake; reading pauses above it
_MOST_OPEN: Final = 50_000  # records; their bitmap has 6 KB before compression
_RECORDS: Final = 100  # at once
_POLL: Final = 0.2
_COMMIT_SECONDS: Final = 0.5
_REVOKE_SECONDS: Final = 3.0
_BROKER_SECONDS: Final = 10.0
_TRIES: Final = 3
_LINE_SECONDS: Final = 60.0
# If this worker and its disk are lost, another worker writes the rows of so many seconds again.
_TABLE_SECONDS: Final = 2.0


class KafkaFailedError(Exception):
    """Kafka cannot be read any more; the message says why."""


MakeIntake = Callable[[Callable[[Sequence[Position]], None]], Intake]
"""`make(settled)`: `settled` is called with positions that are settled."""


class Consuming:
    """One worker of a consumer group."""

    def __init__(self, options: Options, make: MakeIntake) -> None:
        """Make the intake, which reads the runs of an earlier process. Raises what making it raises."""
        self._options = options
        self._make = make
        self._partitions = Partitions()
        self._intake = make(self._partitions.settle)
        self._past: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._pending: deque[tuple[Position, Sequence[SpanRecord]]] = deque()
        self._is_paused = False
        self._fatal: str | None = None
        self._commit_at = self._line_at = 0.0
        self._dead_letters = DeadLetters(options, self._partitions.settle)
        callbacks = {"error_cb": self._on_error, "on_commit": self._committed}
        self._consumer = Consumer({**options.of_consumer(), **callbacks}, logger=log)
        self._metadata = Metadata(self._consumer, options)

    @property
    def counts(self) -> Mapping[str, int]:
        """The counters of records and spans that were read, and of all intakes."""
        return {**self._counts, **self._written()}

    def run(self, stop: Event, stop_seconds: float) -> bool:
        """Read until `stop` is set. Returns whether all finished traces were written in `stop_seconds` after that.

        Raises KafkaFailedError, and what making an intake raises.
        """
        self._line_at = monotonic() + _LINE_SECONDS
        try:
            self._consumer.subscribe(
                [self._options.topic],
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._lost,
            )
            while not stop.is_set():
                self._step()
        finally:
            is_written = self._close(stop_seconds)
        return is_written

    def line(self) -> str:
        """The state and the counters as one line for the log."""
        counts = ", ".join(f"{name.removeprefix('otel/')} {count}" for name, count in self.counts.items())
        spans, size = self._intake.waiting
        return (
            f"kafka: {len(self._partitions.numbers)} partitions, {self._partitions.open_count} open records, "
            f"{spans} spans ({size >> 20} MiB) wait{' (paused)' if self._is_paused else ''}; {counts}"
        )

    def _step(self) -> None:
        for message in self._consumer.consume(_RECORDS, _POLL):
            self._take(message)
        if self._fatal is not None:
            raise KafkaFailedError(self._fatal)
        if self._intake.broken:
            self._start_again(self._intake.broken)
        self._offer()
        self._dead_letters.send()
        self._watch()
        now = monotonic()
        if now >= self._commit_at:
            self._commit_at = now + _COMMIT_SECONDS
            self._commit()
        if now >= self._line_at:
            self._line_at = now + _LINE_SECONDS
            log.info("%s", self.line())

    def _take(self, message: Message) -> None:
        error = message.error()
        partition, offset = message.partition(), message.offset()
        if error is not None or partition is None or offset is None:
            log.warning("Kafka: %s", error)
            return
        self._counts["records"] += 1
        position = self._partitions.open(partition, offset)
        if position is None:
            self._counts["records_done_before"] += 1
            return
        value = message.value()
        try:
            spans, rejected = spans_of(_bytes(value), self._options)
        except MalformedError:
            self._counts["records_malformed"] += 1
            origin = f"{self._options.topic}/{partition}/{offset}"
            key = message.key()
            self._dead_letters.put(
                Letter(position, None if key is None else _bytes(key), None if value is None else _bytes(value), origin)
            )
            return
        self._counts["spans_rejected"] += rejected
        self._pending.append((position, spans))

    def _offer(self) -> None:
        """Submit pending records until the intake refuses one."""
        while self._pending and self._intake.submit(*self._pending[0]):
            self._pending.popleft()

    def _watch(self) -> None:
        """Pause reading while too much waits. Resume when less than half of the limit waits."""
        held = self._partitions.open_count
        if not self._is_paused and (self._pending or held > _MOST_OPEN):
            self._is_paused = True
            self._consumer.pause(self._consumer.assignment())
        elif (
            self._is_paused
            and not self._pending
            and held <= _MOST_OPEN // 2
            and self._intake.waiting[1] <= MOST_BYTES // 2
        ):
            self._is_paused = False
            self._consumer.resume(self._consumer.assignment())

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        found = self._begins(consumer, partitions)
        for partition in found:
            begun = None if partition.offset < 0 else Commit(partition.offset, partition.metadata or "")
            self._partitions.assign(partition.partition, begun)
        consumer.incremental_assign(found)
        if self._is_paused:
            consumer.pause(found)
        log.info("reading partitions %s", sorted(self._partitions.numbers))

    def _begins(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """The committed offset of each partition. Raises KafkaException."""
        for _ in range(_TRIES - 1):
            try:
                return committed(consumer, partitions)
            except KafkaException as error:
                log.warning("Kafka did not return the committed offsets: %s", error)
        return committed(consumer, partitions)

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = {partition.partition for partition in partitions} & self._partitions.numbers
        if not numbers:
            return
        if not self._partitions.is_settled(numbers):
            self._intake.flush(_REVOKE_SECONDS)
        self._commit_now(numbers)
        self._let_go(numbers)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Another worker reads them already: a commit would undo its commits."""
        numbers = {partition.partition for partition in partitions}
        log.warning("lost partitions %s", sorted(numbers))
        self._let_go(numbers)

    def _let_go(self, numbers: Iterable[int]) -> None:
        parts = {self._partitions.revoke(number) for number in numbers}
        self._pending = deque(pending for pending in self._pending if pending[0].part not in parts)
        for part in parts:
            if part is not None:
                self._intake.forget(part)

    def _start_again(self, why: str) -> None:
        """Replace the broken intake, and read every record again that is not settled."""
        log.warning("%s; records that are not in a run are read again", why)
        self._intake.abandon()
        self._past.update(self._intake.health.settled())
        self._pending.clear()
        back = self._partitions.start_again()
        self._intake = self._make(self._partitions.settle)
        for partition, offset in back.items():
            self._consumer.seek(TopicPartition(self._options.topic, partition, offset))

    def _commit(self) -> None:
        commits = self._partitions.commits()
        if commits:
            self._consumer.commit(offsets=self._offsets(commits), asynchronous=True)
        else:
            self._metadata.look(self._partitions.numbers)

    def _commit_now(self, numbers: Iterable[int]) -> None:
        commits = self._partitions.commits(numbers)
        if not commits:
            return
        try:
            self._consumer.commit(offsets=self._offsets(commits), asynchronous=False)
        except KafkaException as error:
            log.warning("offsets were not committed; their records are read again: %s", error)

    def _offsets(self, commits: Mapping[int, Commit]) -> list[TopicPartition]:
        topic = self._options.topic
        return [TopicPartition(topic, number, commit.offset, commit.metadata) for number, commit in commits.items()]

    def _committed(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        failed = [found.partition for found in partitions if error is not None or found.error is not None]
        if failed:
            log.warning("offsets were not committed; the next commit includes them: %s", error)
            self._partitions.not_committed(failed)
        else:
            self._metadata.look(self._partitions.numbers)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error.str()

    def _close(self, timeout: float) -> bool:
        self._pending.clear()
        self._dead_letters.close(_REVOKE_SECONDS)
        is_written = self._intake.close(timeout)
        numbers = self._partitions.numbers
        self._commit_now(numbers)
        for number in numbers:
            self._partitions.revoke(number)
        leave(self._consumer)
        log.info("%s", self.line())
        return is_written

    def _written(self) -> Mapping[str, int]:
        return self._past + Counter(self._intake.health.summary())


def make_intakes(options: Options) -> MakeIntake:
    """Make the exporter's intakes for these options."""

    def make(settled: Callable[[Sequence[Position]], None]) -> Intake:
        given = IntakeOptions(
            directory=options.directory,
            worker=options.worker,
            project=options.project,
            entity=options.entity,
            most_bytes=MOST_BYTES,
            settings=read_settings(os.environ, replace(RECEIVED, table_interval=_TABLE_SECONDS)),
        )
        return Intake(given, settled)

    return make


def committed(consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
    """The committed offsets. Raises KafkaException, also if one partition has no answer: it would be read from 0."""
    found = consumer.committed(partitions, timeout=_BROKER_SECONDS)
    for partition in found:
        if partition.error is not None:
            raise KafkaException(partition.error)
    return found


def leave(consumer: Consumer) -> None:
    """Close the consumer. All offsets are committed, so errors, such as those of a late assignment, lose nothing."""
    try:
        consumer.close()
    except KafkaException as error:
        log.warning("Kafka reported an error when the consumer left its group: %s", error)


def _bytes(value: Any) -> bytes:
    """A key or a value as bytes. Raises MalformedError for None, which marks a deleted key and is not OTLP."""
    if value is None:
        raise MalformedError("the record has no value")
    return value.encode() if isinstance(value, str) else bytes(value)
