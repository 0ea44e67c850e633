"""Decodes OTLP bodies into records. Needs protobuf."""

from otel_wandb._otlp.fields import MalformedError
from otel_wandb._otlp.reading import Encoding, Signal, has_fast_protobuf, read_events, read_spans
