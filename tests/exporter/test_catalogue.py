"""Prices of later models, where the extra `prices` is installed, and who is asked before it."""

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from importlib.util import find_spec
from typing import Any

import pytest

from otel_wandb._costs.billing import bill_of
from otel_wandb._costs.catalogue import _load, catalogue_cost
from otel_wandb._costs.prices import PRICES, Cost, Price
from otel_wandb._genai.model_call import Usage
from otel_wandb._genai.view import read_view
from tests.exporter.spans import chat_attributes, span

installed = pytest.mark.skipif(find_spec("genai_prices") is None, reason="the extra `prices` is not installed")


def nanoseconds(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=timezone.utc).timestamp()) * 1_000_000_000


def cost(
    model: str | None,
    *,
    provider: str | None = "openai",
    usage: Usage | None = None,
    operation: str = "chat",
    year: int = 2025,
) -> Cost | None:
    return catalogue_cost(
        model=model,
        provider=provider,
        operation=operation,
        usage=usage or Usage(1_000, 1_000),
        start_ns=nanoseconds(year),
    )


@installed
@pytest.mark.parametrize(
    ("model", "provider", "usage", "dollars"),
    [
        ("gpt-4o", "openai", Usage(1_000, 1_000), 0.0125),
        ("gpt-4o", "azure.ai.openai", Usage(1_000, 1_000), 0.0125),
        ("gpt-4o", None, Usage(1_000, 1_000), 0.0125),
        ("gpt-4o", "openai", Usage(1_000, 0, cache_read=400), 0.002),
        ("gpt-4o", "openai", Usage(1_000, 0, cache_read=9_000), 0.00125),  # more than there are
        ("gpt-4o", "openai", Usage(0, 0), 0.0),
        ("gpt-3.5-turbo-0125", "openai", Usage(1_000, 1_000), 0.002),
        ("claude-3-5-sonnet-20241022", "anthropic", Usage(1_000, 1_000), 0.018),
    ],
)
def test_a_later_model(model: str, provider: str | None, usage: Usage, dollars: float) -> None:
    assert cost(model, provider=provider, usage=usage) == Cost(dollars=dollars)


@installed
def test_a_price_is_that_of_the_day_of_the_call() -> None:
    before, after = (cost("o3", year=year) for year in (2025, 2026))
    assert before is not None
    assert after is not None
    assert (before.dollars, after.dollars) == (0.05, 0.01)


@installed
@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("mine", "openai"),
        ("", "openai"),
        (None, "openai"),
        ("gpt-4o", "ollama"),
        ("whisper-1", "openai"),
        ("x" * 9_999, None),
    ],
)
def test_what_it_does_not_know_has_no_cost(model: str | None, provider: str | None) -> None:
    assert cost(model, provider=provider) is None


@installed
def test_a_known_model_without_tokens_says_why() -> None:
    for usage in (Usage(), Usage(5, None), Usage(None, 5), Usage(10**30, 5)):
        assert cost("gpt-4o", usage=usage) == Cost(reason="no_tokens")
    embedding = cost("text-embedding-3-small", usage=Usage(1_000), operation="embeddings")
    assert embedding == Cost(dollars=0.00002)


def bill(prices: Mapping[str, Price] = PRICES, **attributes: Any) -> Cost:
    call = read_view(span(attributes=chat_attributes(**attributes))).call
    assert call is not None
    return bill_of(call, prices, nanoseconds(2025)).cost


def model(name: str) -> dict[str, Any]:
    return {"gen_ai.request.model": name, "gen_ai.response.model": name}


@installed
def test_who_is_asked_first() -> None:
    own = {**PRICES, "gpt-4o": Price(1, 1), "gpt-4": Price(1, 1)}
    assert bill(own, **model("gpt-4o"), **{"gen_ai.usage.cost": 0.25}).dollars == 0.25  # the span
    assert bill(own, **model("gpt-4o")).dollars == 0.007  # the user
    assert bill(own, **model("gpt-4")).dollars == 0.007
    assert bill(**model("gpt-3.5-turbo")).dollars == 0.0000125  # our table, whatever the name means later
    assert bill(**model("gpt-4o")).dollars == 0.0000475  # the catalogue
    assert bill(**model("mine")) == Cost(reason="unknown_model")
    assert bill(**{**model("gpt-4o"), "gen_ai.response.model": "mine"}).dollars == 0.0000475


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    _load.cache_clear()
    yield
    _load.cache_clear()


@pytest.mark.usefixtures("missing")
def test_without_the_package_later_models_are_unknown() -> None:
    assert cost("gpt-4o") is None
    assert bill(**model("gpt-4o")) == Cost(reason="unknown_model")
