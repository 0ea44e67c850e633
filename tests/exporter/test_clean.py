"""Values that wandb cannot take become values that it can."""

import json
import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_wandb._spans.clean import clean, clean_text

FOREIGN = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.binary(max_size=20),
        st.text(st.characters(codec=None, exclude_categories=()), max_size=20),
        st.just(object()),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.tuples(inner), st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(FOREIGN)
def test_any_value_becomes_json_that_can_be_sent(value: Any) -> None:
    text = json.dumps(clean(value), allow_nan=False, ensure_ascii=False)
    assert json.loads(text.encode()) == clean(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.inf, "inf"),
        (b"\xff\x00", "<2 bytes>"),
        ("a\ud800b", "a?b"),
        (2**63 - 1, 2**63 - 1),
        (2**64, str(2**64)),
        pytest.param(10**9_999, "<integer of 33216 bits>", id="more digits than str() takes"),
        (MappingProxyType({"a": (1, 2)}), {"a": [1, 2]}),
        ({1: "x", None: "y"}, {"1": "x", "None": "y"}),
        (True, True),
    ],
)
def test_values_that_wandb_refuses(value: object, expected: object) -> None:
    assert clean(value) == expected


def test_a_text_is_cut_with_a_note() -> None:
    assert clean_text("x" * 12, longest=10) == "x" * 10 + "… [2 characters cut]"


def test_a_long_list_says_how_much_is_missing() -> None:
    cleaned = clean(list(range(1_005)))
    assert isinstance(cleaned, list)
    assert cleaned[-2:] == [999, "… 5 more"]


def test_a_large_mapping_says_how_much_is_missing() -> None:
    cleaned = clean({str(key): key for key in range(1_005)})
    assert isinstance(cleaned, dict)
    assert (len(cleaned), cleaned["…"]) == (1_001, "5 more")


def _list_in_itself() -> Any:
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


def _deep() -> Any:
    value: Any = 1
    for _ in range(2_000):
        value = {"a": value}
    return value


@pytest.mark.parametrize("make", [_list_in_itself, _deep])
def test_cycles_and_depth_end(make: Callable[[], Any]) -> None:
    text = json.dumps(clean(make()))
    assert text.count("<list>") + text.count("<dict>") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key sk-canary-0123456789.", "key [scrubbed]."),
        ("key sk-proj-a***********wxyz.", "key [scrubbed]."),
        (
            "sk-learn-style, sk-Latn-SK, sk-a-word-with-many-hyphens",
            "sk-learn-style, sk-Latn-SK, sk-a-word-with-many-hyphens",
        ),
    ],
)
def test_keys_are_scrubbed_and_words_are_not(text: str, expected: str) -> None:
    assert clean_text(text) == expected
