"""Traces without a run, the place of a trace, and the counters of spans."""

from otel_wandb._journal.from_spans import records_of
from otel_wandb._process.health import Health
from otel_wandb._traces.sink import Place
