"""Finds the prices of later models in the optional package `genai-prices`. Works offline, with the package's data.

Its prices have a start date and a provider. A model of a provider that it does not know has no price, even if it knows
the name.
"""

import importlib
from datetime import datetime, timezone
from functools import cache
from types import ModuleType
from typing import Any, Final

from otel_wandb._costs.prices import NO_TOKENS, Cost, is_count
from otel_wandb._genai.model_call import Usage

_PROVIDERS: Final = {"x_ai": "x-ai"}  # the conventions' names that the package does not know, and its own


def catalogue_cost(
    *, model: str | None, provider: str | None, operation: str, usage: Usage, start_ns: int
) -> Cost | None:
    """The cost of one call at the time of the call; None without the package, or for an unknown model."""
    package = _load()
    if package is None or not model:
        return None
    output = usage.output or 0 if operation == "embeddings" else usage.output
    is_said = is_count(usage.input) and is_count(output)
    counts = _counts(usage.input or 0, output or 0, usage) if is_said else {"input_tokens": 1, "output_tokens": 1}
    dollars = _dollars(package, counts, model, provider, start_ns)
    if not dollars:  # a model that is billed by other units than tokens
        return None if any(counts.values()) or dollars is None else Cost(dollars=0.0)
    return Cost(dollars=round(dollars, 12)) if is_said else Cost(reason=NO_TOKENS)


@cache
def _load() -> ModuleType | None:
    """The package; None if it is not installed. Importing it takes half a second once, and 30 MB."""
    try:
        return importlib.import_module("genai_prices")
    except ImportError:
        return None


def _counts(given: int, gave: int, usage: Usage) -> dict[str, int]:
    """The usage as the package takes it. Cached tokens are part of the input, and never more than it."""
    read = min(usage.cache_read or 0, given)
    return {
        "input_tokens": given,
        "output_tokens": gave,
        "cache_read_tokens": read,
        "cache_write_tokens": min(usage.cache_write or 0, given - read),
    }


def _dollars(package: Any, counts: dict[str, int], model: str, provider: str | None, start_ns: int) -> float | None:
    try:
        found = package.calc_price(
            package.Usage(**counts),
            model,
            provider_id=_PROVIDERS.get(provider or "", provider),
            genai_request_timestamp=datetime.fromtimestamp(start_ns / 1e9, tz=timezone.utc),
        )
        return float(found.total_price)
    except (LookupError, ValueError, ArithmeticError):
        return None
