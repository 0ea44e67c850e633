"""What Weave reads of our spans, by its own rules: every dialect, every kind of step."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_wandb._journal.records import trace_record
from otel_wandb._spans.span import EventRecord, SpanRecord
from otel_wandb._traces.sink import Place
from otel_wandb._weave.otlp import encoded
from otel_wandb._weave.sink import Inline, resource_of
from otel_wandb._weave.spans import Endpoint, weave_spans
from tests.exporter.recordings import RECORDINGS, recording
from tests.exporter.spans import chat_attributes, read, span, trace
from tests.support.weave_server import WeaveCall, at, call_of, tree_of

PLACE = Place("me", "shop", "run1", is_online=True, step=7)
TRACE = "0af7651916cd43dd8448eb211c80319c"


def numbered(span_id: str) -> str:
    """An id of 16 digits for a short one."""
    return span_id.encode().hex().rjust(16, "0")[-16:]


def sent(spans: Sequence[SpanRecord], endpoint: Endpoint = Endpoint.CALLS) -> Any:
    whole = [
        replace(one, trace_id=TRACE, span_id=numbered(one.span_id), parent_id=one.parent_id and numbered(one.parent_id))
        for one in spans
    ]
    texts = Inline()
    record = trace_record(read(trace(*whole)), texts)
    body = encoded(weave_spans(record, texts, PLACE, endpoint), dict(resource_of(PLACE, record["service"])))
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    return resource


def calls_of(*spans: SpanRecord) -> dict[str, WeaveCall]:
    """The calls in Weave by name; a rejected span raises."""
    resource = sent(spans)
    return {found.name: call_of(found, resource.resource) for found in resource.scope_spans[0].spans}


@pytest.mark.parametrize("name", sorted(path.stem for path in RECORDINGS.iterdir() if path.suffix != ".md"))
def test_every_dialect_has_its_inputs_and_outputs(name: str) -> None:
    with_both = 0
    for recorded in recording(name):
        (call,) = calls_of(recorded).values()
        assert (call.project, call.run_id, call.run_step) == ("me/shop", "run1", 7)
        assert call.status == ("error" if recorded.is_error else "success")
        assert json.loads(json.dumps(call.raw)) == call.raw
        for _, said in read(trace(recorded)).calls:
            assert call.inputs["model"] in (said.request_model, said.response_model)
            assert len(call.inputs.get("messages", ())) >= len(said.asked)
            assert len(call.output.get("choices", ())) >= len(said.answered)
            assert all(message["role"] for message in call.inputs.get("messages", ()))
            with_both += bool(call.inputs.get("messages") and call.output.get("choices"))
    assert with_both >= 3, "chats with and without a tool, and a stream or a completion"


def test_a_trace_with_every_kind_of_step() -> None:
    error = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "error.type": "Timeout"}
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.call.arguments": '{"city": "Paris"}',
        "gen_ai.tool.call.result": "rainy",
    }
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper"}
    chat = chat_attributes("what?", "that", **{"session.id": "s1"})
    found = calls_of(
        span("r", name="POST /", end=90),
        span("a", "r", name="invoke_agent helper", start=1, end=80, attributes=agent),
        span("c", "a", name="chat", start=2, end=9, attributes=chat),
        span("t", "a", name="execute_tool", start=10, end=19, attributes=tool),
        span("e", "a", name="failed chat", start=20, end=29, error="", attributes=error),
        span("d", "r", name="db", start=30, end=39),
    )
    root, call = found["POST /"], found["chat"]
    assert root.parent_id is None
    assert {one.parent_id for one in found.values()} == {None, root.id, found["invoke_agent helper"].id}
    assert call.inputs == {"model": "gpt-3.5-turbo", "messages": [{"role": "user", "content": "what?"}]}
    assert call.output["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "that"}, "finish_reason": None}
    ]
    assert call.usage == {"input_tokens": 3, "output_tokens": 4}
    assert call.attributes["model"] == "gpt-3.5-turbo-0613"
    assert (call.attributes["kind"], call.attributes["session"]) == ("llm", "s1")
    assert found["execute_tool"].inputs == {"arguments": '{"city": "Paris"}'}
    assert (found["execute_tool"].output, found["execute_tool"].attributes["kind"]) == ("rainy", "tool")
    assert (found["failed chat"].status, found["failed chat"].exception) == ("error", "Timeout")
    # The root says nothing itself: the first question and the last answer.
    assert root.inputs == {"messages": [{"role": "user", "content": "what?"}]}
    assert root.output == call.output
    assert {one.thread_id for one in found.values()} == {"s1"}
    assert [name for name, one in found.items() if one.is_turn] == ["POST /"]
    assert {one.status for name, one in found.items() if name != "failed chat"} == {"success"}


HOSTILE: Mapping[str, Mapping[str, Any]] = {
    "a branch and a leaf": {"openai.resource": "files", "openai.resource.id": "f", "a": 1, "a.b": 2, "a.b.c": 3},
    "names of Weave's": {"gen_ai.prompt.name": "p", "input": "x", "output": {}, "wandb.attributes": "no", "inputs": []},
    "numbers for names": {"0": "a", "1.2": "b", "x.0.y": 1, "x.0": 2},
    "empty": {"empty": (), "nothing": "", "object": "{}"},
}


@pytest.mark.parametrize("attributes", HOSTILE.values(), ids=HOSTILE)
def test_whatever_is_on_a_span_it_is_not_rejected(attributes: Mapping[str, Any]) -> None:
    (call,) = calls_of(span("a", attributes=chat_attributes("hi", "hello", **attributes))).values()
    assert call.inputs["messages"] == [{"role": "user", "content": "hi"}]
    assert call.output["choices"][0]["message"]["content"] == "hello"


def test_functions_and_their_results_are_messages_of_the_chat_api() -> None:
    asked = [
        {"role": "user", "parts": [{"type": "text", "content": "weather?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "1", "name": "weather", "arguments": {"city": "Paris"}}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": {"sky": "grey"}}]},
        {"role": "user", "parts": [{"type": "text", "content": "see"}, {"type": "uri", "uri": "https://x/y.png"}]},
    ]
    (call,) = calls_of(span("a", attributes={**chat_attributes(), "gen_ai.input.messages": json.dumps(asked)})).values()
    function = {"name": "weather", "arguments": '{"city": "Paris"}'}
    assert call.inputs["messages"] == [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "1", "content": '{"sky": "grey"}'},
        {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "uri", "uri": "https://x/y.png"}]},
    ]


def test_an_exception_goes_along() -> None:
    attributes = {"exception.type": "E", "exception.message": "why", "exception.stacktrace": "at", "other": 1}
    failed = replace(
        span("a", error="why", attributes=chat_attributes()), events=(EventRecord("exception", 5, attributes),)
    )
    (found,) = sent([failed]).scope_spans[0].spans
    (event,) = found.events
    assert tree_of(event.attributes) == {"exception": {"type": "E", "message": "why", "stacktrace": "at"}}
    assert event.time_unix_nano == 5


def test_agents_are_listed_by_name_and_conversation() -> None:
    spans = sent(
        [
            span("r", name="POST /", end=90),
            span("c", "r", name="chat", start=2, end=9, attributes=chat_attributes("what?", "that")),
            span("t", "r", name="look up", start=3, attributes={"gen_ai.operation.name": "execute_tool"}),
        ],
        Endpoint.AGENTS,
    )
    trees = {found.name: tree_of(found.attributes) for found in spans.scope_spans[0].spans}
    assert {at(tree, "gen_ai.agent.name") for tree in trees.values()} == {"POST /"}
    assert {at(tree, "gen_ai.conversation.id") for tree in trees.values()} == {TRACE}
    operations = {name: at(tree, "gen_ai.operation.name") for name, tree in trees.items()}
    assert operations == {"POST /": "invoke_agent", "chat": "chat", "look up": "execute_tool"}
    for name in ("POST /", "chat"):
        assert at(trees[name], "gen_ai.input.messages")[0]["parts"][0]["content"] == "what?"
        assert at(trees[name], "gen_ai.output.messages")[0]["parts"][0]["content"] == "that"
