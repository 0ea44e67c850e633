"""No key in any span or log line, whoever repeats it."""

from __future__ import annotations

import logging
import re
import timeit
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_openai_v0._secrets import SCRUBBED, scrub, scrub_keys
from tests.instrumentation.driving import CHAT, Caller, Json, Recording, chunk, outcome, piece
from tests.support.openai_server import OpenAIServer, Reply, error

CANARY = "canary7f3a91c04be2d8"
MESSAGE = f"Incorrect API key provided: {CANARY}. You can find it."
SAID = {"error": {"message": MESSAGE, "type": "x", "param": None, "code": None}}

Give = Callable[[pytest.MonkeyPatch], Json]


def by_module(patch: pytest.MonkeyPatch) -> Json:
    patch.setattr(openai, "api_key", CANARY)
    return {}


def by_environment(patch: pytest.MonkeyPatch) -> Json:
    patch.setenv("OPENAI_API_KEY", CANARY)
    return {}


WAYS: dict[str, Give] = {
    "argument": lambda _: {"api_key": CANARY},
    "authorization": lambda _: {"headers": {"Authorization": f"Bearer {CANARY}"}},
    "lower case": lambda _: {"headers": {"authorization": CANARY}},
    "azure header": lambda _: {"headers": {"api-key": CANARY}},
    "module": by_module,
    "environment": by_environment,
}
REPLIES: dict[str, Reply] = {
    "401": error(401, MESSAGE),
    "500": Reply(500, SAID),
    "500 text": Reply(500, f"<html>{MESSAGE}</html>", "text/html"),
    "500 without a message": Reply(500, {"error": {"message": None, "type": MESSAGE}}),
    "400 without an error": Reply(400, {"detail": MESSAGE}),
    "200 text": Reply(200, f"<html>{MESSAGE}</html>"),
    "event": Reply(events=[chunk(piece("a")), SAID]),
    "cut": error(401, "x" * (2_000 - len(CANARY) // 2) + CANARY),
}


def everything(recording: Recording) -> str:
    return "".join(span.to_json() for span in recording.spans)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Of openai's own lines nothing is promised: it logs what the server says."""
    return "".join(record.getMessage() for record in caplog.records if record.name.startswith("otel"))


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("way", WAYS)
async def test_a_key_that_the_server_repeats_is_not_recorded(
    way: str,
    reply: str,
    caller: Caller,
    server: OpenAIServer,
    recording: Recording,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answer_always(REPLIES[reply])
    asked = WAYS[way](monkeypatch)
    result = await outcome(caller.answer(**asked, stream=REPLIES[reply].events is not None))
    assert result.error
    assert recording.only().events
    assert CANARY[:10] not in everything(recording) + logged(caplog)


async def test_a_key_from_a_file_is_not_recorded(
    caller: Caller, server: OpenAIServer, recording: Recording, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(f"sk-{CANARY}\n")  # openai takes no other from a file
    monkeypatch.setattr(openai, "api_key_path", str(tmp_path / "key"))
    server.answer_next(error(401, f"not sk-{CANARY}"))
    assert (await outcome(caller.answer())).error
    assert server.requests[0].headers["authorization"] == f"Bearer sk-{CANARY}"
    assert CANARY not in everything(recording)


@pytest.mark.parametrize("api_type", ["open_ai", "azure"])
@pytest.mark.parametrize("key", [f"{CANARY}\n", f"{CANARY}\r\n", f"{CANARY} "], ids=["line", "CRLF", "space"])
async def test_a_key_with_white_space_behind_it_is_not_recorded(
    key: str, api_type: str, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    """As read from a file with its line's end: the HTTP client quotes the header in its error."""
    server.answer_always(REPLIES["401"])
    asked = {"api_type": api_type, "api_version": "2023-05-15", "engine": "e"}
    assert (await outcome(caller.answer(api_key=key, **asked))).error
    assert CANARY not in everything(recording)


async def test_a_key_that_was_changed_since_is_not_recorded(
    caller: Caller, server: OpenAIServer, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "api_key", CANARY)
    server.answer_next(REPLIES["event"])
    stream = await caller.create("ChatCompletion", **CHAT, stream=True)
    monkeypatch.setattr(openai, "api_key", "another")
    assert (await outcome(caller.consume(stream))).error
    assert CANARY not in everything(recording)


async def test_a_key_is_in_no_span_of_a_call_that_works(caller: Caller, recording: Recording) -> None:
    headers = {"Authorization": f"Bearer {CANARY}", "X-Other": CANARY}
    assert await caller.answer(api_key=CANARY, headers=headers)
    assert await caller.answer(api_key=CANARY, headers=headers, stream=True)
    assert len(recording.spans) == 2
    assert CANARY not in everything(recording)


@pytest.mark.parametrize(
    "body", [SAID, {"error": {"message": "", "type": "t"}}, {"detail": 1}, "<html>canary-body</html>"]
)
async def test_body_and_headers_are_not_recorded(
    body: Any, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    sent = {**body, "inner": "canary-body"} if isinstance(body, dict) else body
    server.answer_next(Reply(500, sent, headers={"openai-organization": "canary-org"}))
    result = await outcome(caller.answer(organization="canary-org"))
    assert "canary-body" in str(result.error)
    span = recording.only()
    assert "canary-body" not in everything(recording)
    said = str([span.status.description, *(dict(event.attributes or {}) for event in span.events)])
    assert "canary-org" not in said
    assert (span.attributes or {})["openai.organization"] == "canary-org"  # on purpose, from its own header


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key sk-abcDEF123456 is bad", f"key {SCRUBBED} is bad"),
        ("sk-proj-a_b-c***********wxyz", SCRUBBED),
        ("Authorization: Bearer abc.def-123", f"Authorization: Bearer {SCRUBBED}"),
        ("{'api-key': '0123456789'}", f"{{'api-key': '{SCRUBBED}'}}"),
        (
            "https://gateway/x?subscription-key=0123abc&y=1 failed",
            f"https://gateway/x?subscription-key={SCRUBBED}&y=1 failed",
        ),
        ("a bearer of news", "a bearer of news"),
        ("a task-oriented risk-assessment", "a task-oriented risk-assessment"),
    ],
)
def test_what_looks_like_a_key_is_scrubbed(text: str, expected: str) -> None:
    assert scrub(text, ()) == expected


def test_the_longer_of_two_keys_goes_first() -> None:
    assert scrub("key-and-more key-and", ("key-and-more", "key-and")) == f"{SCRUBBED} {SCRUBBED}"


async def test_a_key_in_the_headers_of_an_error_is_scrubbed(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    key = f"sk-{CANARY}"
    server.answer_next(Reply(401, error(401, "no").body, headers={"x-request-id": key, "retry-after": key}))
    assert (await outcome(caller.answer())).error
    assert CANARY not in recording.only().to_json()


LONE = "an emoji that was cut: \ud83d"


async def test_no_text_of_a_span_is_one_that_an_exporter_cannot_write(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    """A lone surrogate in one span's status loses the whole batch of OTLP's exporter."""
    server.answer_next(Reply(400, {"error": {"message": LONE, "type": LONE, "param": None, "code": None}}))
    assert (await outcome(caller.answer(model=f"m{LONE}", user=LONE, stop=[LONE]))).error
    span = recording.only()
    events = [dict(event.attributes or {}) for event in span.events]
    assert "an emoji that was cut: ?" in str(span.status.description)
    for text in strings([span.name, span.status.description, dict(span.attributes or {}), events]):
        text.encode()


def strings(value: Any) -> list[str]:
    """All texts in a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    return [text for item in value for text in strings(item)] if isinstance(value, Iterable) else []


@given(st.lists(st.sampled_from(["sk-", "Bearer ", "abc123", "0123456789", "-", "_", "\\n", "%3D", " ", "task-", "x"])))
def test_every_key_is_found_that_is_one(parts: list[str]) -> None:
    """Against the pattern as one would write it, which takes 50 times as long."""
    text = "".join(parts)
    key = r"(?:(?<![\w-])|(?<=\\[abfnrtv])|(?<=%[0-9A-F]{2}))sk-[A-Za-z0-9_*-]{6,}"
    assert re.search(key, scrub_keys(text)) is None
    assert (scrub_keys(text) == text) == (re.search(key + r"|(?<=Bearer )(?=\S*\d)[\w.~+/=*-]{16,}", text) is None)


def test_a_hyphen_costs_little() -> None:
    """The caller waits for it."""
    plain, hyphens = "word " * 20_000, "task-force " * 9_000

    def took(text: str) -> float:
        return min(timeit.repeat(lambda: scrub_keys(text), number=3, repeat=5))

    assert took(hyphens) < 25 * took(plain)  # 5 here, and 62 when each place was tried
