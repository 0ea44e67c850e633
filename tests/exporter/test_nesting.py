"""One call with several spans is one row and counted once; two calls are two."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from otel_wandb._genai.model_call import Kind, Usage
from otel_wandb._records.timeline import Timeline
from otel_wandb._spans.span import SpanRecord
from tests.exporter.spans import chat_attributes, messages, span, timeline, trace
from tests.exporter.test_dialects import RECORDED, spans_of

TOOL: Final = {"gen_ai.operation.name": "execute_tool"}
AGENT: Final = {"gen_ai.operation.name": "invoke_agent"}


def call(given: int | None = 3, gave: int | None = 4, **more: Any) -> Mapping[str, Any]:
    """A chat without an id."""
    said = {"gen_ai.usage.input_tokens": given, "gen_ai.usage.output_tokens": gave, "gen_ai.response.id": None, **more}
    return {key: value for key, value in {**chat_attributes(), **said}.items() if value is not None}


def of_id(response_id: str, given: int | None = 3, gave: int | None = 4, **more: Any) -> Mapping[str, Any]:
    return call(given, gave, **{"gen_ai.response.id": response_id, **more})


def of_model(model: str, given: int = 3, gave: int = 4) -> Mapping[str, Any]:
    return call(given, gave, **{"gen_ai.request.model": model, "gen_ai.response.model": model})


EMBEDDING: Final = call(3, None, **{"gen_ai.operation.name": "embeddings"})


def tree_of(*nested: Any) -> Timeline:
    """A trace of nested `(attributes, *below)`, with ids "0", "0.0", "0.1" and so on, one inside the other in time."""

    def spans(found: Any, span_id: str, parent: str | None, start: float, end: float) -> list[SpanRecord]:
        attributes, *below = found
        width = (end - start - 2) / max(len(below), 1)
        inside = [
            spans(one, f"{span_id}.{number}", span_id, start + 1 + number * width, start + 1 + (number + 1) * width)
            for number, one in enumerate(below)
        ]
        own = span(span_id, parent, name=f"span {span_id}", start=start, end=end, attributes=attributes)
        return [own, *itertools.chain(*inside)]

    return timeline(trace(*spans(({}, *nested), "0", None, 0, 10_000)), 1_000)


def called(tree: Timeline) -> list[str]:
    return [record.span_id for record, _ in tree.read.calls]


def kinds(tree: Timeline) -> dict[str, Kind]:
    waiting, found = [tree.root], {}
    while waiting:
        node = waiting.pop()
        found[node.span_id] = node.kind
        waiting += node.children
    return found


SAME: Final[Mapping[str, tuple[list[Any], list[str]]]] = {
    "around one": ([(call(), (call(),))], ["0.0.0"]),
    "three": ([(call(), (call(), (call(),)))], ["0.0.0.0"]),
    "with a step between": ([(call(), ({}, (call(),)))], ["0.0.0.0"]),
    "without tokens": ([(call(None, None), (call(),))], ["0.0.0"]),
    "by id, whatever the tokens": ([(of_id("a", 9, 9), (of_id("a"),))], ["0.0.0"]),
    "by id, below an agent": ([(of_id("a", 9, 9), (AGENT, (of_id("a"),)))], ["0.0.0.0"]),
    "an alias": ([(of_model("mine"), (of_model("gpt-4"),))], ["0.0.0"]),
    "counted otherwise": ([(call(30, 4), (call(3, 4),))], ["0.0.0"]),
    "the sum of two": ([(of_id("run", 6, 8), (of_id("a"), ), (of_id("b"),))], ["0.0.0", "0.0.1"]),
    "the sum, with a tool's": ([(of_id("run", 6, 8), (of_id("a"),), (TOOL, (of_id("b"),)))], ["0.0.0", "0.0.1.0"]),
    "a first attempt that failed": ([(of_id("b"), (call(None, None),), (of_id("b"),))], ["0.0.0", "0.0.1"]),
    "two attempts, of which the last counts": ([(call(3, 4), (call(1, 1),), (call(3, 4),))], ["0.0.0", "0.0.1"]),
    "an agent that is called a model": ([(call(None, None), (call(),), (TOOL, (call(),)))], ["0.0.0", "0.0.1.0"]),
    "embeddings": ([(EMBEDDING, (EMBEDDING,))], ["0.0.0"]),
}  # fmt: skip
OTHER: Final[Mapping[str, tuple[list[Any], list[str]]]] = {
    "beside": ([(call(),), (call(),)], ["0.0", "0.1"]),
    "an id of its own": ([(of_id("a", 9, 9), (of_id("b"),))], ["0.0", "0.0.0"]),
    "a model of its own": ([(of_model("gpt-4", 9, 9), (of_model("gpt-3.5-turbo"),))], ["0.0", "0.0.0"]),
    "in a tool": ([(call(9, 9), (TOOL, (call(),)))], ["0.0", "0.0.0.0"]),
    "in a tool, without tokens": ([(call(None, None), (TOOL, (call(),)))], ["0.0", "0.0.0.0"]),
    "in an agent": ([(call(9, 9), (AGENT, ({}, (call(),))))], ["0.0", "0.0.0.0.0"]),
    "an embedding": ([(call(), (EMBEDDING,))], ["0.0", "0.0.0"]),
    "an embedding and itself": ([(call(), (EMBEDDING,), (call(),))], ["0.0.0", "0.0.1"]),
}


@pytest.mark.parametrize("case", [*SAME, *OTHER])
def test_the_innermost_is_the_call(case: str) -> None:
    nested, expected = {**SAME, **OTHER}[case]
    tree = tree_of(*nested)
    assert called(tree) == expected
    shown = kinds(tree)
    assert {key for key, kind in shown.items() if kind is Kind.LLM} == set(expected)


def test_tokens_and_cost_are_counted_once() -> None:
    tree = tree_of((of_id("run", 6, 8), (call(), (call(),)), (call(), (call(),))))
    assert [bill.usage for bill in tree.read.bills] == [Usage(3, 4, total=7)] * 2
    assert [bill.cost.dollars for bill in tree.read.bills] == [0.0000125] * 2


def test_a_step_keeps_what_it_was_given_and_gave() -> None:
    more: dict[str, Any] = {"gen_ai.output.messages": '[{"role": "assistant", "content": "parsed"}]'}
    (node,) = tree_of((call(**more), (call(),))).root.children
    (result,) = node.results
    assert (result.inputs, result.outputs) == ({"input": "**user**: hi"}, {"output": "**assistant**: parsed"})
    assert node.children[0].results[0].outputs == {"response": "**assistant**: hello"}


def test_a_call_takes_over_what_only_a_span_around_it_says() -> None:
    outermost: dict[str, Any] = {"user.id": "far", "session.id": "s", "openai.call.tags": ("t",)}
    near: dict[str, Any] = {"user.id": "near", "gen_ai.usage.cost": 0.5}
    tree = tree_of((call(**outermost), (call(**near), (call(None, None),))))
    ((_, found),) = tree.read.calls
    assert (found.user, found.session, found.tags) == ("near", "s", ("t",))
    assert (found.usage, found.cost) == (Usage(3, 4, total=7), 0.5)


def test_tokens_of_several_calls_are_those_of_none() -> None:
    tree = tree_of((call(9, 9, **{"user.id": "u", "gen_ai.usage.cost": 0.5}), (call(None, None),), (call(None, None),)))
    assert [(found.user, found.usage, found.cost) for _, found in tree.read.calls] == [("u", Usage(), None)] * 2


def in_time(*given: tuple[str, str, float, float, Mapping[str, Any]]) -> list[str]:
    """The calls among `(id, scope, start, end, attributes)` below one span."""
    spans = [
        replace(span(span_id, "root", start=start, end=end, attributes=attributes), scope=scope)
        for span_id, scope, start, end, attributes in given
    ]
    return called(timeline(trace(span("root", end=1_000), *spans), 1_000))


@pytest.mark.parametrize("attributes", [of_id("a"), call()])
def test_a_span_of_callbacks_is_around_a_call_in_time_only(attributes: Mapping[str, Any]) -> None:
    around = ("framework", "langchain", 0, 50, attributes)
    assert in_time(around, ("call", "ours", 10, 40, attributes)) == ["call"]
    assert in_time(around, ("other", "langchain", 10, 40, attributes)) == ["framework", "other"]
    assert in_time(around, ("later", "ours", 40, 60, attributes)) == ["framework", "later"]
    assert in_time(around, ("call", "ours", 10, 40, {**attributes, "gen_ai.operation.name": "embeddings"})) == [
        "framework",
        "call",
    ]


def test_several_frameworks_of_callbacks_are_around_one_call() -> None:
    given = [("b", "two", 1, 49, call()), ("a", "one", 0, 50, call()), ("call", "ours", 10, 40, call())]
    assert in_time(*given) == ["call"]


def test_calls_side_by_side_each_have_their_own_span_of_callbacks() -> None:
    given = [
        spans
        for number in range(20)
        for spans in (
            (f"around {number}", "langchain", number / 10, 100 - number / 10, call()),
            (f"call {number}", "ours", 10 + number / 10, 90 - number / 10, call()),
        )
    ]
    assert sorted(in_time(*given)) == sorted(f"call {number}" for number in range(20))


def test_calls_that_overlap_are_told_apart_by_who_can_be_within_whom() -> None:
    """The span of callbacks that lasts longest has but one call that it can be around, and others want that too."""
    given = [
        ("around a", "langchain", 0, 60, call()),
        ("around b", "langchain", 5, 90, call()),
        ("around c", "langchain", 8, 61, call()),
        ("a", "ours", 2, 59, call()),
        ("b", "ours", 9, 89, call()),
        ("c", "ours", 9, 50, call()),
    ]
    assert sorted(in_time(*given)) == ["a", "b", "c"]


def test_a_call_is_not_around_the_span_of_callbacks_of_another() -> None:
    given = [
        ("around a", "langchain", 0, 60, call()),
        ("around b", "langchain", 12, 50, call()),
        ("a", "ours", 10, 58, call()),
        ("b", "ours", 14, 48, call()),
    ]
    assert sorted(in_time(*given)) == ["a", "b"]


def test_calls_with_the_same_times_are_one() -> None:
    given = [("a", "langchain", 0, 9, call()), ("b", "ours", 0, 9, call()), ("c", "third", 0, 9, call())]
    assert len(in_time(*given)) == 1


def test_what_only_looks_alike_in_time_is_two_calls() -> None:
    around = ("framework", "langchain", 0, 50, of_model("claude-3"))
    assert in_time(around, ("call", "ours", 10, 40, of_model("gpt-4"))) == ["framework", "call"]
    around = ("framework", "langchain", 0, 50, of_id("a"))
    assert in_time(around, ("call", "ours", 10, 40, of_id("b"))) == ["framework", "call"]
    around = ("framework", "langchain", 0, 50, chat_of("one"))
    assert in_time(around, ("call", "ours", 10, 40, chat_of("two"))) == ["framework", "call"]


def chat_of(question: str) -> Mapping[str, Any]:
    return call(None, None, **{"gen_ai.input.messages": messages("user", question)})


@pytest.mark.parametrize("model", ["unknown", "gpt-3.5-turbo"])
def test_a_stream_without_tokens_is_known_by_its_question(model: str) -> None:
    around = {**chat_of("one"), "gen_ai.request.model": model, "gen_ai.response.model": model}
    given = [("framework", "langchain", 0, 50, around), ("call", "ours", 10, 40, chat_of("one"))]
    assert in_time(*given) == ["call"]


def test_spans_that_are_each_others_parents_are_calls() -> None:
    tree = timeline(trace(span("a", "b", attributes=call()), span("b", "a", start=1, attributes=call())), 1_000)
    assert called(tree) == ["a", "b"]


@pytest.mark.parametrize("wide", [True, False])
def test_ten_thousand_calls_are_told_apart_quickly(wide: bool) -> None:
    spans = [span("root")]
    for number in range(5_000):
        above = "root" if wide else f"call {number - 1}" if number else "root"
        spans += [
            replace(span(f"around {number}", above, start=0, end=9, attributes=call()), scope="langchain"),
            replace(span(f"call {number}", f"around {number}", start=1, end=8, attributes=call()), scope="ours"),
        ]
    assert len(timeline(trace(*spans), 500).read.calls) == (5_000 if wide else 1)


PAIRS: Final = [
    (outer, inner, one)
    for outer, inner in itertools.permutations(RECORDED, 2)
    for one in RECORDED[outer]
    if one in RECORDED[inner]
]


@pytest.mark.parametrize(("outer", "inner", "one"), PAIRS)
@pytest.mark.parametrize("is_nested", [True, False])
def test_recordings_of_two_instrumentations(outer: str, inner: str, one: str, is_nested: bool) -> None:
    around = replace(spans_of(outer)[one], trace_id="t", span_id="a", parent_id="r", scope=outer)
    called_by = replace(
        spans_of(inner)[one],
        trace_id="t",
        span_id="b",
        parent_id="a" if is_nested else "r",
        scope=inner,
        start_ns=around.start_ns,
        end_ns=around.end_ns,
    )
    around = replace(around, end_ns=around.end_ns + 1_000)
    root = replace(span("r"), start_ns=around.start_ns, end_ns=around.end_ns)
    alone = timeline(trace(replace(called_by, parent_id=None)), 1_000)
    tree = timeline(trace(root, around, called_by), 1_000)
    if one == "error" and not is_nested:  # it has neither an id nor tokens, and costs nothing twice either
        assert all(bill.usage.total is None for bill in tree.read.bills)
        return
    assert called(tree) == ["b"]
    assert [bill.usage for bill in tree.read.bills] == [bill.usage for bill in alone.read.bills]
