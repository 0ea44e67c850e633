"""Writes spans that another process keeps until they are on the disk."""

from otel_wandb._delivery.records import EventOfSpan
from otel_wandb._delivery.run_log import UnreadableError
from otel_wandb._intake import Intake, IntakeOptions
from otel_wandb._spans.attributes import WANDB_ENTITY, WANDB_PROJECT
from otel_wandb._spans.span import Position
