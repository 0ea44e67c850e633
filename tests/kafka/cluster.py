"""A Kafka cluster of librdkafka's own, in a process that prints its address: `python -m tests.kafka.cluster`.

It lives inside a client. It ends with its standard input.
"""

import sys

from confluent_kafka import Producer


def main() -> None:
    owner = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = owner.list_topics(timeout=10).brokers.values()
    sys.stdout.write(",".join(f"{broker.host}:{broker.port}" for broker in brokers) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
