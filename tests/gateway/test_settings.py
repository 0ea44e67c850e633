"""The exporter's settings hold for spans that are received, with defaults of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_openai_wandb._gateway import intakes
from otel_openai_wandb._gateway.options import checked
from otel_openai_wandb._kafka import consuming, options
from otel_wandb._interface.intake import IntakeOptions
from tests.gateway.test_options import LOCAL

TOPIC = options.Given("localhost:1", "spans", "group", "kafka", "otlp_proto")


def of_gateway() -> None:
    intakes.make_intakes(checked(LOCAL, {}))("", print)


def of_kafka() -> None:
    consuming.make_intakes(options.checked(TOPIC))(print)


@pytest.mark.parametrize(("make", "interval"), [(of_gateway, 5.0), (of_kafka, 2.0)])
def test_settings(make: Callable[[], None], interval: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # the gateway's directory is a relative one
    made: list[IntakeOptions] = []

    def intake(given: IntakeOptions, settled: Any) -> None:
        made.append(given)

    monkeypatch.setattr("otel_wandb._interface.intake.Intake", intake)
    monkeypatch.setattr(consuming, "Intake", intake)
    make()
    for name, value in {"QUIET": "3", "IDLE": "4", "MAX_AGE": "5", "TABLE_INTERVAL": "6", "KEEP": "all"}.items():
        monkeypatch.setenv(f"OTEL_WANDB_{name}", value)
    make()
    before, after = (given.settings for given in made)
    assert (before.quiet, before.idle, before.table_interval, before.keep) == (6.0, 30.0, interval, "llm")
    assert (after.quiet, after.idle, after.max_age, after.table_interval, after.keep) == (3.0, 4.0, 5.0, 6.0, "all")
