"""Which project of W&B a trace goes to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from otel_wandb._spans import attributes as names
from otel_wandb._spans.span import SpanRecord

_REFUSED: Final = frozenset("/\\#?%:")  # by `wandb.init`, in the name of a project
_LONGEST: Final = 128


@dataclass(frozen=True, slots=True)
class Route:
    """A project and an entity; what is None is left to wandb's own environment and settings."""

    project: str | None = None
    entity: str | None = None


def route_of(spans: Sequence[SpanRecord], given: Route) -> Route:
    """Where a trace goes: as its spans say, else as the exporter was told, else as their resource says.

    Among the spans the first that says so speaks for all. The attributes are `wandb.project` and `wandb.entity`, which
    W&B's own endpoint for OpenTelemetry reads from resources. A name that W&B would refuse is changed to one that it
    takes: else nothing of the trace would be written.
    """
    resource = spans[0].resource
    return Route(
        _said(spans, names.WANDB_PROJECT) or given.project or _text(resource, names.WANDB_PROJECT),
        _said(spans, names.WANDB_ENTITY) or given.entity or _text(resource, names.WANDB_ENTITY),
    )


def _said(spans: Iterable[SpanRecord], name: str) -> str | None:
    return next((text for span in spans if (text := _text(span.attributes, name))), None)


def _text(attributes: Mapping[str, Any], name: str) -> str | None:
    value = attributes.get(name)
    return _usable(value) if isinstance(value, str) else None


def _usable(text: str) -> str | None:
    taken = ("-" if char in _REFUSED or not char.isprintable() else char for char in text.strip()[:_LONGEST])
    return "".join(taken) or None
