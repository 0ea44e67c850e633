"""Calls at the same time stay apart."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from opentelemetry import trace

from otel_openai_v0._calls.start import Calls
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import CHAT, Caller, Recording, attributes, contents


def pairs(recording: Recording) -> list[tuple[str, str]]:
    """Prompt and answer of each span."""
    found = [attributes(span) for span in recording.spans]
    inputs = [contents(each["gen_ai.input.messages"])[0] for each in found]
    return list(zip(inputs, [contents(each["gen_ai.output.messages"])[0] for each in found], strict=True))


def expected(prompts: list[str]) -> list[tuple[str, str]]:
    return sorted((prompt, f"You said: {prompt}") for prompt in prompts)


def said(content: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": content}]


async def test_a_hundred_tasks_have_a_hundred_spans(async_caller: Caller, recording: Recording) -> None:
    async def ask(number: int) -> None:
        with recording.tracer.start_as_current_span(f"user {number}") as mine:
            await async_caller.answer(messages=said(f"prompt {number}"), stream=number % 2 == 1)
            assert trace.get_current_span() is mine
            parents[f"prompt {number}"] = mine.get_span_context().span_id

    parents: dict[str, int] = {}
    await asyncio.gather(*map(ask, range(100)))
    assert sorted(pairs(recording)) == expected([f"prompt {number}" for number in range(100)])
    assert [span.parent and span.parent.span_id for span in recording.spans] == [
        parents[prompt] for prompt, _ in pairs(recording)
    ]


@pytest.mark.parametrize("method", ["create", "request"])
async def test_another_thread_may_find_the_provider_first(
    method: str, caller: Caller, instrument: Instrument, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other thread clears what is called before each call until then, at the very moment we look at it."""
    kept = getattr(openai.ChatCompletion, caller.method)
    recording = instrument()
    looks: Iterator[Callable[[], None]] = iter([lambda: None])
    monkeypatch.setattr(Calls, "settle", property(lambda _: next(looks, None), lambda *_: None))
    await (caller.answer() if method == "create" else caller.call(kept, **CHAT))
    assert len(recording.spans) == 1


def test_two_users_in_many_threads_never_mix(recording: Recording) -> None:
    together = threading.Barrier(16)

    def work(thread: int) -> None:
        user = f"user-{thread % 2}"
        together.wait(30)
        for number in range(8):
            with recording.tracer.start_as_current_span(user):
                asked = {"model": user, "messages": said(f"{user} in {thread}: {number}"), "stream": number % 2 == 1}
                answer = openai.ChatCompletion.create(user=user, api_key=f"key-of-{user}", **asked)
                if asked["stream"]:
                    list(answer)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert len(recording.spans) == 128
    for span, (prompt, answer) in zip(recording.spans, pairs(recording), strict=True):
        found = span.attributes or {}
        user = str(found["user.id"])
        assert (found["gen_ai.request.model"], found["gen_ai.response.model"]) == (user, user)
        assert answer == f"You said: {prompt}"
        assert prompt.startswith(user)
        assert f"user-{1 - int(user[-1])}" not in span.to_json()


async def test_a_task_cancelled_among_others_disturbs_none(async_caller: Caller, recording: Recording) -> None:
    tasks = [asyncio.create_task(async_caller.answer(messages=said(f"p{number}"))) for number in range(10)]
    await asyncio.sleep(0)  # all begin
    tasks[3].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [n == 3 for n in range(10)]
    failed = [span for span in recording.spans if "error.type" in (span.attributes or {})]
    assert (len(recording.spans), len(failed)) == (10, 1)
