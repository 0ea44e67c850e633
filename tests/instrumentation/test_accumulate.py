"""A stream adds up to the response that a plain call would have given, however it is cut and mixed."""

from __future__ import annotations

import random
import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_openai_v0._content.message import message_of
from otel_openai_v0._openai.chunks import StreamAccumulator
from otel_openai_v0._openai.operations import OutputReader
from otel_openai_v0._openai.response import chat_messages, read_response, text_messages
from tests.instrumentation.driving import Json

HEAD: Json = {"id": "x", "model": "m", "object": "o", "system_fingerprint": "fp"}
FINISHES = st.sampled_from(["stop", "length", "function_call", "content_filter"])
PIECES = st.lists(st.text(), min_size=1, max_size=8)
USAGE = st.none() | st.just({"prompt_tokens": 3, "completion_tokens": 0})
CHOICES = st.fixed_dictionaries({"content": st.none() | PIECES, "call": st.none() | PIECES, "finish": FINISHES})


def mixed(parts: list[list[Json]], order: random.Random) -> list[Json]:
    """One of the interleavings that keep the order within each choice."""
    waiting = [list(part) for part in parts if part]
    found = []
    while waiting:
        part = order.choice(waiting)
        found.append(part.pop(0))
        waiting = [part for part in waiting if part]
    return found


def check(parts: list[list[Json]], whole: list[Json], usage: Any, order: random.Random, read: OutputReader) -> None:
    accumulator = StreamAccumulator()
    for part in mixed(parts, order):
        accumulator.add({**HEAD, "choices": [part], "usage": None})
    accumulator.add({**HEAD, "choices": [], "usage": usage})
    response = {**HEAD, "choices": whole, **({} if usage is None else {"usage": usage})}
    found = accumulator.response()
    assert read_response(found) == read_response(response)
    assert read(found) == read(response)


def deltas(index: int, choice: Json) -> list[Json]:
    said = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in choice["content"] or ())]
    if choice["call"] is not None:
        said += [{"function_call": {"name": "f", "arguments": ""}}]
        said += [{"function_call": {"arguments": piece}} for piece in choice["call"]]
    parts = [{"index": index, "delta": delta, "finish_reason": None} for delta in said]
    return [*parts, {"index": index, "delta": {}, "finish_reason": choice["finish"]}]


def message(index: int, choice: Json) -> Json:
    said: Json = {"role": "assistant", "content": None if choice["content"] is None else "".join(choice["content"])}
    if choice["call"] is not None:
        said["function_call"] = {"name": "f", "arguments": "".join(choice["call"])}
    return {"index": index, "message": said, "finish_reason": choice["finish"]}


@given(st.lists(CHOICES, min_size=1, max_size=4), USAGE, st.randoms(use_true_random=False))
def test_chat(choices: list[Json], usage: Any, order: random.Random) -> None:
    parts = [deltas(index, choice) for index, choice in enumerate(choices)]
    whole = [message(index, choice) for index, choice in enumerate(choices)]
    check(parts, whole, usage, order, chat_messages)


@given(st.lists(st.tuples(PIECES, FINISHES), min_size=1, max_size=4), USAGE, st.randoms(use_true_random=False))
def test_text(choices: list[tuple[list[str], str]], usage: Any, order: random.Random) -> None:
    parts: list[list[Json]] = [
        [
            *({"index": index, "text": piece, "finish_reason": None} for piece in pieces),
            {"index": index, "text": "", "finish_reason": finish},
        ]
        for index, (pieces, finish) in enumerate(choices)
    ]
    whole = [
        {"index": index, "text": "".join(pieces), "finish_reason": finish}
        for index, (pieces, finish) in enumerate(choices)
    ]
    check(parts, whole, usage, order, text_messages)


