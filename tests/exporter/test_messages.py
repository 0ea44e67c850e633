"""Messages as people read them."""

import json

import pytest

from otel_wandb._genai.parts import tool_names
from otel_wandb._genai.view import read_view
from otel_wandb._records.markdown import Texts, texts_of_call
from otel_wandb._spans.attributes import API_TYPE
from tests.exporter.spans import span


def texts(
    asked: object = None,
    answered: object = None,
    instructions: object = None,
    operation: str = "chat",
    api: str | None = None,
) -> Texts:
    """The texts of a call with these messages."""
    said = {
        "gen_ai.operation.name": operation,
        API_TYPE: api,
        "gen_ai.input.messages": asked,
        "gen_ai.output.messages": answered,
        "gen_ai.system_instructions": instructions,
    }
    call = read_view(span(attributes={key: value for key, value in said.items() if value is not None})).call
    assert call is not None
    return texts_of_call(call)


def test_each_message_of_a_chat_is_a_line_with_its_role() -> None:
    messages = json.dumps(
        [
            {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
            {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": None, "name": "f", "arguments": {"a": "é"}}]},
            {
                "role": "function",
                "name": "f",
                "parts": [{"type": "tool_call_response", "id": None, "response": "rain"}],
            },
        ]
    )
    assert texts(messages).input == (
        '**system**: Be brief.\n\n**user**: Weather?\n\n**assistant**: f({"a": "é"})\n\n**function**: f: rain'
    )


@pytest.mark.parametrize(
    ("operation", "api", "request_text", "response_text"),
    [
        ("chat", "chat_completions", "**user**: in", "**assistant**: out"),
        ("text_completion", "completions", "**Prompt**: in", "**Completion**: out"),
        ("text_completion", None, "**Prompt**: in", "**Completion**: out"),
        ("text_completion", "edits", "**Input**: in", "**Edited**: out"),
        ("embeddings", "embeddings", "**Input**: in", "**assistant**: out"),
    ],
)
def test_what_has_no_roles_has_the_labels_of_the_legacy_integration(
    operation: str, api: str | None, request_text: str, response_text: str
) -> None:
    asked = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "in"}]}])
    answered = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "out"}]}])
    assert texts(asked, answered, operation=operation, api=api) == Texts(request_text, (response_text,))


def test_an_edit_begins_with_its_instruction() -> None:
    instruction = json.dumps([{"type": "text", "content": "Fix it."}])
    asked = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "teh"}]}])
    found = texts(asked, instructions=instruction, operation="text_completion", api="edits")
    assert found.input == "**Instruction**: Fix it.\n\n**Input**: teh"


def test_every_choice_has_its_own_text() -> None:
    answered = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": text}]} for text in "ab"])
    assert texts(answered=answered).outputs == ("**assistant**: a", "**assistant**: b")


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ('[{"role": "user", "parts": [{"ty', '[{"role": "user", "parts": [{"ty'),
        (({"role": "user", "parts": ({"type": "text", "content": "structured"},)},), "**user**: structured"),
        ('"text"', "text"),
        ("[]", None),
        (None, None),
        ('[{"role": "user"}]', "**user**: "),
    ],
)
def test_what_is_cut_structured_or_odd_is_still_shown(messages: object, expected: str | None) -> None:
    assert texts(messages).input == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "uri", "modality": "image", "uri": "https://x/y.png"}, "https://x/y.png"),
        ({"type": "blob_descriptor", "mime_type": "image/png", "size": 12}, "<image/png, 12 bytes>"),
        ({"type": "blob_descriptor", "modality": "image", "size": 12, "sha256": "a"}, "<image, 12 bytes>"),
        (
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAAAAA="},
            "<image/png, 5 bytes>",
        ),
        ({"type": "blob", "modality": "audio", "mime_type": None, "content": ""}, "<audio, 0 bytes>"),
        ({"type": "tokens", "count": 2, "content": [1, 2]}, '{"type": "tokens", "count": 2, "content": [1, 2]}'),
        ({"type": "tool_call_response", "result": {"a": 1}}, '{"a": 1}'),
        ("bare", "bare"),
    ],
)
def test_parts_that_are_no_text(part: object, expected: str) -> None:
    assert texts(answered=json.dumps([{"role": "user", "parts": [part]}])).outputs == (f"**user**: {expected}",)


def test_the_tools_of_a_call_are_named() -> None:
    assert list(tool_names([{"type": "function", "name": "f"}, '{"type": "function", "name": "g"}'])) == ["f", "g"]
