"""What of a trace is kept."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_wandb._settings import Keep, checked_keep
from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.selection import KEEPS, select
from tests.exporter.spans import chat_attributes, span, trace

LLM = chat_attributes()
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f"}
AGENT = {"gen_ai.operation.name": "invoke_agent"}


def kept(*spans: SpanRecord, keep: Keep = "llm") -> list[str]:
    found = select(trace(*spans), keep if callable(keep) else KEEPS[keep])
    return [] if found is None else sorted(one.span_id for one in found.spans)


@pytest.mark.parametrize("attributes", [LLM, TOOL, AGENT], ids=["llm", "tool", "agent"])
def test_a_wanted_span_brings_what_is_above_it_and_nothing_else(attributes: dict[str, str]) -> None:
    spans = [
        span("root", name="GET /"),
        span("chain", "root"),
        span("call", "chain", attributes=attributes),
        span("http", "call", name="POST", attributes={"http.request.method": "POST"}),
        span("db", "root", attributes={"db.system": "postgresql"}),
    ]
    assert kept(*spans) == ["call", "chain", "root"]
    assert kept(*spans, keep="all") == ["call", "chain", "db", "http", "root"]
    assert kept(*spans, keep=lambda one: one.span_id == "db") == ["db", "root"]


def test_what_asks_no_model_is_kept_above_a_call_only() -> None:
    management = {"openai.operation.name": "list", "openai.resource.type": "models", "gen_ai.provider.name": "openai"}
    assert kept(span("list", attributes=management)) == []
    assert kept(span("list", attributes=management), keep="all") == ["list"]
    assert kept(span("list", attributes=management), span("call", "list", attributes=LLM)) == ["call", "list"]
    assert kept(span("call", attributes=LLM), span("list", "call", attributes=management)) == ["call"]


def test_a_trace_without_one_is_not_kept() -> None:
    assert kept(span("root", name="GET /health"), span("db", "root", attributes={"db.system": "redis"})) == []
    assert kept(span("root", name="GET /health"), keep="all") == ["root"]


def test_a_whole_trace_is_the_very_trace() -> None:
    whole = trace(span("root"), span("call", "root", attributes=LLM))
    assert select(whole, KEEPS["llm"]) is whole


@pytest.mark.parametrize("keep", ["LLM", ""])
def test_what_is_no_choice_is_refused(keep: str) -> None:
    with pytest.raises(ValueError, match="is none of 'llm', 'all' and a function of a span"):
        checked_keep(keep)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.none() | st.integers(0, 9), st.booleans()), min_size=1, max_size=10))
def test_what_is_kept_is_closed_upwards_whatever_the_tree(parents: list[tuple[int | None, bool]]) -> None:
    """Parents may be missing, or each other's."""
    spans = [span(str(number), None if up is None else str(up)) for number, (up, _) in enumerate(parents)]
    wanted = {str(number) for number, (_, is_wanted) in enumerate(parents) if is_wanted}
    is_wanted: Callable[[SpanRecord], bool] = lambda one: one.span_id in wanted  # noqa: E731
    found = select(trace(*spans), is_wanted)
    ids = set() if found is None else {one.span_id for one in found.spans}
    known = {one.span_id for one in spans}
    assert wanted <= ids
    above = {one.parent_id for one in spans if one.span_id in ids and one.parent_id in known}
    assert above <= ids
    needed = wanted | {one.parent_id for one in spans if one.span_id in ids}
    assert ids <= needed
