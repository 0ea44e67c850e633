"""What is counted, and how often it is said."""

import logging

import pytest

from otel_wandb._process.health import Health


def test_the_counters_are_those_of_the_summary() -> None:
    health = Health()
    health.received(10)
    health.logged(3)
    health.trimmed(2)
    health.duplicated(1)
    health.drop("queue_full", 1, "why")
    health.drop_rows("table_failed", 5, "why")
    assert health.on_the_way == 3
    assert health.summary() == {
        "otel/received": 10,
        "otel/logged": 3,
        "otel/trimmed": 2,
        "otel/duplicates": 1,
        "otel/dropped_queue_full": 1,
        "otel/rows_dropped_table_failed": 5,
    }
    assert health.settled() == {**health.summary(), "otel/received": 7}


def test_nothing_lost_is_nothing_said(caplog: pytest.LogCaptureFixture) -> None:
    health = Health()
    health.received(1)
    health.logged(1)
    health.drop("queue_full", 0, "why")
    health.trimmed(0)
    assert (health.summary(), health.last_words()) == ({"otel/received": 1, "otel/logged": 1}, None)
    assert caplog.records == []


def test_each_cause_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    health = Health(lambda: now)
    for _ in range(3):
        health.drop("a", 2, "why")
        health.drop_rows("a", 1, "why")
    now = 60.0
    health.drop("a", 1, "why")
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said == [
        "2 spans were not written to W&B (a, 2 so far): why",
        "1 rows of a table were not written to W&B (a, 1 so far): why",
        "1 spans were not written to W&B (a, 7 so far): why",
    ]


def test_the_last_words_name_every_cause() -> None:
    health = Health()
    health.received(9)
    health.drop("a", 2, "why")
    health.drop("b", 1, "why")
    health.drop_rows("c", 4, "why")
    assert health.last_words() == "not written to W&B: 3 of 9 spans (a: 2, b: 1); 4 of the tables' rows (c: 4)"
