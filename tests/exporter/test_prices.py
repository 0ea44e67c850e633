"""What a call cost, and why it is not known."""

import json
import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_wandb._costs.prices import PRICES, Cost, Images, Price, cost_of, read_prices


def cost(
    model: str | None, input_tokens: int | None = 1_000, output_tokens: int | None = 1_000, operation: str = "chat"
) -> Cost:
    return cost_of(
        model=model, input_tokens=input_tokens, output_tokens=output_tokens, operation=operation, prices=PRICES
    )


@pytest.mark.parametrize(
    ("models", "dollars"),
    [
        (("gpt-4", "gpt-4-0314", "gpt-4-0613"), 0.03 + 0.06),
        (("gpt-4-32k", "gpt-4-32k-0314", "gpt-4-32k-0613"), 0.06 + 0.12),
        (("gpt-4-1106-preview", "gpt-4-vision-preview", "gpt-4-1106-vision-preview"), 0.01 + 0.03),
        (("gpt-3.5-turbo", "gpt-3.5-turbo-0301", "gpt-3.5-turbo-0613"), 0.0015 + 0.002),
        (("gpt-35-turbo", "gpt-35-turbo-0301", "gpt-35-turbo-0613"), 0.0015 + 0.002),
        (("gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct-0914", "gpt-35-turbo-instruct"), 0.0015 + 0.002),
        (("gpt-3.5-turbo-16k", "gpt-3.5-turbo-16k-0613", "gpt-35-turbo-16k", "gpt-35-turbo-16k-0613"), 0.003 + 0.004),
        (("gpt-3.5-turbo-1106", "gpt-35-turbo-1106"), 0.001 + 0.002),
        (("davinci", "text-davinci-001", "text-davinci-002", "text-davinci-003"), 0.02 + 0.02),
        (("curie", "text-curie-001", "davinci-002"), 0.002 + 0.002),
        (("davinci-instruct-beta",), 0.02 + 0.02),
        (("curie-instruct-beta",), 0.002 + 0.002),
        (("text-davinci-edit-001", "code-davinci-edit-001", "code-davinci-002", "code-cushman-001"), 0.0),
        (("babbage", "text-babbage-001"), 0.0005 + 0.0005),
        (("ada", "text-ada-001", "babbage-002"), 0.0004 + 0.0004),
        (("ft:gpt-3.5-turbo-0613:org::8A1b2C3d", "ft:gpt-3.5-turbo-1106:org:name:id", "ft:gpt-3.5-turbo"), 0.009),
        (("ft:davinci-002:org::id",), 0.024),
        (("ft:babbage-002:org::id:ckpt-step-80",), 0.0032),
        (("davinci:ft-org-2023-06-01-10-00-00",), 0.24),
        (("curie:ft-org:name-2023-06-01-10-00-00", "curie:ft-personal-2023-02-03-04-05-06"), 0.024),
        (("babbage:ft-org-2023-06-01-10-00-00",), 0.0048),
        (("ada:ft-org-2023-06-01-10-00-00",), 0.0032),
    ],
)
def test_a_thousand_tokens_in_and_a_thousand_out(models: tuple[str, ...], dollars: float) -> None:
    assert {model: cost(model).dollars for model in models} == dict.fromkeys(models, pytest.approx(dollars))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (cost("gpt-4", 12, 3), Cost(dollars=0.00054)),
        (cost("gpt-3.5-turbo", 3, 0), Cost(dollars=0.0000045)),
        (cost("gpt-3.5-turbo", 0, 0), Cost(dollars=0.0)),
        (cost("text-embedding-ada-002-v2", 8, 0, "embeddings"), Cost(dollars=0.0000008)),
        (cost("text-embedding-ada-002", 1_000, None, "embeddings"), Cost(dollars=0.0001)),
        (cost("text-similarity-davinci-001", 1_000, None, "embeddings"), Cost(dollars=0.2)),
        (cost("text-moderation-006", None, None, "moderation"), Cost(dollars=0.0)),
        (cost("text-moderation-latest", 5, 0, "moderation"), Cost(dollars=0.0)),
    ],
)
def test_what_calls_cost(call: Cost, expected: Cost) -> None:
    assert call == expected


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (cost("gpt-4-turbo-unknown"), "unknown_model"),
        (cost("gpt-4o"), "unknown_model"),
        (cost("gpt-3.5-turbo-0125"), "unknown_model"),
        (cost("GPT-4"), "unknown_model"),
        (cost("my-deployment"), "unknown_model"),
        (cost(None), "unknown_model"),
        (cost(""), "unknown_model"),
        (cost("ft:gpt-4-0613:org::id"), "unknown_model"),
        (cost("ft:gpt-4"), "unknown_model"),
        (cost("ft:"), "unknown_model"),
        (cost("gpt-4:ft-org-2023-06-01"), "unknown_model"),
        (cost("gpt-35-turbo-0613.ft-0123456789abcdef"), "unknown_model"),  # Azure rents these by the hour
        (cost("curie:something"), "unknown_model"),
        (cost(":ft-org"), "unknown_model"),
        (cost("code-davinci-003"), "unknown_model"),
        (cost("gpt-4", None, None), "no_tokens"),
        (cost("gpt-4", 5, None), "no_tokens"),
        (cost("gpt-4", None, 5), "no_tokens"),
        (cost("gpt-4", -1, 5), "no_tokens"),
        (cost("gpt-4", 10**400, 5), "no_tokens"),
        (cost("text-embedding-ada-002", None, None, "embeddings"), "no_tokens"),
        (cost(None, None, None, "image_generation"), "billed_per_image"),
        (cost("dall-e-2", None, None, "image_edit"), "billed_per_image"),
        (cost("dall-e-3", 5, 5, "chat"), "billed_per_image"),
        (cost("whisper-1", None, None, "transcription"), "billed_per_minute"),
        (cost("whisper-1", 0, 0, "chat"), "billed_per_minute"),
    ],
)
def test_what_is_not_known_has_a_reason_and_is_never_nothing(call: Cost, reason: str) -> None:
    assert call == Cost(dollars=None, reason=reason)


