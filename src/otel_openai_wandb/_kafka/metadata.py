"""Finds out whether a broker keeps the metadata of commits."""

import logging
from collections.abc import Iterable
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from otel_openai_wandb._kafka.offsets import EMPTY
from otel_openai_wandb._kafka.options import Options

log: Final = logging.getLogger(__name__)

_SECONDS: Final = 10.0


class Metadata:
    """Checks the metadata of a consumer's commits. Without its bitmap, a lost worker causes duplicates."""

    def __init__(self, consumer: Consumer, options: Options) -> None:
        self._consumer = consumer
        self._options = options
        self._is_known = False

    def look(self, partitions: Iterable[int]) -> None:
        """Ask the broker until it has a commit, and log a warning if the commit lacks its metadata."""
        if self._is_known:
            return
        asked = [TopicPartition(self._options.topic, number) for number in partitions]
        try:
            found = [tp for tp in self._consumer.committed(asked, timeout=_SECONDS) if tp.offset >= 0]
        except KafkaException:
            return  # the next commit asks again
        self._is_known = bool(found)
        if found and not any((partition.metadata or "").startswith(EMPTY) for partition in found):
            log.warning(
                "the broker at %s drops the metadata of commits: after a worker is lost, whole traces above the lowest "
                "open offset may be written twice",
                self._options.brokers,
            )
