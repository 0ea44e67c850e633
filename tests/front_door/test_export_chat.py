"""Which messages are examples for fine-tuning, whatever instrumentation recorded them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from otel_openai_v0._content.limits import ContentLimits, written
from otel_openai_wandb._export.chat import CUT, NOT_RECORDED, UNFINISHED, UNKNOWN, InexpressibleError, examples
from otel_openai_wandb._export.selection import FoundCall
from otel_wandb._journal.reader import Texts
from otel_wandb._spans.clean import clean
from tests.support.journals import made_span

ANSWER = {"role": "assistant", "parts": [{"type": "text", "content": "yes"}]}


def text(content: object, role: str = "user") -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def called(*calls: tuple[str | None, object]) -> dict[str, Any]:
    parts = [{"type": "tool_call", "id": key, "name": "f", "arguments": arguments} for key, arguments in calls]
    return {"role": "assistant", "parts": parts}


def gave(role: str, *responses: object, kind: str = "tool_call_response") -> dict[str, Any]:
    return {"role": role, "parts": [{"type": kind, "id": "1", "response": one} for one in responses]}


def example(
    *asked: object, answer: Mapping[str, Any] = ANSWER, tools: Sequence[Any] = (), stream_end: str | None = None
) -> Any:
    """The only example of a call with these messages."""
    texts, span = Texts(), made_span("a", usage=(1, 1))
    call = span["call"]
    assert call is not None
    for number, message in enumerate((*asked, answer)):
        taken: Any = {"record": "message", "id": number, "message": message}
        texts.take(taken)
    texts.take({"record": "tools", "id": 0, "tools": tools})
    call["asked"], call["answered"], call["tools"] = range(len(asked)), [len(asked)], 0
    call["stream_end"] = stream_end
    (made,) = examples(FoundCall(span, call), texts)
    return made


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        (text("… 3 more of it"), [{"role": "user", "content": "… 3 more of it"}]),
        (text("<list> is a word"), [{"role": "user", "content": "<list> is a word"}]),
        ({"role": "user", "parts": []}, [{"role": "user", "content": ""}]),
        (
            called((None, {"a": "ü"})),
            [
                {
                    "role": "assistant",
                    "content": None,
                    "function_call": {"name": "f", "arguments": '{"a": "ü"}'},
                }
            ],
        ),
        (
            called(("x", None)),
            [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "x", "type": "function", "function": {"name": "f", "arguments": "null"}}],
                }
            ],
        ),
        (gave("function", {"a": [1]}), [{"role": "function", "content": '{"a": [1]}'}]),
        ({"role": "function", "name": "f", "parts": []}, [{"role": "function", "name": "f", "content": ""}]),
        (
            gave("tool", "a", None),
            [
                {"role": "tool", "tool_call_id": "1", "content": "a"},
                {"role": "tool", "tool_call_id": "1", "content": ""},
            ],
        ),
    ],
)
def test_a_message_is_one_that_openai_takes(message: Mapping[str, Any], sent: list[Any]) -> None:
    assert example(message)["messages"] == [*sent, {"role": "assistant", "content": "yes"}]


@pytest.mark.parametrize(
    "tool", [{"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}, {"name": "f"}]
)
def test_a_definition_is_a_function_or_a_tool_as_the_messages_have_it(tool: Mapping[str, Any]) -> None:
    assert example(text("hi"), tools=[tool])["functions"] == [{"name": "f"}]
    made = example(called(("x", {})), gave("tool", "a"), tools=[tool])
    assert made["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert "functions" not in made


def too_much() -> list[Any]:
    """Messages of which the oldest do not fit."""
    found: list[Any] = json.loads(written([text("word " * 40)] * 9, ContentLimits(total=700)))
    assert len(found) < 9
    return found


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ([], NOT_RECORDED),
        ([{"role": "user", "parts": [{"type": "blob_descriptor", "size": 3}]}], NOT_RECORDED),
        (too_much(), CUT),
        ([called((None, json.loads(written([{"arguments": "x" * 99}], ContentLimits(message=9)))[0]))], CUT),
        ([text(clean("x" * 99, 9))], CUT),
        ([called((None, clean({"a": [*range(1_001)]})))], CUT),
        ([called((None, clean({str(number): number for number in range(1_001)})))], CUT),
        ([called((None, clean({"a": {"b": {}}}, depth=2)))], CUT),
        ([{"text": '[{"role": "user", "parts": [{"type": "text", "cont'}], UNKNOWN),
        ([{"role": "user", "parts": [{"type": "reasoning", "content": "hm"}]}], UNKNOWN),
        ([{"role": "user", "parts": ["bare"]}], UNKNOWN),
        ([{"role": "narrator", "parts": []}], UNKNOWN),
        ([{"role": "user"}], UNKNOWN),
        ([text({"a": 1})], UNKNOWN),
        ([called((None, {}), (None, {}))], UNKNOWN),
        ([called(("x", {}), (None, {}))], UNKNOWN),
        ([gave("function", "a", "b")], UNKNOWN),
        ([gave("tool", "a", kind="text")], UNKNOWN),
    ],
)
def test_what_has_no_words_in_it_says_why(asked: list[Any], reason: str) -> None:
    with pytest.raises(InexpressibleError, match=f"^{reason}$"):
        example(*asked)


@pytest.mark.parametrize("tool", [{"type": "web_search"}, "f", {"name": "f", "parameters": {"type": "<dict>"}}])
def test_a_definition_that_is_none_says_why(tool: object) -> None:
    with pytest.raises(InexpressibleError):
        example(text("hi"), tools=[tool])


def test_an_answer_must_have_an_end() -> None:
    whole = {**ANSWER, "finish_reason": "stop"}
    assert example(text("hi"), answer=whole, stream_end="closed") == example(text("hi"), answer=whole)
    for answer, stream_end in (
        (ANSWER, "abandoned"),
        ({**ANSWER, "finish_reason": "length"}, None),
        ({**ANSWER, "finish_reason": "content_filter"}, "exhausted"),
    ):
        with pytest.raises(InexpressibleError, match=UNFINISHED):
            example(text("hi"), answer=answer, stream_end=stream_end)
