"""Chooses the W&B project of a trace."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from otel_wandb._spans import attributes as names
from otel_wandb._spans.span import SpanRecord

_REFUSED: Final = frozenset("/\\#?%:")  # refused by `wandb.init` in a project's name
_LONGEST: Final = 128


@dataclass(frozen=True, slots=True)
class Route:
    """A project and an entity. What is None is left to wandb's environment and settings."""

    project: str | None = None
    entity: str | None = None


def route_of(spans: Sequence[SpanRecord], given: Route) -> Route:
    """Where a trace goes: as its spans say, else as the exporter was told, else as their resource says.

    The first span that says so decides. The attributes are `wandb.project` and `wandb.entity`, which W&B's own
    OpenTelemetry endpoint reads from resources. A project name that W&B would refuse is changed; otherwise the whole
    trace would be lost.
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
