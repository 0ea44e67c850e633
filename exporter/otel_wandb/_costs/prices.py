"""Computes the cost of a call by the published prices of one day: dollars, or the reason why it is unknown. Pure.

The day is the release of openai 1.0, the successor of 0.28. Prices that had just changed are the new ones: fine-tuned
gpt-3.5-turbo went from 0.012/0.016 to 0.003/0.006. gpt-3.5-turbo-1106 was released for 0.001/0.002, while the name
gpt-3.5-turbo still meant -0613.

The other prices are from OpenAI's announcements of 2022-09-01 (base models and first embeddings), 2023-06-13 (chat) and
2023-08-22 (fine-tuning), and from its model page (DALL-E 2). The instruct betas cost the same as their base models.
Edits were free in beta, and stayed in beta until their end was announced on 2023-07-06. Codex was free in beta too, as
OpenAI's mail of 2023-03-21 about its end says, but Azure's list had prices for it. No price was published for a
fine-tuned gpt-4-0613, which was an experiment by invitation.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for 1,000 tokens."""

    input: float
    output: float
    on_azure: "Price | None" = None
    """Azure's price, if it differs."""


@dataclass(frozen=True, slots=True)
class Images:
    """The images made by one call. The size is the requested one; None means the API's default."""

    count: int
    size: str | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars, or the reason why the cost is unknown. Exactly one of them is set."""

    dollars: float | None = None
    reason: str | None = None


UNKNOWN_MODEL: Final = "unknown_model"
NO_TOKENS: Final = "no_tokens"
PER_IMAGE: Final = "billed_per_image"
PER_MINUTE: Final = "billed_per_minute"

PRICES_AS_OF: Final = "2023-11-06"
_EXPECTED: Final = (
    'expected {"my-model": {"input": 0.001, "output": 0.002}, ...} in US dollars for 1,000 tokens, 0 if free'
)
_FREE: Final = Price(0, 0)
_CODEX: Final = Price(0, 0, on_azure=Price(0.1, 0.1))
_CUSHMAN: Final = Price(0, 0, on_azure=Price(0.024, 0.024))
_MOST_TOKENS: Final = 2**63  # no call has more; a much larger integer cannot become a float
_MOST_DOLLARS: Final = 1_000_000

# The key of a fine-tuned model is "ft:" and its base model, for both spellings of its name.
PRICES: Final[Mapping[str, Price]] = MappingProxyType(
    {
        "gpt-4": Price(0.03, 0.06),
        "gpt-4-0314": Price(0.03, 0.06),
        "gpt-4-0613": Price(0.03, 0.06),
        "gpt-4-32k": Price(0.06, 0.12),
        "gpt-4-32k-0314": Price(0.06, 0.12),
        "gpt-4-32k-0613": Price(0.06, 0.12),
        "gpt-4-1106-preview": Price(0.01, 0.03),
        "gpt-4-vision-preview": Price(0.01, 0.03),
        "gpt-4-1106-vision-preview": Price(0.01, 0.03),
        "gpt-3.5-turbo": Price(0.0015, 0.002),
        "gpt-3.5-turbo-0301": Price(0.0015, 0.002),
        "gpt-3.5-turbo-0613": Price(0.0015, 0.002),
        "gpt-3.5-turbo-1106": Price(0.001, 0.002),
        "gpt-3.5-turbo-16k": Price(0.003, 0.004),
        "gpt-3.5-turbo-16k-0613": Price(0.003, 0.004),
        "gpt-3.5-turbo-instruct": Price(0.0015, 0.002),
        "gpt-3.5-turbo-instruct-0914": Price(0.0015, 0.002),
        # Azure's spelling.
        "gpt-35-turbo": Price(0.0015, 0.002),
        "gpt-35-turbo-0301": Price(0.0015, 0.002),
        "gpt-35-turbo-0613": Price(0.0015, 0.002),
        "gpt-35-turbo-1106": Price(0.001, 0.002),
        "gpt-35-turbo-16k": Price(0.003, 0.004),
        "gpt-35-turbo-16k-0613": Price(0.003, 0.004),
        "gpt-35-turbo-instruct": Price(0.0015, 0.002),
        "gpt-35-turbo-instruct-0914": Price(0.0015, 0.002),
        "davinci-002": Price(0.002, 0.002),
        "babbage-002": Price(0.0004, 0.0004),
        "text-davinci-003": Price(0.02, 0.02),
        "text-davinci-002": Price(0.02, 0.02),
        "text-davinci-001": Price(0.02, 0.02),
        "text-curie-001": Price(0.002, 0.002),
        "text-babbage-001": Price(0.0005, 0.0005),
        "text-ada-001": Price(0.0004, 0.0004),
        "davinci": Price(0.02, 0.02),
        "curie": Price(0.002, 0.002),
        "davinci-instruct-beta": Price(0.02, 0.02),
        "curie-instruct-beta": Price(0.002, 0.002),
        "text-davinci-edit-001": _FREE,
        "code-davinci-edit-001": _FREE,
        "code-davinci-002": _CODEX,
        "code-davinci-001": _CODEX,
        "code-cushman-002": _CUSHMAN,
        "code-cushman-001": _CUSHMAN,
        "babbage": Price(0.0005, 0.0005),
        "ada": Price(0.0004, 0.0004),
        "ft:gpt-3.5-turbo": Price(0.003, 0.006),
        "ft:gpt-3.5-turbo-0613": Price(0.003, 0.006),
        "ft:gpt-3.5-turbo-1106": Price(0.003, 0.006),
        "ft:davinci-002": Price(0.012, 0.012),
        "ft:babbage-002": Price(0.0016, 0.0016),
        "ft:davinci": Price(0.12, 0.12),
        "ft:curie": Price(0.012, 0.012),
        "ft:babbage": Price(0.0024, 0.0024),
        "ft:ada": Price(0.0016, 0.0016),
        "text-embedding-ada-002": Price(0.0001, 0),
        "text-embedding-ada-002-v2": Price(0.0001, 0),  # as the response names it
        # The first embeddings. One of them is the default of `embeddings_utils` in openai 0.28.
        "text-similarity-davinci-001": Price(0.2, 0),
        "text-similarity-curie-001": Price(0.02, 0),
        "text-similarity-babbage-001": Price(0.005, 0),
        "text-similarity-ada-001": Price(0.004, 0),
        "text-search-davinci-doc-001": Price(0.2, 0),
        "text-search-davinci-query-001": Price(0.2, 0),
        "text-search-curie-doc-001": Price(0.02, 0),
        "text-search-curie-query-001": Price(0.02, 0),
        "text-search-babbage-doc-001": Price(0.005, 0),
        "text-search-babbage-query-001": Price(0.005, 0),
        "text-search-ada-doc-001": Price(0.004, 0),
        "text-search-ada-query-001": Price(0.004, 0),
        "text-moderation-latest": _FREE,
        "text-moderation-stable": _FREE,
        "text-moderation-001": _FREE,
        "text-moderation-004": _FREE,
        "text-moderation-005": _FREE,
        "text-moderation-006": _FREE,
        "text-moderation-007": _FREE,
    }
)

# Dollars for an image of DALL-E 2, the default model. The price of DALL-E 3 depends on its quality, which no span has.
_IMAGE_PRICES: Final[Mapping[str, float]] = {"256x256": 0.016, "512x512": 0.018, "1024x1024": 0.02}
_DEFAULT_SIZE: Final = "1024x1024"
_AZURE: Final = "azure.ai.openai"

# By operation, and by model for spans with another operation.
_OTHER_UNITS: Final[Mapping[str, str]] = {
    "image_generation": PER_IMAGE,
    "image_edit": PER_IMAGE,
    "image_variation": PER_IMAGE,
    "dall-e-2": PER_IMAGE,
    "dall-e-3": PER_IMAGE,
    "transcription": PER_MINUTE,
    "translation": PER_MINUTE,
    "whisper-1": PER_MINUTE,
}


def cost_of(
    *,
    model: str | None,
    input_tokens: int | None,
    output_tokens: int | None,
    operation: str,
    prices: Mapping[str, Price],
    provider: str | None = None,
    images: Images | None = None,
) -> Cost:
    """The cost of one call. It is 0 only for a free model, never if it is unknown."""
    price = _price_of(model or "", prices)
    if price is None:
        unit = _OTHER_UNITS.get(operation) or _OTHER_UNITS.get(model or "", UNKNOWN_MODEL)
        return _cost_of_images(images, model, provider) if unit == PER_IMAGE and images else Cost(reason=unit)
    if price.on_azure is not None and provider == _AZURE:
        price = price.on_azure
    if operation == "embeddings":
        output_tokens = output_tokens or 0
    counts = ((input_tokens, price.input), (output_tokens, price.output))
    billed = [(tokens, price_of_1000) for tokens, price_of_1000 in counts if price_of_1000]
    if not all(is_count(tokens) for tokens, _ in billed):
        return Cost(reason=NO_TOKENS)
    return Cost(dollars=round(sum((tokens or 0) * price_of_1000 for tokens, price_of_1000 in billed) / 1_000, 12))


def read_prices(text: str) -> Mapping[str, Price]:
    """Read the user's prices, which are merged over `PRICES`: `{"my-model": {"input": 0.001, "output": 0.002}}`."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the prices are not JSON: {error}; {_EXPECTED}") from error
    if not isinstance(found, dict):
        raise ValueError(  # noqa: TRY004 - it is the text that is wrong
            f"the prices must be a JSON object, not {_kind(found)}; {_EXPECTED}"
        )
    return {model: Price(_dollars(model, row, "input"), _dollars(model, row, "output")) for model, row in found.items()}


