"""Answers of a broker that are errors."""

from typing import Any, NoReturn

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from otel_openai_wandb._kafka.consuming import committed, leave
from tests.kafka.brokers import TOPIC, mock_cluster, produce, records
from tests.support.waiting import until


def consumer_of(brokers: str) -> Consumer:
    return Consumer({"bootstrap.servers": brokers, "group.id": "g", "enable.auto.commit": False, "log_level": 0})


def test_a_partition_without_an_answer_is_not_taken_for_one_without_a_commit() -> None:
    with mock_cluster() as brokers:
        produce(brokers, records([1]))
        consumer = consumer_of(brokers)
        assert [found.offset for found in committed(consumer, [TopicPartition(TOPIC, 0)])] == [-1001]
        with pytest.raises(KafkaException, match="UNKNOWN_TOPIC_OR_PART"):
            committed(consumer, [TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 99)])
        consumer.close()


def test_a_failure_while_leaving_the_group_is_only_said(caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: Any) -> NoReturn:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    def is_assigned(consumer: Consumer) -> bool:
        consumer.poll(0.1)
        return bool(consumer.assignment())

    with mock_cluster() as brokers:
        produce(brokers, records([1]))
        consumer = consumer_of(brokers)
        consumer.subscribe([TOPIC], on_revoke=fail)
        until(lambda: is_assigned(consumer), 30)
        leave(consumer)
    assert "Kafka reported an error when the consumer left its group: KafkaError{code=_TIMED_OUT" in caplog.text
