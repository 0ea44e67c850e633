"""Chooses the W&B project of a trace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from otel_wandb._spans import attributes as names
from otel_wandb._spans.span import SpanRecord

_NAMES: Final = frozenset({names.WANDB_PROJECT, names.WANDB_ENTITY})
_REFUSED: Final = frozenset("/\\#?%:")  # refused by `wandb.init` in a project's name
_LONGEST: Final = 128


@dataclass(frozen=True, slots=True)
class Route:
    """A project and an entity. For None, wandb's environment and settings decide."""

    project: str | None = None
    entity: str | None = None


def route_of(spans: Sequence[SpanRecord], given: Route) -> Route:
    """The project and entity of a trace: from its spans, else from their resource, else `given` to the exporter.

    The first source with a project decides. If it has no entity, a later source gives the entity, but not an earlier
    one, so that a project is not combined with the entity of another project. The attributes are `wandb.project` and
    `wandb.entity`, which W&B's own OpenTelemetry endpoint reads from resources. A project name that W&B would refuse is
    changed; otherwise the whole trace would be lost.
    """
    said = [*(_said(span.attributes) for span in spans), _said(spans[0].resource), given]
    first = next((number for number, route in enumerate(said) if route.project), 0)
    return Route(said[first].project, next((route.entity for route in said[first:] if route.entity), None))


def rerouted(spans: Sequence[SpanRecord], route: Route) -> Sequence[SpanRecord]:
    """The same spans with this project and entity in their resource, and without their own `wandb.*` attributes."""
    said = {names.WANDB_PROJECT: route.project, names.WANDB_ENTITY: route.entity}
    told = {name: value for name, value in said.items() if value is not None}
    resources: dict[int, Mapping[str, Any]] = {}  # many spans have the same one
    found = []
    for span in spans:
        resource = resources.get(id(span.resource))
        if resource is None:
            resource = resources[id(span.resource)] = {**_without_route(span.resource), **told}
        found.append(replace(span, resource=resource, attributes=_without_route(span.attributes)))
    return found


def _without_route(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    if _NAMES.isdisjoint(attributes):
        return attributes
    return {name: value for name, value in attributes.items() if name not in _NAMES}


def _said(attributes: Mapping[str, Any]) -> Route:
    return Route(_text(attributes, names.WANDB_PROJECT), _text(attributes, names.WANDB_ENTITY))


def _text(attributes: Mapping[str, Any], name: str) -> str | None:
    value = attributes.get(name)
    return _usable(value) if isinstance(value, str) else None


def _usable(text: str) -> str | None:
    taken = ("-" if char in _REFUSED or not char.isprintable() else char for char in text.strip()[:_LONGEST])
    return "".join(taken) or None
