"""Messages in every form become those of the conventions."""

import json
from typing import Any

import pytest

from otel_wandb._genai.conversation import answered, asked, conversation, input_messages, instructions
from otel_wandb._genai.parts import tool_calls


def text(role: str, content: str, **more: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}], **more}


def tool_call(call_id: str | None, arguments: Any) -> dict[str, Any]:
    return {"type": "tool_call", "id": call_id, "name": "f", "arguments": arguments}


def tool_response(call_id: str | None, response: Any) -> dict[str, Any]:
    return {"type": "tool_call_response", "id": call_id, "response": response}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        # The conventions' own form goes through, with whatever else it carries.
        ({"role": "user", "parts": [], "more": 1}, {"role": "user", "parts": [], "more": 1}),
        # OpenAI.
        ({"role": "user", "content": "x", "name": "ann"}, text("user", "x", name="ann")),
        ({"role": "user", "content": [{"type": "text", "text": "x"}]}, text("user", "x")),
        ({"content": [{"type": "input_text", "text": "x"}, "y"]}, None),
        ({"role": "assistant", "content": ""}, {"role": "assistant", "parts": []}),
        (
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a": 1}'}},
            {"role": "assistant", "parts": [tool_call(None, {"a": 1})]},
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a'}}]},
            {"role": "assistant", "parts": [tool_call("1", '{"a')]},
        ),
        ({"role": "tool", "tool_call_id": "1", "content": "r"}, {"role": "tool", "parts": [tool_response("1", "r")]}),
        (
            {"role": "function", "name": "f", "content": "r"},
            {"role": "function", "parts": [tool_response(None, "r")], "name": "f"},
        ),
        ({"message": {"content": "x"}, "finish_reason": "stop"}, text("user", "x", finish_reason="stop")),
        # Anthropic.
        (
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}}]},
            {"role": "assistant", "parts": [tool_call("1", {"a": 1})]},
        ),
        (
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "r"}]},
            {"role": "user", "parts": [tool_response("1", "r")]},
        ),
        (
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}]},
            {"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"}]},
        ),
        # Vercel.
        (
            {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "1", "result": {"a": 1}}]},
            {"role": "tool", "parts": [tool_response("1", {"a": 1})]},
        ),
        # OpenInference.
        (
            {"message": {"role": "user", "contents": [{"message_content": {"type": "text", "text": "x"}}]}},
            text("user", "x"),
        ),
        (
            {"message": {"tool_calls": [{"tool_call": {"id": "1", "function": {"name": "f", "arguments": "{}"}}}]}},
            {"role": "user", "parts": [tool_call("1", {})]},
        ),
    ],
)
def test_a_message(message: dict[str, Any], expected: dict[str, Any] | None) -> None:
    both = {"role": "user", "parts": [{"type": "text", "content": "x"}, {"type": "text", "content": "y"}]}
    assert input_messages([message]) == input_messages(json.dumps([message])) == (expected or both,)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://x"}},
            {"type": "uri", "modality": "image", "uri": "https://x"},
        ),
        ({"type": "input_image", "image_url": "https://x"}, {"type": "uri", "modality": "image", "uri": "https://x"}),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAAAAAA"}},
            {"type": "blob_descriptor", "modality": "image", "mime_type": "image/png", "size": 6},
        ),
        ({"type": "image", "source": {"data": "AAAA"}}, {"type": "image", "source": {"data": "AAAA"}}),
        ({"type": "new"}, {"type": "new"}),
        ({"type": ["text"]}, {"type": ["text"]}),
    ],
)
def test_a_part(part: dict[str, Any], expected: dict[str, Any]) -> None:
    assert input_messages([{"content": [part]}]) == ({"role": "user", "parts": [expected]},)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("why?", (text("user", "why?"),)),
        ('"why?"', (text("user", "why?"),)),
        ("5", (text("user", "5"),)),
        ('{"mess', ('{"mess',)),
        (["a", "b"], (text("user", "a"), text("user", "b"))),
        ([1, 2], ("[1, 2]",)),
        ([[1, 2], [3]], ("[1, 2]", "[3]")),
        ({"prompt": ["a"]}, (text("user", "a"),)),
        ({"input": "a"}, (text("user", "a"),)),
        ({"system": "s", "messages": [{"role": "user", "content": "a"}]}, (text("system", "s"), text("user", "a"))),
        ({"question": 1}, ('{"question": 1}',)),
        ({}, ("{}",)),
    ],
)
def test_what_was_asked(value: Any, expected: Any) -> None:
    assert asked(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("x", (text("assistant", "x"),)),
        ({"choices": [{"text": "x", "finish_reason": "stop"}]}, (text("assistant", "x", finish_reason="stop"),)),
        ({"choices": [{"message": {"role": "assistant", "content": "x"}}]}, (text("assistant", "x"),)),
        (
            {"output": [{"type": "message", "content": [{"type": "output_text", "text": "x"}]}]},
            (text("assistant", "x"),),
        ),
        ({"data": [{"embedding": [0.1]}]}, None),
        ({"data": 5}, ('{"data": 5}',)),
    ],
)
def test_what_was_answered(value: Any, expected: Any) -> None:
    assert answered(value) == expected


@pytest.mark.parametrize("value", ["hi", "[]", '["a"]', '{"messages": "x"}', [{"content": "x"}], {"a": 1}, None, 5])
def test_what_is_no_conversation(value: Any) -> None:
    assert conversation(value) is None


def test_what_is_one() -> None:
    message = {"role": "user", "content": "x"}
    assert conversation([message]) == conversation(json.dumps({"messages": [message]})) == (text("user", "x"),)


@pytest.mark.parametrize(
    ("value", "expected"),
    [('[{"type": "text"}]', ({"type": "text"},)), ("be brief", ("be brief",)), ((), ()), (None, None), ("null", None)],
)
def test_instructions(value: Any, expected: Any) -> None:
    assert instructions(value) == expected


@pytest.mark.parametrize("value", [None, "[]", 5, "f"])
def test_no_calls_of_tools(value: Any) -> None:
    assert tool_calls(value) is None
