"""Foreign values become Python's own."""

from enum import IntEnum
from types import MappingProxyType
from typing import Any

import pytest

from otel_wandb._spans.plain import plain, plain_mapping, plain_text
from tests.exporter.any_spans import ODD, Broken, Elusive, Unprintable, cycle, deep


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise ValueError("mine")


class Number(IntEnum):
    FIVE = 5


class Real(float):
    __slots__ = ()


def types_in(value: Any) -> set[type]:
    below = [*value, *value.values()] if type(value) is dict else value if type(value) is tuple else ()
    return {type(value)}.union(*map(types_in, below))


@pytest.mark.parametrize("number", range(len(ODD)))
def test_any_value_is_taken_over(number: int) -> None:
    found = plain(ODD[number])
    assert types_in(found) <= {str, int, float, bool, bytes, type(None), tuple, dict}
    assert plain(found) == found or found != found  # noqa: PLR0124  # NaN


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Text("a"), "a"),
        (Number.FIVE, 5),
        (Real(1.5), 1.5),
        (bytearray(b"a"), b"a"),
        (MappingProxyType({1: [Text("a")], None: {"b"}}), {"1": ("a",), "": ("b",)}),
        (
            [Broken(), Elusive(), Unprintable(), print],
            ("<Broken>", "<Elusive>", "<Unprintable>", "<builtin_function_or_method>"),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_known_keeps_its_value(value: Any, expected: Any) -> None:
    found = plain(value)
    assert found == expected
    assert types_in(found) == types_in(expected)


def test_what_has_no_end_is_cut() -> None:
    assert str(plain(cycle(1_000))).count("more") < 20_000
    assert "<list>" in str(plain(deep(3_000))) or "<dict>" in str(plain(deep(3_000)))


def test_attributes_have_names_and_do_not_cost_each_other() -> None:
    found = plain_mapping({"many": [0.5] * 30_000, 5: 1, b"k": 2, "tokens": 3})
    assert (len(found["many"]), found["5"], found["<1 bytes>"], found["tokens"]) == (20_000, 1, 2, 3)
    assert plain_mapping(Broken()) == plain_mapping(None) == plain_mapping(Elusive()) == {}


def test_a_name_is_a_text() -> None:
    assert [plain_text(name) for name in (None, "a", 5, Text("b"), Unprintable())] == [
        "",
        "a",
        "5",
        "b",
        "<Unprintable>",
    ]
