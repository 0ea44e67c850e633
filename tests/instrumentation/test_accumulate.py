"""A stream adds up to the response that a plain call would have given, however it is cut and mixed."""

from __future__ import annotations

import random
import sys
import tracemalloc
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from otel_openai_v0._accumulate import StreamAccumulator
from otel_openai_v0._operations import OutputReader
from otel_openai_v0._response import chat_messages, read_response, text_messages
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
