"""The value of a record as spans, which go where the command line says."""

from collections.abc import Sequence

from otel_openai_wandb._kafka.options import Options
from otel_wandb import SpanRecord
from otel_wandb._interface.intake import Route, rerouted
from otel_wandb._interface.otlp import read_spans


def spans_of(value: bytes, options: Options) -> tuple[Sequence[SpanRecord], int]:
    """The spans, and how many more could not be taken. Raises MalformedError."""
    read = read_spans(value, options.encoding)
    if options.project is None:
        return read.spans, read.rejected
    return rerouted(read.spans, Route(options.project, options.entity)), read.rejected
