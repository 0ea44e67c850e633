"""Weave: spans for it, and sending them. Needs opentelemetry-proto."""

from otel_wandb._weave.sender import WeaveSender
from otel_wandb._weave.sink import resource_of
from otel_wandb._weave.spans import Endpoint, WeaveSpan, weave_spans
from otel_wandb._weave.target import SERVER_VARIABLE, target_of
