"""No key in any span or log line, whoever repeats it."""

from __future__ import annotations

import json
import logging
import time
import timeit
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_openai_v0._content.secrets import SCRUBBED, cut_before_key, scrub, scrub_keys
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
    key = "sk-of-our-proxy"  # openai takes no other from a file
    (tmp_path / "key").write_text(f"{key}\n")
    monkeypatch.setattr(openai, "api_key_path", str(tmp_path / "key"))
    server.answer_next(error(401, f"not {key}"))
    assert (await outcome(caller.answer())).error
    assert server.requests[0].headers["authorization"] == f"Bearer {key}"
    assert recording.only().status.description == "not [scrubbed]"


async def test_the_key_of_an_object_is_not_recorded(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    server.answer_always(REPLIES["401"])
    model = openai.Model("gpt", api_key=CANARY)
    assert (await outcome(caller.call(model.arefresh if caller.is_async else model.refresh))).error
    assert server.requests[0].headers["authorization"] == f"Bearer {CANARY}"
    assert CANARY[:10] not in everything(recording)


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
        ("key sk-abcDEF123456ghiJKL789 is bad", f"key {SCRUBBED} is bad"),
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


PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA7bq3vZ0x/Kj9+pQe\n" * 20 + "-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
HEX = "0f9d8c7b6a5e4d3c2b1a09f8e7d6c5b4"
RANDOM = "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"  # 36 letters and digits
KEYS = [
    f"sk-{RANDOM}T3BlbkFJ{RANDOM}",
    f"sk-proj-{RANDOM}_{RANDOM}-{RANDOM}",
    f"sk-svcacct-ab-cd_{RANDOM}",
    f"sk-ant-api03-{RANDOM}",
    "sk-" + "aBcDeFgHiJkLmNoPqRsTuVwX" * 2,  # no digit: one in 5,000
    f"sess-{RANDOM}",
    "AKIAZQ3DRSTUVWXY2345",
    "ASIAZQ3DRSTUVWXY2345",
    *(f"gh{kind}_{RANDOM}" for kind in "pousr"),
    f"github_pat_{RANDOM[:22]}_{RANDOM}{RANDOM[:23]}",
    f"AIza{RANDOM[:35]}",
    f"xoxb-1234567890123-1234567890123-{RANDOM[:24]}",
    f"xoxp-1234567890-1234567890-1234567890-{HEX}",
    f"hf_{RANDOM[:34]}",
    JWT,
    JWT.rpartition(".")[0],
    PEM,
    PEM.replace("RSA ", ""),
    PEM.replace("RSA ", "ENCRYPTED ").replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n", 1),
    PEM[:200],  # as an answer that was cut off
]
FORMS: dict[str, Callable[[str], str]] = {
    "alone": lambda key: key,
    "in a sentence": lambda key: f"my key is {key}, what now?",
    "on a line": lambda key: f"a\n{key}\nb",
    "quoted": lambda key: f'KEY = "{key}"',
    "in JSON": lambda key: json.dumps({"key": key, "more": "b"}),
    "in JSON in JSON": lambda key: json.dumps(json.dumps({"a": f"\n{key}\n"})),
    "in a repr": lambda key: repr(f"a\n{key}\x00{key}"),
    "in an address": lambda key: f"https://host/?q=key%3D{key}&more=1",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:14])
def test_every_key_is_taken_out_in_every_form(key: str, form: str) -> None:
    text = FORMS[form](key)
    for said in (text, json.dumps([{"content": text, "more": 1}], ensure_ascii=False)):
        scrubbed = scrub_keys(said)
        assert not any(
            key[at : at + 12] in scrubbed for at in range(4, len(key) - 12, 8) if "-" not in key[at : at + 12]
        )
        assert SCRUBBED in scrubbed
    assert json.loads(scrubbed)[0].keys() == {"content", "more"}


NAMES = (
    "api-key",
    "Api-Key",
    "API_KEY",
    "x-api-key",
    "AZURE_OPENAI_KEY",
    "Ocp-Apim-Subscription-Key",
    "aws_secret_access_key",
)