def _price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """The price of exactly this name. A model whose name only begins like a known one may have any price."""
    return prices.get(model) or prices.get(_fine_tuned_from(model))


def _fine_tuned_from(model: str) -> str:
    """`ft:BASE` for `ft:BASE:org:name:id` and for the older `BASE:ft-org-date`. Any other name unchanged."""
    first, _, rest = model.partition(":")
    if first == "ft":
        return f"ft:{rest.partition(':')[0]}"
    return f"ft:{first}" if rest.startswith("ft-") else model


def _cost_of_images(images: Images, model: str | None, provider: str | None) -> Cost:
    price = _IMAGE_PRICES.get(images.size or _DEFAULT_SIZE)
    if price is None or provider != "openai" or model not in {None, "dall-e-2"} or not is_count(images.count):
        return Cost(reason=PER_IMAGE)
    return Cost(dollars=round(images.count * price, 12))


def is_count(tokens: int | None) -> bool:
    """Whether it is a possible number of tokens."""
    return tokens is not None and 0 <= tokens < _MOST_TOKENS


def _dollars(model: str, row: Any, side: str) -> float:
    if not isinstance(row, dict) or set(row) != {"input", "output"}:
        raise ValueError(f"the price of {model!r} must be exactly an input and an output; {_EXPECTED}")
    value = row[side]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MOST_DOLLARS:
        raise ValueError(f"the {side} price of {model!r} must be a number of dollars, not {_kind(value)}; {_EXPECTED}")
    return float(value)


def _kind(value: Any) -> str:
    return repr(value)[:40] if isinstance(value, (int, float, str, bool, type(None))) else type(value).__name__
