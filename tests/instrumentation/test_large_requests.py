"""A request of any size holds the caller no longer than what openai does with it: to write it as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from otel_openai_v0._content.message import Content
from otel_openai_v0._content.writer import ContentWriter
from otel_openai_v0._openai.request import chat_content, input_content, prompt_content
from tests.instrumentation.driving import Caller, Json, Recording

TEXT = "The quick brown fox jumps over the lazy dog - and who won the world series in 2020, by the way? " * 1_000
IDS = list(range(50_000, 58_191))  # 8,191: as many as a text to embed may have
MARGIN = 1.5  # both are measured here, on a machine that does other things too


def chat(*messages: Json, times: int) -> Json:
    return {"messages": [*messages] * times}


def said(length: int, **more: Any) -> Json:
    return {"role": "user", "content": TEXT[:length], **more}


CALL = {"name": "f", "arguments": json.dumps({"text": TEXT[:1_100], "numbers": [1, 2, 3]})}
REQUESTS: dict[str, tuple[Callable[[Any], Content], Json]] = {
    "2,048 lists of 8,191 ids": (input_content, {"input": [IDS] * 2_048}),
    "1,000 lists of 1,000 ids": (prompt_content, {"prompt": [IDS[:1_000]] * 1_000}),
    "8,191 ids": (input_content, {"input": IDS}),
    "2,048 long texts": (input_content, {"input": [TEXT[:30_000]] * 2_048}),
    "2,048 texts": (input_content, {"input": [TEXT[:2_000]] * 2_048}),
    "one message": (chat_content, chat({"role": "user", "content": TEXT * 10}, times=1)),
    "messages of 60,000 characters": (chat_content, chat(said(60_000), times=17)),
    "messages of 1,000": (chat_content, chat(said(1_000), times=1_000)),
    "messages of 100": (chat_content, chat(said(100), times=10_000)),
    "lines and quotes": (chat_content, chat({"role": "user", "content": '"a",\n' * 200}, times=1_000)),
    "another script": (chat_content, chat({"role": "user", "content": "漢字仮名交じり文" * 125}, times=1_000)),
    "parts": (chat_content, chat(said(0, content=[{"type": "text", "text": TEXT[:1_000]}]), times=1_000)),
    "functions": (chat_content, chat({"role": "assistant", "content": None, "function_call": CALL}, times=1_000)),
}


def seconds(work: Callable[[], object], tries: int) -> float:
    """What it takes of the processor, at best."""
    found = []
    for _ in range(tries):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_large_request_is_read_in_the_time_that_its_json_takes(name: str) -> None:
    read, arguments = REQUESTS[name]
    writer = ContentWriter()
    theirs = seconds(lambda: json.dumps(arguments), 1 if "2,048 l" in name else 9)
    assert seconds(lambda: writer.write("input", read(arguments).messages), 9) < MARGIN * theirs


@pytest.mark.parametrize(("owner", "argument"), [("Completion", "prompt"), ("Embedding", "input")])
async def test_a_list_of_ids_is_its_count_and_its_first_ids(
    owner: str, argument: str, caller: Caller, recording: Recording
) -> None:
    await caller.create(owner, model="m", **{argument: [IDS[:1_000], IDS[:20], [7]]})
    parts = [message["parts"] for message in recording.attributes()["gen_ai.input.messages"]]
    assert parts == [
        [{"type": "tokens", "count": count, "content": first}]
        for count, first in ((1_000, IDS[:20]), (20, IDS[:20]), (1, [7]))
    ]
