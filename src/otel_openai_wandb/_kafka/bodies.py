"""Decodes the value of a record into spans, and routes them to the project of the command line."""

from collections.abc import Sequence

from otel_openai_wandb._kafka.options import Options
from otel_wandb import SpanRecord
from otel_wandb._interface.intake import Route, rerouted
from otel_wandb._interface.otlp import read_spans


def spans_of(value: bytes, options: Options) -> tuple[Sequence[SpanRecord], int]:
    """The spans of a record's value, and how many more were rejected. Raises MalformedError."""
    read = read_spans(value, options.encoding)
    if options.project is None:
        return read.spans, read.rejected
    return rerouted(read.spans, Route(options.project, options.entity)), read.rejected
