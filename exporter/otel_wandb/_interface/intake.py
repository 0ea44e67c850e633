"""The intake for received spans, which their sender keeps until they are on the disk."""

from otel_wandb._delivery.records import EventOfSpan
from otel_wandb._delivery.run_log import UnreadableError
from otel_wandb._intake import Intake, IntakeOptions
from otel_wandb._spans.span import Position
from otel_wandb._traces.routes import Route, rerouted