COUNTS = st.none() | st.integers()


@given(
    st.none() | st.sampled_from(sorted(PRICES)) | st.text() | st.from_regex(r"(ft:)?[a-z0-9.-]*(:ft-?)?[a-z:]*"),
    COUNTS,
    COUNTS,
    st.sampled_from(["chat", "embeddings", "moderation", "image_generation", "transcription"]),
)
def test_exactly_one_of_dollars_and_reason(model: str | None, taken: int | None, given: int | None, kind: str) -> None:
    found = cost(model, taken, given, kind)
    assert (found.dollars is None) == (found.reason is not None)
    assert found.dollars is None or math.isfinite(found.dollars)
    assert found.dollars is None or found.dollars >= 0


@given(st.sampled_from(sorted(PRICES)), st.text(min_size=1))
def test_a_name_that_only_begins_like_a_known_one_is_unknown(model: str, rest: str) -> None:
    known = model + rest in PRICES or rest.startswith(":")
    assert known or cost(model + rest).reason == "unknown_model"


def test_a_fine_tuned_model_costs_more_than_the_one_it_was_made_from() -> None:
    fine_tuned = [model for model in PRICES if model.startswith("ft:")]
    assert len(fine_tuned) == 9
    assert all(PRICES[model].input > PRICES[model.removeprefix("ft:")].input for model in fine_tuned)


def test_only_moderation_edits_and_codex_are_free() -> None:
    free = {model for model, price in PRICES.items() if not price.input}
    assert free == {model for model in PRICES if model.startswith(("text-moderation-", "code-"))} | {
        "text-davinci-edit-001"
    }


@pytest.mark.parametrize(("model", "dollars"), [("code-davinci-002", 0.2), ("code-cushman-001", 0.048)])
def test_codex_was_free_but_on_azure(model: str, dollars: float) -> None:
    def on(provider: str, prices: Mapping[str, Price]) -> float | None:
        found = cost_of(
            model=model, input_tokens=1_000, output_tokens=1_000, operation="chat", prices=prices, provider=provider
        )
        return found.dollars

    assert (on("openai", PRICES), on("azure.ai.openai", PRICES)) == (0.0, dollars)
    assert on("azure.ai.openai", {**PRICES, model: Price(1, 1)}) == 2.0


