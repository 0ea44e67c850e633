"""The tree that W&B's timeline panel shows, and the row beside it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from otel_wandb._genai.model_call import Kind
from otel_wandb._records.history import history_row
from otel_wandb._records.timeline import Node, Result
from otel_wandb._records.tree_json import fitting_tree, tree_json
from otel_wandb._traces.assembly import Reason
from tests.exporter.spans import START, chat_attributes, read, span, timeline, trace

LONGEST = 1_000
BEGIN = START / 1e6  # milliseconds


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def chain_of_two() -> Any:
    return trace(
        span("root", name="chain", start=0, end=100),
        span("first", "root", name="chat m", start=10, end=40, attributes=chat_attributes("one", "1")),
        span("second", "root", name="chat m", start=50, end=90, attributes=chat_attributes("two", "2")),
    )


def test_spans_nest_as_they_happened() -> None:
    root = timeline(chain_of_two(), LONGEST).root
    assert [(node.name, node.start_ms - BEGIN, node.end_ms - BEGIN) for node in walk(root)] == [
        ("chain", 0, 100),
        ("chat m", 10, 40),
        ("chat m", 50, 90),
    ]
    assert [node.attributes["execution_order"] for node in walk(root)] == [1, 2, 3]


def test_a_call_shows_its_messages_as_input_and_its_answer_as_output() -> None:
    root = timeline(trace(span(attributes=chat_attributes("hi", "hello"))), LONGEST).root
    assert root.kind is Kind.LLM
    assert root.results == (Result({"request": "**user**: hi"}, {"response": "**assistant**: hello"}),)
    assert not {"gen_ai.input.messages", "gen_ai.output.messages"} & root.attributes.keys()


def test_the_root_of_a_chain_shows_the_first_question_and_the_last_answer() -> None:
    root = timeline(chain_of_two(), LONGEST).root
    assert root.results == (Result({"request": "**user**: one"}, {"response": "**assistant**: 2"}),)


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("chat", Kind.LLM),
        ("text_completion", Kind.LLM),
        ("image_generation", Kind.LLM),
        ("invoke_agent", Kind.AGENT),
        ("execute_tool", Kind.TOOL),
        ("invoke_workflow", Kind.CHAIN),
        (None, Kind.CHAIN),
    ],
)
def test_kinds(operation: str | None, kind: Kind) -> None:
    attributes = {} if operation is None else {"gen_ai.operation.name": operation}
    assert timeline(trace(span(attributes=attributes)), LONGEST).root.kind is kind


def test_a_tool_shows_its_arguments_and_result() -> None:
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.call.arguments": '{"q": 1}',
        "gen_ai.tool.call.result": "found",
    }
    root = timeline(trace(span(attributes=attributes)), LONGEST).root
    assert root.results == (Result({"arguments": '{"q": 1}'}, {"result": "found"}),)


def test_the_root_covers_a_child_that_outlives_it() -> None:
    root = timeline(trace(span("root", start=5, end=20), span("stream", "root", start=6, end=99)), LONGEST).root
    assert (root.start_ms - BEGIN, root.end_ms - BEGIN) == (5, 99)


def test_a_root_without_duration_gets_a_millisecond_for_the_panel_to_divide_by() -> None:
    root = timeline(trace(span(start=5, end=5)), LONGEST).root
    assert root.end_ms - root.start_ms == 1


def test_several_roots_hang_below_one() -> None:
    tree = timeline(trace(span("a", "far", remote=True), span("b", "far", remote=True, end=50)), LONGEST)
    assert [node.span_id for node in walk(tree.root)] == ["t", "a", "b"]
    assert tree.root.end_ms - BEGIN == 50
    assert tree.root.children[0].attributes["remote_parent_id"] == "far"


@pytest.mark.parametrize(
    ("made", "note"),
    [
        (trace(span(parent="gone"), reason=Reason.IDLE, missing=1), "idle"),
        (trace(span(parent="root"), sequence=2), "supplement 2"),
    ],
)
def test_an_incomplete_trace_says_so(made: Any, note: str) -> None:
    assert timeline(made, LONGEST).root.attributes["trace.incomplete"] == note


def test_spans_that_are_each_others_parents_are_still_shown() -> None:
    root = timeline(trace(span("a", "b"), span("b", "a", start=1)), LONGEST).root
    assert {node.span_id for node in walk(root)} >= {"a", "b"}


def test_a_deep_trace_keeps_its_root_and_all_spans_within_what_wandb_can_nest() -> None:
    spans = [span("0", name="root"), *(span(str(n), str(n - 1), start=n / 1000) for n in range(1, 400))]
    tree = timeline(trace(*spans), LONGEST)
    assert (tree.root.name, tree.left_out) == ("root", 0)
    assert [node.span_id for node in walk(tree.root)] == [str(n) for n in range(400)]
    assert depth(tree.root) == 101
    flat = {node.span_id: node.attributes.get("parent_id") for node in walk(tree.root)}
    assert (flat["100"], flat["101"], flat["399"]) == (None, "100", "398")
    assert json.loads(tree_json(tree).root)


def depth(node: Node) -> int:
    return 1 + max(map(depth, node.children), default=0)


@pytest.mark.parametrize("parent", ["root", "gone"])
def test_a_wide_trace_says_what_it_left_out(parent: str) -> None:
    spans = [span("root"), *(span(str(n), parent) for n in range(1_500))]
    tree = timeline(trace(*spans), LONGEST)
    shown = [node for node in walk(tree.root) if node.span_id != "t"]
    assert (len(shown), tree.root.attributes["trace.spans_left_out"], tree.left_out) == (1_000, 501, 501)


@pytest.mark.parametrize("count", [2_500, 4_000])
def test_what_there_is_no_room_for_does_not_count_as_too_long(count: int) -> None:
    calls = (span(str(n), "root", attributes=chat_attributes("q" * 1_000)) for n in range(count))
    tree, _ = fitting_tree(read(trace(span("root"), *calls)))
    assert (len(list(walk(tree.root))), len(tree.read.calls)) == (1_000, count)


def test_the_architecture_has_settings_and_no_data_of_one_call() -> None:
    attributes: dict[str, Any] = {"gen_ai.request.temperature": 0.5, "gen_ai.request.stop_sequences": ("x",)}
    models = [
        timeline(trace(span(attributes=chat_attributes(question, **attributes))), LONGEST).model
        for question in ("one", "two")
    ]
    assert models[0] == models[1]
    assert models[0] == {
        "_kind": "openai",
        "provider": "openai",
        "operation": "chat",
        "model": "gpt-3.5-turbo",
        "answered_by": "gpt-3.5-turbo-0613",
        "temperature": 0.5,
        "stop": ["x"],
    }


def test_the_architecture_of_a_chain_has_its_parts_and_not_what_is_beside_them() -> None:
    made = trace(
        span("root", name="chain"),
        span("db", "root", name="SELECT"),
        span("call", "root", name="chat m", attributes=chat_attributes()),
    )
    model = timeline(made, LONGEST).model
    assert (model["_kind"], model["name"], set(model)) == ("chain", "chain", {"_kind", "name", "chat m"})


def test_a_failed_call_is_an_error_with_its_message() -> None:
    root = timeline(trace(span(error="no", attributes=chat_attributes())), LONGEST).root
    assert (root.is_error, root.message) == (True, "no")


def test_the_json_has_the_fields_that_the_panel_reads() -> None:
    text = tree_json(timeline(trace(span(attributes=chat_attributes(), error="no")), LONGEST))
    root = json.loads(text.root)
    assert {key: root[key] for key in ("span_kind", "status_code", "status_message", "child_spans")} == {
        "span_kind": "LLM",
        "status_code": "ERROR",
        "status_message": "no",
        "child_spans": [],
    }
    assert json.loads(text.model)["_kind"] == "openai"
    assert len(text.model_hash) == 16


@pytest.mark.parametrize("count", [1, 60, 900])
def test_a_trace_of_any_size_fits_into_a_history_line(count: int) -> None:
    long = {f"key {number}": "\n" * 60_000 for number in range(20)}
    spans = [
        span("root"),
        *(span(str(n), "root", attributes=chat_attributes("q" * 60_000, **long)) for n in range(count)),
    ]
    tree, text = fitting_tree(read(trace(*spans)))
    assert len(text.root) + len(text.model) <= 4_000_000
    assert tree.root.span_id == "root"
    assert len(tree.read.calls) == count


def test_the_row_sums_what_was_reported() -> None:
    made = chain_of_two()
    tree = timeline(made, LONGEST)
    row = history_row(tree)
    assert row == {
        "trace_id": "t",
        "trace_name": "chain",
        "trace_status": "SUCCESS",
        "_timestamp": START / 1e9,
        "usage/elapsed_time": 0.1,
        "usage/prompt_tokens": 6,
        "usage/completion_tokens": 8,
        "usage/total_tokens": 14,
        "usage/cost": 0.000025,
    }


def test_tokens_that_nobody_reported_are_left_out_and_not_zero() -> None:
    attributes = {"gen_ai.operation.name": "chat"}
    made = trace(span(attributes=attributes))
    tree = timeline(made, LONGEST)
    row = history_row(tree)
    assert [key for key in row if key.startswith("usage/")] == ["usage/elapsed_time"]


def test_a_trace_without_a_call_has_no_usage() -> None:
    made = trace(span())
    assert not [key for key in history_row(timeline(made, LONGEST)) if key.startswith("usage/")]
