"""JSON that is always valid and always encodable."""

from __future__ import annotations

import json
import math
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_openai_v0._content.json import dumps, loads_strict

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates as well
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.binary() | st.complex_numbers()
) | st.builds(object)
KEYS = ANY_TEXT | st.integers() | st.booleans() | st.none() | st.tuples(st.integers()) | st.floats(allow_nan=False)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=4)
    finite = KEYS.filter(lambda key: not isinstance(key, float) or math.isfinite(key))
    return lists | lists.map(tuple) | st.dictionaries(finite, inner, max_size=4) | st.sets(st.integers(), max_size=3)


def parsed(value: Any) -> Any:
    text = dumps(value)
    text.encode()
    return loads_strict(text)


@given(st.recursive(SCALARS, nested, max_leaves=20))
def test_any_value_becomes_valid_json(value: Any) -> None:
    parsed(value)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_what_is_json_is_kept(value: Any) -> None:
    assert parsed(value) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Köln 🙂", '"Köln 🙂"'),
        ("\ud83d", '"\\ud83d"'),
        ({"a": [1, None, True]}, '{"a":[1,null,true]}'),
        ([math.nan, math.inf, -math.inf, 1.5], '["nan","inf","-inf",1.5]'),
        ({"a": (math.nan,), "b": "é"}, '{"a":["nan"],"b":"é"}'),
        ([math.nan, "\udfff"], '["nan","\\udfff"]'),
        ({1: "a", (1,): "b"}, '{"1":"a"}'),
        (b"secret", '"<bytes>"'),
        ([{1}], '["<set>"]'),
    ],
)
def test_what_is_not_json_is_described(value: Any, expected: str) -> None:
    assert dumps(value) == expected


@pytest.mark.parametrize("key", [math.nan, math.inf])
def test_a_key_that_is_no_number_is_no_fault(key: float) -> None:
    assert len(parsed({key: 1, "a": 2})) >= 1


def test_a_list_in_itself_is_no_fault() -> None:
    value: list[Any] = [1]
    value.append(value)
    parsed(value)


def test_a_number_too_long_to_print_is_no_fault() -> None:
    parsed([10**5000])


def test_what_openai_returns_is_json() -> None:
    answer = openai.openai_object.OpenAIObject.construct_from({"a": [{"b": math.inf}]})
    assert dumps(answer) == '{"a":[{"b":"inf"}]}'


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a":-Infinity}', "{", ""])
def test_what_the_standard_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        loads_strict(text)
