"""The value of a record as spans, which go where the command line says."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from otel_openai_wandb._kafka.options import Options
from otel_wandb import SpanRecord
from otel_wandb._interface.intake import WANDB_ENTITY, WANDB_PROJECT
from otel_wandb._interface.otlp import read_spans

_ROUTE: Final = frozenset({WANDB_ENTITY, WANDB_PROJECT})


def spans_of(value: bytes, options: Options) -> tuple[Sequence[SpanRecord], int]:
    """The spans, and how many more could not be taken. Raises MalformedError."""
    read = read_spans(value, options.encoding)
    if options.project is None:
        return read.spans, read.rejected
    return routed(read.spans, options.entity, options.project), read.rejected


def routed(spans: Iterable[SpanRecord], entity: str | None, project: str) -> Sequence[SpanRecord]:
    """The spans with this entity and project, whatever they say themselves."""
    route = {WANDB_PROJECT: project, **({} if entity is None else {WANDB_ENTITY: entity})}
    return [
        replace(span, resource={**_without(span.resource), **route}, attributes=_without(span.attributes))
        for span in spans
    ]


def _without(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    if _ROUTE.isdisjoint(attributes):
        return attributes
    return {name: value for name, value in attributes.items() if name not in _ROUTE}