@pytest.mark.parametrize(
    ("images", "model", "provider", "expected"),
    [
        (Images(2, "256x256"), None, "openai", Cost(dollars=0.032)),
        (Images(1, "512x512"), "dall-e-2", "openai", Cost(dollars=0.018)),
        (Images(3), None, "openai", Cost(dollars=0.06)),
        (Images(0), None, "openai", Cost(dollars=0.0)),
        (Images(1, "1024x1792"), None, "openai", Cost(reason="billed_per_image")),
        (Images(1), "dall-e-3", "openai", Cost(reason="billed_per_image")),
        (Images(1), None, "azure.ai.openai", Cost(reason="billed_per_image")),
        (Images(1), None, None, Cost(reason="billed_per_image")),
        (Images(-1), None, "openai", Cost(reason="billed_per_image")),
    ],
)
def test_images(images: Images, model: str | None, provider: str | None, expected: Cost) -> None:
    for operation in ("image_generation", "image_edit", "image_variation"):
        found = cost_of(
            model=model,
            input_tokens=None,
            output_tokens=None,
            operation=operation,
            prices=PRICES,
            provider=provider,
            images=images,
        )
        assert found == expected


def test_the_users_prices_go_before_ours() -> None:
    own = read_prices(
        '{"gpt-4": {"input": 1, "output": 2.5}, "my-model": {"input": 0, "output": 0},'
        ' "ft:gpt-4-0613": {"input": 0.5, "output": 0.5}, "dall-e-2": {"input": 1, "output": 0}}'
    )
    prices = {**PRICES, **own}
    dollars = {
        model: cost_of(model=model, input_tokens=1_000, output_tokens=1_000, operation="chat", prices=prices).dollars
        for model in ("gpt-4", "my-model", "ft:gpt-4-0613:org::id", "dall-e-2", "gpt-4-0613")
    }
    assert dollars == {
        "gpt-4": 3.5,
        "my-model": 0.0,
        "ft:gpt-4-0613:org::id": 1.0,
        "dall-e-2": 1.0,
        "gpt-4-0613": pytest.approx(0.09),
    }


def test_a_price_without_a_name_is_not_everybodys() -> None:
    prices = {"": Price(1, 1), "ft:": Price(1, 1)}
    found = cost_of(model="unknown", input_tokens=1, output_tokens=1, operation="chat", prices=prices)
    assert found.reason == "unknown_model"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the prices are not JSON: Expecting value"),
        ("{", "the prices are not JSON: Expecting property name"),
        ("[" * 100_000, "the prices are not JSON: "),
        ("[]", "the prices must be a JSON object, not list"),
        ("7", "the prices must be a JSON object, not 7"),
        ('{"m": 0.1}', "the price of 'm' must be exactly an input and an output"),
        ('{"m": [0.1, 0.2]}', "the price of 'm' must be exactly an input and an output"),
        ('{"m": {"input": 0.1}}', "the price of 'm' must be exactly an input and an output"),
        ('{"m": {"input": 1, "output": 1, "per": "1M"}}', "the price of 'm' must be exactly an input and an output"),
        ('{"m": {"input": "0.1", "output": 0.2}}', "the input price of 'm' must be a number of dollars, not '0.1'"),
        ('{"m": {"input": 0.1, "output": null}}', "the output price of 'm' must be a number of dollars, not None"),
        ('{"m": {"input": 0.1, "output": []}}', "the output price of 'm' must be a number of dollars, not list"),
        ('{"m": {"input": true, "output": 1}}', "the input price of 'm' must be a number of dollars, not True"),
        ('{"m": {"input": -1, "output": 1}}', "the input price of 'm' must be a number of dollars, not -1"),
        ('{"m": {"input": NaN, "output": 1}}', "the input price of 'm' must be a number of dollars, not nan"),
        ('{"m": {"input": 1e999, "output": 1}}', "the input price of 'm' must be a number of dollars, not inf"),
        (
            '{"m": {"input": 1' + "0" * 400 + ', "output": 1}}',
            "the input price of 'm' must be a number of dollars, not 10",
        ),
    ],
)
def test_prices_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        read_prices(text)
    assert str(raised.value).startswith(message)
    assert 'expected {"my-model": {"input": 0.001, "output": 0.002}, ...}' in str(raised.value)


MONEY = st.floats(0, 1_000_000) | st.integers(0, 1_000_000)


@given(st.dictionaries(st.text(), st.tuples(MONEY, MONEY)))
def test_prices_that_can_be_read(table: dict[str, tuple[float, float]]) -> None:
    text = json.dumps({model: {"input": row[0], "output": row[1]} for model, row in table.items()})
    assert read_prices(text) == {model: Price(*row) for model, row in table.items()}


@given(st.text() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_reading_fails_with_a_value_error_only(text: str) -> None:
    try:
        read_prices(text)
    except ValueError as error:
        assert "expected {" in str(error)  # noqa: PT017 - some texts can be read