@given(st.lists(CHOICES, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_choices_may_share_a_chunk(choices: list[Json], order: random.Random) -> None:
    parts = mixed([deltas(index, choice) for index, choice in enumerate(choices)], order)
    accumulator, together = StreamAccumulator(), StreamAccumulator()
    for part in parts:
        accumulator.add({**HEAD, "choices": [part]})
    while parts:
        size = order.randint(1, len(parts))
        together.add({**HEAD, "choices": parts[:size]})
        parts = parts[size:]
    assert together.response() == accumulator.response()


NUMBERED = st.sampled_from(["numbers", "ids", "both", "the same number", "new ids", "nothing"])
TOOLS = st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=4)


def tool_pieces(number: int, arguments: list[str], told_by: str) -> list[Json]:
    """The pieces of one call, told from others by what a server gives: OpenAI gives both."""
    pieces: list[Json] = [{"function": {"name": f"f{number}", "arguments": arguments[0]}, "type": "function"}]
    pieces += [{"function": {"arguments": piece}} for piece in arguments[1:]]
    for at, piece in enumerate(pieces):
        if told_by in {"numbers", "both", "new ids"}:
            piece["index"] = number
        if told_by == "the same number":
            piece["index"] = 0
        if told_by in {"ids", "the same number"} or (told_by == "both" and at == 0):
            piece["id"] = f"call-{number}"
        if told_by == "new ids":
            piece["id"] = f"call-{number}-{at}"
    return pieces


def in_chunks(calls: list[list[Json]], order: random.Random) -> list[list[Json]]:
    """One piece of a call in each chunk at most; the end of one may share it with the beginning of the next."""
    chunks: list[list[Json]] = []
    for pieces in calls:
        shared = bool(chunks) and order.random() < 0.5
        for at, piece in enumerate(pieces):
            if at == 0 and shared:
                chunks[-1].append(piece)
            else:
                chunks.append([piece])
    return chunks


def tools_of(chunks: list[list[Json]]) -> list[Json]:
    accumulator = StreamAccumulator()
    for tools in chunks:
        accumulator.add({**HEAD, "choices": [{"index": 0, "delta": {"tool_calls": tools}}]})
    (made,) = map(message_of, chat_messages(accumulator.response()))
    found: list[Json] = made["parts"]
    return found


def tool_call(number: int, text: str, call_id: str | None) -> Json:
    return {"type": "tool_call", "id": call_id, "name": f"f{number}", "arguments": text}


@given(st.lists(TOOLS, min_size=1, max_size=4), NUMBERED, st.randoms(use_true_random=False))
def test_tool_calls_however_they_are_told_apart(given_: list[list[str]], told_by: str, order: random.Random) -> None:
    arguments = [[f"<{pieces[0]}", *pieces[1:]] for pieces in given_]  # which is no JSON, and stays a text
    calls = [tool_pieces(number, pieces, told_by) for number, pieces in enumerate(arguments)]
    ids = [next((piece["id"] for piece in reversed(pieces) if "id" in piece), None) for pieces in calls]
    expected = [tool_call(number, "".join(pieces), ids[number]) for number, pieces in enumerate(arguments)]
    assert tools_of(in_chunks(calls, order)) == expected
    if told_by in {"numbers", "both", "new ids", "the same number"}:  # and mixed in any way
        found = tools_of([[piece] for piece in mixed(calls, order)])
        assert sorted(found, key=lambda call: str(call["name"])) == expected
        assert found == expected or told_by == "the same number"


@pytest.mark.parametrize("told_by", ["numbers", "ids", "nothing"])
def test_tool_calls_side_by_side_in_each_chunk(told_by: str) -> None:
    first, second = (tool_pieces(number, ["<", "a", "b"], told_by) for number in range(2))
    expected = [tool_call(number, "<ab", f"call-{number}" if told_by == "ids" else None) for number in range(2)]
    assert tools_of([[one, other] for one, other in zip(first, second, strict=True)]) == expected


def test_a_name_may_come_behind_its_id() -> None:
    pieces: list[Json] = [{"id": "call-0"}, {"function": {"name": "f0"}}, {"function": {"arguments": "<"}}]
    assert tools_of([[piece] for piece in pieces]) == [tool_call(0, "<", "call-0")]


WORDS = ["It ", "is ", "all."]
TEXTS: list[Json] = [{"text": word} for word in WORDS]
DELTAS: list[Json] = [{"delta": {"content": word}} for word in WORDS]
FORMS: dict[str, list[Json]] = {
    "text": TEXTS,
    "text that ends with a delta": [*TEXTS, {"delta": {}, "finish_reason": "stop"}],
    "text with empty deltas": [{**piece, "delta": {}} for piece in TEXTS],
    "text with a role": [{"delta": {"role": "assistant"}}, *TEXTS],
    "deltas": DELTAS,
    "deltas with texts": [{**delta, **piece} for delta, piece in zip(DELTAS, TEXTS, strict=True)],
    "a message": [{"message": {"role": "assistant", "content": "".join(WORDS)}}],
    "deltas and messages": [{**delta, "message": {"content": "so far"}} for delta in DELTAS],
}


@pytest.mark.parametrize("key", ["choices", "data"])
@pytest.mark.parametrize("read", [chat_messages, text_messages])
@pytest.mark.parametrize("form", FORMS)
def test_what_is_there_is_read_in_either_form(form: str, read: OutputReader, key: str) -> None:
    accumulator = StreamAccumulator()
    answered = [accumulator.add({**HEAD, key: [piece]}) for piece in FORMS[form]]
    assert any(answered)
    (made,) = map(message_of, read(accumulator.response()))
    assert (made["role"], made["parts"]) == ("assistant", [{"type": "text", "content": "It is all."}])


def test_the_data_of_an_event_is_no_choice() -> None:
    accumulator = StreamAccumulator()
    assert not accumulator.add({"object": "fine_tuning.job.event", "data": {"step": 1}})
    assert accumulator.response()["choices"] == []


def test_identity_may_come_after_the_first_choice() -> None:
    accumulator = StreamAccumulator()
    accumulator.add({"id": "", "model": "", "choices": [{"index": 0, "delta": {"role": "assistant"}}]})
    accumulator.add({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}}]})
    found = accumulator.response()
    assert (found.get("id"), found.get("model")) == ("x", "m")


def test_nothing_adds_up_to_nothing() -> None:
    assert StreamAccumulator().response() == {"choices": []}


def test_a_thousand_chunks_cost_no_more_than_their_text() -> None:
    words = [f"{n:04} " for n in range(1_000)]
    accumulator = StreamAccumulator()
    accumulator.add({**HEAD, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for word in words:
            text = "".join(list(word))  # a new object, as in a chunk
            accumulator.add({**HEAD, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    reference, slack = 10, 8_000  # bytes: with the room that a list keeps; a chunk has 500 and more
    assert after - before <= sum(map(sys.getsizeof, words)) + reference * len(words) + slack
