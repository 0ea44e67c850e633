"""Traces without a run, where a trace is, and what became of it."""

from otel_wandb._journal.from_spans import records_of
from otel_wandb._process.health import Health
from otel_wandb._traces.sink import Place
