"""What any span is, what a step was given and gave, and that no value of an attribute is too odd for a view."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from otel_wandb._genai.model_call import Kind
from otel_wandb._genai.view import SpanView, is_genai, read_view
from otel_wandb._records.markdown import texts_of
from otel_wandb._records.timeline import Node
from otel_wandb._spans.span import EventRecord
from tests.exporter.spans import START, chat_attributes, messages, span, timeline, trace


def view(attributes: Mapping[str, Any], *, name: str = "step", parent: str | None = None) -> SpanView:
    return read_view(span(name=name, parent=parent, attributes=attributes))


def node(attributes: Mapping[str, Any]) -> Node:
    return timeline(trace(span(attributes=attributes)), 1_000).root


QUESTION: Final = '[{"role": "user", "content": "hi"}]'


@pytest.mark.parametrize(
    ("kind", "attribute", "values"),
    [
        (Kind.LLM, "gen_ai.operation.name", ["chat", "text_completion", "generate_content", "embeddings"]),
        (Kind.AGENT, "gen_ai.operation.name", ["invoke_agent", "create_agent", "plan"]),
        (Kind.TOOL, "gen_ai.operation.name", ["execute_tool", "retrieval", "search_memory", "create_memory_store"]),
        (Kind.TOOL, "gen_ai.operation.name", ["vectordb"]),
        (Kind.LLM, "gen_ai.operation.name", ["rerank", "moderation", "image_generation", "transcription", "speech"]),
        (Kind.CHAIN, "gen_ai.operation.name", ["invoke_workflow", "handoff", "prompt", "chain", "what nobody knows"]),
        (Kind.CHAIN, "gen_ai.operation.name", ["execute_event_loop_cycle", "agent_handoff", "", 5]),
        (Kind.AGENT, "gen_ai.operation.name", ["invoke_swarm", "invoke_graph"]),
        (Kind.TOOL, "gen_ai.operation.name", ["guardrail", "guardrail_check"]),
        (Kind.LLM, "openinference.span.kind", ["LLM", "EMBEDDING", "RERANKER", "llm"]),
        (Kind.AGENT, "openinference.span.kind", ["AGENT"]),
        (Kind.TOOL, "openinference.span.kind", ["TOOL", "RETRIEVER", "GUARDRAIL", "EVALUATOR", "DECISION"]),
        (Kind.CHAIN, "openinference.span.kind", ["CHAIN", "UNKNOWN", "PROMPT"]),
        (Kind.LLM, "llm.request.type", ["chat", "completion", "embedding", "rerank", "unknown"]),
        (Kind.AGENT, "traceloop.span.kind", ["agent"]),
        (Kind.TOOL, "traceloop.span.kind", ["tool"]),
        (Kind.CHAIN, "traceloop.span.kind", ["workflow", "task", "unknown"]),
        (Kind.LLM, "langfuse.observation.type", ["generation", "embedding"]),
        (Kind.AGENT, "langfuse.observation.type", ["agent"]),
        (Kind.TOOL, "langfuse.observation.type", ["tool", "retriever", "guardrail", "evaluator"]),
        (Kind.CHAIN, "langfuse.observation.type", ["span", "chain", "event"]),
        (Kind.LLM, "ai.operationId", ["ai.generateText.doGenerate", "ai.streamText.doStream", "ai.embed.doEmbed"]),
        (Kind.TOOL, "ai.operationId", ["ai.toolCall"]),
        (Kind.CHAIN, "ai.operationId", ["ai.generateText", "ai.streamObject", "ai.embedMany"]),
        (Kind.LLM, "mlflow.spanType", ['"LLM"', '"CHAT_MODEL"', "EMBEDDING", '"RERANKER"']),
        (Kind.AGENT, "mlflow.spanType", ['"AGENT"']),
        (Kind.TOOL, "mlflow.spanType", ['"TOOL"', '"RETRIEVER"', '"PARSER"', '"MEMORY"']),
        (Kind.CHAIN, "mlflow.spanType", ['"CHAIN"', '"WORKFLOW"', '"TASK"', '"UNKNOWN"']),
        (Kind.AGENT, "weave.span.kind", ["agent"]),
        (Kind.LLM, "gen_ai.request.model", ["gpt"]),
        (Kind.LLM, "gen_ai.prompt.7.role", ["user"]),
        (Kind.LLM, "llm.input_messages.3.message.role", ["user"]),
        (Kind.TOOL, "gen_ai.tool.name", ["f"]),
        (Kind.AGENT, "gen_ai.agent.name", ["a"]),
        (Kind.AGENT, "pydantic_ai.all_messages", ["[]"]),
    ],
)
def test_kinds(kind: Kind, attribute: str, values: list[str]) -> None:
    for value in values:
        found = view({attribute: value})
        assert (found.kind, found.is_genai, found.call is not None) == (kind, True, kind is Kind.LLM), value
        assert is_genai(span(attributes={attribute: value}))


@pytest.mark.parametrize(
    "more",
    [
        {"gen_ai.request.model": "m"},
        {"gen_ai.response.model": "m"},
        {"gen_ai.input.messages": QUESTION},
        {"gen_ai.usage.output_tokens": 0},
        {"gen_ai.prompt.0.content": "x"},
    ],
)
def test_an_operation_that_nobody_knows_is_a_call_with_what_only_calls_have(more: dict[str, Any]) -> None:
    assert view({"gen_ai.operation.name": "dream", **more}).kind is Kind.LLM
    assert view({"gen_ai.operation.name": "dream", "gen_ai.tool.name": "f"}).kind is Kind.TOOL


@pytest.mark.parametrize("operation", ["handoff", "execute_event_loop_cycle", "invoke_swarm", "guardrail", "prompt"])
def test_what_is_no_call_of_a_model_is_a_step_whatever_it_passes_on(operation: str) -> None:
    asked = {"gen_ai.input.messages": QUESTION, "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 3}
    tree = timeline(trace(span(attributes={"gen_ai.operation.name": operation, **asked})), 1_000)
    assert tree.read.calls == ()
    (result,) = tree.root.results
    assert result.inputs is not None
    assert list(result.inputs.values()) == ["**user**: hi"]


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"http.request.method": "POST", "server.address": "x", "user.id": "u", "session.id": "s", "error.type": "500"},
        {"logfire.msg_template": "a {b}", "input": "x", "output": "y", "events": "[]"},
        {"gen_ai.provider.name": "openai", "gen_ai.conversation.id": "c", "gen_ai.prompt.name": "p"},
        {"mlflow.spanType": 5, "openinference.span.kind": b"LLM"},
    ],
)
def test_what_is_no_genai_keeps_its_name_and_attributes(attributes: dict[str, Any]) -> None:
    assert view(attributes, name="GET") == SpanView(Kind.CHAIN, is_genai=False, name="GET")
    assert not is_genai(span(attributes=attributes))
    assert attributes.keys() <= node(attributes).attributes.keys()


def test_a_dialects_own_word_is_asked_before_the_conventions() -> None:
    assert view({"gen_ai.operation.name": "search", "openinference.span.kind": "TOOL"}).kind is Kind.TOOL
    assert view({"gen_ai.operation.name": "execute_tool", "openinference.span.kind": "?"}).kind is Kind.TOOL


@pytest.mark.parametrize(
    ("attributes", "parent", "name"),
    [
        ({"wandb.display_name": "mine", "logfire.msg": "other"}, None, "mine"),
        ({"logfire.msg": "GET /x"}, "p", "GET /x"),
        ({"langfuse.trace.name": "trace", "langfuse.observation.type": "span"}, None, "trace"),
        ({"langfuse.trace.name": "trace", "langfuse.observation.type": "span"}, "p", "step"),
        ({"ai.telemetry.functionId": "answer", "ai.operationId": "ai.generateText"}, None, "answer"),
        ({"wandb.display_name": ""}, None, "step"),
        ({"wandb.display_name": ["x"]}, None, "step"),
    ],
)
def test_display_names(attributes: dict[str, Any], parent: str | None, name: str) -> None:
    assert view(attributes, parent=parent).name == name


def test_a_display_name_is_that_of_the_node_and_of_the_row() -> None:
    record = span(attributes=chat_attributes(**{"wandb.display_name": "mine", "wandb.thread_id": "thread"}))
    tree = timeline(trace(record), 1_000)
    assert (tree.root.name, tree.read.calls[0][1].name, tree.read.calls[0][1].conversation) == (
        "mine",
        "mine",
        "thread",
    )


@pytest.mark.parametrize(
    ("attributes", "given", "gave"),
    [
        (
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.call.arguments": '{"q": 1}',
                "gen_ai.tool.call.result": {"found": (1, None)},
            },
            '{"q": 1}',
            '{"found": [1, null]}',
        ),
        (
            {"ai.operationId": "ai.toolCall", "ai.toolCall.args": '{"q":1}', "ai.toolCall.result": '"x"'},
            '{"q":1}',
            '"x"',
        ),
        (
            {"traceloop.span.kind": "task", "traceloop.entity.input": '{"args": ["x"]}', "traceloop.entity.output": ""},
            '{"args": ["x"]}',
            "",
        ),
        ({"openinference.span.kind": "CHAIN", "input.value": "q", "output.value": "a"}, "q", "a"),
        ({"openinference.span.kind": "AGENT", "input.value": QUESTION}, "**user**: hi", None),
        (
            {
                "openinference.span.kind": "RETRIEVER",
                "input.value": "q",
                "retrieval.documents.0.document.content": "text",
                "retrieval.documents.0.document.score": 0.5,
            },
            "q",
            '[{"document": {"content": "text", "score": 0.5}}]',
        ),
        (
            {
                "langfuse.observation.type": "tool",
                "langfuse.observation.input": '{"args": [1]}',
                "langfuse.observation.output": "a",
            },
            '{"args": [1]}',
            "a",
        ),
        ({"mlflow.spanType": '"CHAIN"', "mlflow.spanInputs": '{"q": 1}', "mlflow.spanOutputs": '"a"'}, '{"q": 1}', "a"),
        (
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.system_instructions": '[{"type": "text", "content": "be brief"}]',
                "gen_ai.input.messages": messages("user", "hi"),
                "gen_ai.output.messages": messages("assistant", "hello"),
            },
            "**system**: be brief\n\n**user**: hi",
            "**assistant**: hello",
        ),
        (
            {"ai.operationId": "ai.generateText", "ai.prompt": f'{{"messages": {QUESTION}}}', "ai.response.text": "{}"},
            "**user**: hi",
            "{}",
        ),
        (
            {
                "all_messages_events": '[{"event.name": "gen_ai.user.message", "content": "hi"}]',
                "final_result": "done",
            },
            "**user**: hi",
            "done",
        ),
        ({"gen_ai.tool.name": "f", "tool_arguments": '{"a": 1}', "tool_response": "r"}, '{"a": 1}', "r"),
        ({"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.query.text": "q"}, "q", None),
        ({"weave.span.kind": "tool", "inputs": {"a": b"12"}, "output": "x"}, '{"a": "<2 bytes>"}', "x"),
    ],
)
def test_what_a_step_was_given_and_gave(attributes: dict[str, Any], given: str | None, gave: str | None) -> None:
    shown = view(attributes)
    found = texts_of(shown)
    assert (found.input, found.output) == (given, gave)
    names = ("arguments", "result") if shown.kind is Kind.TOOL else ("input", "output")
    (result,) = node(attributes).results
    assert result.inputs == (None if given is None else {names[0]: given})
    assert result.outputs == (None if gave is None else {names[1]: gave})
    assert len(node(attributes).attributes) < len(attributes) + 1  # some are shown as results instead


@pytest.mark.parametrize(
    ("name", "operation"), [("chat gpt", "chat"), ("embeddings m", "embeddings"), ("openai.chat", "chat")]
)
def test_an_operation_that_only_the_name_of_the_span_says(name: str, operation: str) -> None:
    found = view({"gen_ai.request.model": "m"}, name=name).call
    assert found is not None
    assert found.operation == operation


def test_events_that_carry_messages_are_not_shown_again() -> None:
    record = replace(
        span(attributes=chat_attributes()),
        events=(
            EventRecord("gen_ai.content.prompt", START, {"gen_ai.prompt": "hi"}),
            EventRecord("exception", START, {}),
        ),
    )
    logs = (
        EventRecord("gen_ai.user.message", START, {}, {"content": "hi"}),
        EventRecord("gen_ai.evaluation.result", START, {"gen_ai.evaluation.name": "tone"}, "kind"),
    )
    shown = timeline(trace(replace(record, logs=logs)), 1_000).root.attributes["events"]
    assert shown == [
        {"name": "exception", "time_ms": START / 1e6, "attributes": {}},
        {
            "name": "gen_ai.evaluation.result",
            "time_ms": START / 1e6,
            "attributes": {"gen_ai.evaluation.name": "tone"},
            "body": "kind",
        },
    ]
    assert "events" not in timeline(trace(replace(record, events=record.events[:1])), 1_000).root.attributes


@pytest.mark.parametrize(
    ("attributes", "hidden"),
    [
        (
            {"openinference.span.kind": "LLM", "llm.headers": "None", "llm.tools.0.tool.json_schema": "{}"},
            {"llm.headers", "llm.tools.0.tool.json_schema"},
        ),
        (
            {"gen_ai.request.model": "m", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.name": "p"},
            {"gen_ai.prompt.0.role"},
        ),
        (
            {"ai.operationId": "ai.embed.doEmbed", "ai.embedding": "[0.1]", "ai.value": '"x"'},
            {"ai.embedding", "ai.value"},
        ),
        ({"http.method": "GET", "input": "x", "llm.headers": "None"}, {"llm.headers"}),
    ],
)
def test_attributes_that_stand_elsewhere_or_nowhere(attributes: dict[str, Any], hidden: set[str]) -> None:
    assert attributes.keys() - node(attributes).attributes.keys() == hidden


def test_parameters_that_repeat_the_messages_are_shown_without() -> None:
    parameters = json.dumps({"temperature": 0.5, "messages": json.loads(QUESTION), "functions": []})
    shown = node({"openinference.span.kind": "LLM", "llm.invocation_parameters": parameters}).attributes
    assert shown["llm.invocation_parameters"] == {"temperature": 0.5}
