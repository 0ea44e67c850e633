"""Which project a trace goes to."""

from dataclasses import replace

import pytest

from otel_wandb._traces.routes import Route, route_of
from tests.exporter.spans import span

SAID = {"wandb.project": "said", "wandb.entity": "speaker"}
RESOURCE = {"wandb.project": "resource", "wandb.entity": "owner"}


@pytest.mark.parametrize(
    ("attributes", "given", "resource", "found"),
    [
        (SAID, Route("given", "giver"), RESOURCE, Route("said", "speaker")),
        ({"wandb.project": "said"}, Route("given", "giver"), RESOURCE, Route("said", "owner")),
        ({"wandb.project": "said"}, Route("given", "giver"), {}, Route("said", "giver")),
        ({}, Route("given", "giver"), RESOURCE, Route("resource", "owner")),
        ({}, Route("given", "giver"), {"wandb.project": "resource"}, Route("resource", "giver")),
        ({}, Route("given"), {"wandb.entity": "owner"}, Route("given")),
        ({"wandb.entity": "speaker"}, Route("given", "giver"), {}, Route("given", "giver")),
        ({}, Route(entity="giver"), {"wandb.entity": "owner"}, Route(entity="owner")),
        ({}, Route(), RESOURCE, Route("resource", "owner")),
        ({}, Route(), {}, Route()),
        ({"wandb.project": " "}, Route(), {"wandb.project": 3}, Route()),
        ({"wandb.project": "team/search: \ud800\n"}, Route(), {}, Route("team-search- -")),
        ({"wandb.project": "x" * 200}, Route(), {}, Route("x" * 128)),
    ],
)
def test_the_call_speaks_before_the_resource_and_that_before_the_exporter(
    attributes: dict[str, str], given: Route, resource: dict[str, object], found: Route
) -> None:
    spans = [replace(one, resource=resource) for one in (span("a"), span("b", "a", attributes=attributes))]
    assert route_of(spans, given) == found


def test_the_first_span_that_says_so_speaks_for_all() -> None:
    spans = [span("a"), span("b", attributes=SAID), span("c", attributes={"wandb.project": "late"})]
    assert route_of(spans, Route()) == Route("said", "speaker")
