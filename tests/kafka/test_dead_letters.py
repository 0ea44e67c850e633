"""Records that cannot be read are in the other topic once, however often they are read meanwhile."""

from dataclasses import replace

from confluent_kafka import Consumer, TopicPartition

from otel_openai_wandb._kafka.dead_letters import DeadLetters, Letter
from otel_openai_wandb._kafka.options import checked
from otel_wandb._interface.intake import Position
from tests.gateway.test_settings import TOPIC
from tests.kafka.brokers import mock_cluster
from tests.support.waiting import until


def test_a_record_that_is_read_again_is_sent_once_and_settled_as_it_was_read_last() -> None:
    settled: list[Position] = []

    def is_settled(letters: DeadLetters) -> bool:
        letters.send()
        return bool(settled)

    with mock_cluster() as brokers:
        letters = DeadLetters(checked(replace(TOPIC, brokers=brokers, dead_letters="dead")), settled.extend)
        for part in (1, 2):  # 2 is what `Partitions` made of it after another start
            letters.put(Letter(Position(part, 7), b"k", b"no otlp", "spans/0/7"))
        letters.send()
        letters.put(Letter(Position(3, 7), b"k", b"no otlp", "spans/0/7"))
        until(lambda: is_settled(letters), 30)
        letters.put(Letter(Position(3, 8), b"k", b"no otlp either", "spans/0/8"))
        letters.close(30)
        assert settled == [Position(3, 7), Position(3, 8)]
        assert ends(brokers) == 2


def ends(brokers: str) -> int:
    """How many records the topic has."""
    reader = Consumer({"bootstrap.servers": brokers, "group.id": "letters", "log_level": 0})
    found = sum(reader.get_watermark_offsets(TopicPartition("dead", number), 20)[1] for number in range(4))
    reader.close()
    return found