@pytest.mark.parametrize("form", ["{}: {}", "{}={}", "{} = '{}'", '{{"{}": "{}"}}', "{{'{}': '{}'}}", "-H '{}: {}'"])
@pytest.mark.parametrize("value", [HEX, RANDOM, f"{HEX}+/{HEX[:10]}=="])
@pytest.mark.parametrize("name", NAMES)
def test_what_has_the_name_of_a_key_is_taken_out(name: str, value: str, form: str) -> None:
    text, expected = form.format(name, value), form.format(name, SCRUBBED)
    assert scrub_keys(text) == expected
    assert json.loads(scrub_keys(json.dumps([text]))) == [expected]
    assert json.loads(json.loads(scrub_keys(json.dumps(json.dumps([text]))))) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn-style",
        "sk-Latn-SK",
        "sk-learn-based-pipeline-with-2-steps-and-more",
        "a task-force of 12, mask-abcdef0123456789abcdef",
        "sess-ions of an access-control1234567890abcdef",
        "sk-aaaaaaaaaaaaaaaaaaaaaaaa1",
        "AKIA, AKIAAAAAAAAAAAAAAAAA",
        "ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "self_abcdefghijklmnop, hf_hub_download, api_key, api-key: none, api_key=os.environ['KEY']",
        "xoxb-tokens of Slack begin so; AIza is how Google's do",
        "eyJhbGciOiJIUzI1NiJ9 is how a token begins, eyJ.eyJ",
        "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEA7bq3vZ0xKj9pQe\n-----END CERTIFICATE-----",
        "a line that says -----BEGIN PRIVATE KEY----- begins a key",
        "cache_key: d41d8cd98f00b204e9800998ecf8427e",
        "monkey: 0123456789, the bearer of this extraordinarily-long-word",
    ],
)
def test_what_is_no_key_stays(text: str) -> None:
    assert scrub_keys(text) == text
    assert scrub_keys(json.dumps([text])) == json.dumps([text])


def test_the_bytes_of_a_file_are_no_text() -> None:
    data = f"![a cat](data:image/png;base64,{'iVBORw0KGgo/AAA+' * 99}==) is a cat"
    assert scrub_keys(data) == f"![a cat](data:image/png;base64,{SCRUBBED}) is a cat"
    assert json.loads(scrub_keys(json.dumps([data]).replace("/", "\\/"))) == [scrub_keys(data)]


PIECES = [
    *KEYS,
    "sk-",
    "Bearer ",
    "api-key: ",
    HEX,
    "-----BEGIN PRIVATE KEY-----",
    "-----",
    ";base64,",
    "eyJ",
    ".",
    '"',
]


@given(st.lists(st.sampled_from([*PIECES, "\\", "\n", "%3D", " ", "x", "é", "/"])))
def test_json_stays_json(pieces: list[str]) -> None:
    text = "".join(pieces)
    for _ in range(3):
        text = json.dumps([text, "the end"], ensure_ascii=False)
        found = json.loads(scrub_keys(text))
        assert found[1:] == ["the end"]
        assert len(found[0]) <= len(json.loads(text)[0])


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:14])
def test_a_cut_leaves_no_part_of_a_key(key: str) -> None:
    text = f"{'word ' * 500}{key} {'word ' * 500}"
    start = text.index(key)
    for longest in range(start - 3, start + len(key) + 3):
        scrubbed = scrub_keys(text[: cut_before_key(text, longest)])
        assert scrubbed in (
            text[:longest],
            text[:start],
            *(f"{text[:start]}{SCRUBBED}{end}" for end in ("", " ", " w")),
        )


def least(text: str) -> float:
    return min(timeit.repeat(lambda: scrub_keys(text), timer=time.process_time, number=1, repeat=7))


def test_a_hyphen_costs_little() -> None:
    """The caller waits for it."""
    plain, hyphens = "word " * 20_000, "task-force " * 9_000
    assert least(hyphens) < 60 * least(plain)  # 15 here


REPEATED = [
    *("sk-", "sk- ", "sess-\n", "eyJ", "eyJ.", "AKIA", "AIza", "ghp_", "hf_", "xoxb-", "xoxb-a", "api-key", "api_key="),
    *("-----BEGIN", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY----- a", "-", "_", "a-", "sk-a-"),
    *(";base64,", ";base64,\\/", "Bearer ", "Bearer a", "\\", "-----BEGIN PRIVATE KEY-----\\n", f"{HEX}-", " "),
]


@pytest.mark.parametrize("piece", [*REPEATED, KEYS[0], JWT, PEM], ids=lambda piece: piece[:14])
def test_no_text_takes_more_than_its_length(piece: str) -> None:
    """16 times the text, not 256 times the time."""
    short, long = (piece * (length // len(piece)) for length in (10_000, 160_000))
    assert least(long) < 64 * least(short) + 0.001
