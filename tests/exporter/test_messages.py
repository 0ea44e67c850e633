"""Messages as people read them."""

import json

import pytest

from otel_wandb._genai.rendering import CHAT_LABELS, labels_of, render_input, render_outputs, tool_names


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
    assert render_input(messages, None, CHAT_LABELS) == (
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
    labels = labels_of(operation, api)
    asked = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "in"}]}])
    answered = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "out"}]}])
    assert render_input(asked, None, labels) == request_text
    assert render_outputs(answered, labels) == (response_text,)


def test_an_edit_begins_with_its_instruction() -> None:
    instruction = json.dumps([{"type": "text", "content": "Fix it."}])
    asked = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "teh"}]}])
    text = render_input(asked, instruction, labels_of("text_completion", "edits"))
    assert text == "**Instruction**: Fix it.\n\n**Input**: teh"


def test_every_choice_has_its_own_text() -> None:
    answered = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": text}]} for text in "ab"])
    assert render_outputs(answered, CHAT_LABELS) == ("**assistant**: a", "**assistant**: b")


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
    assert render_input(messages, None, CHAT_LABELS) == expected


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
    assert render_outputs(json.dumps([{"role": "user", "parts": [part]}]), CHAT_LABELS) == (f"**user**: {expected}",)


def test_the_tools_of_a_call_are_named() -> None:
    assert tool_names(json.dumps([{"type": "function", "name": "f"}, {"type": "function", "name": "g"}])) == ["f", "g"]
