"""No attribute, whatever its value, keeps a span from having a view, a node and a row."""

import json
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from otel_wandb._genai.dialects import INDEX, ROWS
from otel_wandb._genai.view import read_view
from otel_wandb._records.tables import STATS_COLUMNS
from otel_wandb._spans.span import EventRecord
from tests.exporter.spans import span, stats_of, timeline, trace

_MEMBERS: Final = (".0.role", ".7.role", ".0.message.content", ".7.message", ".3", ".0.tool_calls.1.name", ".x")
KEYS: Final = sorted(
    {key.removesuffix(INDEX) for key in ROWS} | {key.replace(INDEX, member) for key in ROWS for member in _MEMBERS}
)
WORDS: Final = (
    "chat",
    "LLM",
    "generation",
    "tool",
    "user",
    "2026",
    "[",
    '{"messages": [{"role"',
    "\ud800",
    "[" * 5_000,
)
LEAVES: Final = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(WORDS)
HUGE: Final = st.builds(pow, st.just(10), st.integers(4_999, 5_000))  # more digits than Python prints
NAMES: Final = st.text(max_size=5) | st.sampled_from(
    (
        *("role", "content", "parts", "type", "text", "message", "messages", "tool_calls", "function", "image_url"),
        *("choices", "data", "name", "prompt", "event.name", "body"),
    )
)
EVENT_NAMES: Final = ("gen_ai.user.message", "gen_ai.choice", "gen_ai.client.inference.operation.details", "exception")


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=4).map(tuple)
            | st.dictionaries(NAMES, inner, max_size=4)
            | st.dictionaries(NAMES, inner, max_size=4).map(MappingProxyType)
        ),
        max_leaves=12,
    )


JSON: Final = nested(LEAVES).map(lambda value: json.dumps(value, default=dict))
VALUES: Final = nested(LEAVES | HUGE | st.binary(max_size=8)) | JSON
ATTRIBUTES: Final = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=9), VALUES, max_size=12)
EVENTS: Final = st.lists(
    st.builds(EventRecord, st.sampled_from(EVENT_NAMES), st.integers(0, 2**63), ATTRIBUTES, VALUES), max_size=3
)


@given(ATTRIBUTES, EVENTS)
def test_any_attributes_give_a_view_a_node_and_a_row(attributes: dict[str, Any], events: list[EventRecord]) -> None:
    record = replace(span(attributes=attributes), logs=tuple(events))
    found = read_view(record)
    tree = timeline(trace(record), 1_000)
    assert tree.root.kind is found.kind
    json.dumps([[result.inputs for result in tree.root.results], tree.root.attributes], allow_nan=False)
    if tree.read.calls:
        row = stats_of(record)
        for column in STATS_COLUMNS:
            cell = row[column.name]
            assert cell is None or isinstance(cell, column.type), column.name
