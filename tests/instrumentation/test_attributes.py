"""What receivers ask of every span: keys that make a tree, and a description of each failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from otel_openai_v0 import call_context
from otel_openai_v0._base import attributes as names
from tests.instrumentation.calls import CALLS, Asked, run
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import Caller, attributes
from tests.support.openai_server import OpenAIServer, Reply, error

CANARY = "canary-of-the-prompt"
NAMED = {
    value
    for name, value in vars(names).items()
    if name.isupper() and isinstance(value, str) and not name.endswith("_EVENT")
}
KEYS = frozenset({*NAMED, *names.OPENAI_RATE_LIMITS.values(), *names.MAY_QUOTE})
WITHHELD: tuple[Mapping[str, Any], ...] = (
    {"capture_content": "no_content"},
    {"redact": lambda _kind, _items: None},
    {"redact": lambda _kind, _items: []},
)


def refused(asked: Asked) -> Asked:
    return replace(asked, replies=(error(404, CANARY),))


def broken(asked: Asked) -> Asked:
    """A stream that ends with an error after its first chunk."""
    events = list(asked.replies[0].events or ())
    return replace(asked, replies=(Reply(events=[*events[:1], {"error": {"message": CANARY}}]),))


FAILING = (*map(refused, CALLS), *(broken(asked) for asked in CALLS if asked.replies[0].events))


def branching(keys: Iterable[str]) -> set[tuple[str, str]]:
    """Pairs of which one would be a value and a branch at once."""
    found = set(keys)
    return {(stem, key) for stem in found for key in found if key.startswith(f"{stem}.")}


def test_no_name_is_the_stem_of_another() -> None:
    assert len(KEYS) > 60
    assert branching(KEYS) == set()
    assert branching({"a", "a.b", "ab"}) == {("a", "a.b")}


@pytest.mark.filterwarnings("ignore:Engine.embeddings is deprecated")
@pytest.mark.parametrize("asked", [*CALLS, *FAILING], ids=str)
async def test_the_keys_of_a_span_make_a_tree(
    asked: Asked, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    recording = instrument()
    with call_context(user="u", session="s", conversation="c", prompt_name="n", prompt_version="1", tags=["t"]):
        await run(caller, server, asked)
    assert branching({*KEYS, *attributes(recording.only())}) == set()


@pytest.mark.filterwarnings("ignore:Engine.embeddings is deprecated")
@pytest.mark.parametrize(
    ("asked", "withheld"),
    [*((asked, WITHHELD[0]) for asked in FAILING), *((refused(CALLS[0]), how) for how in WITHHELD[1:])],
    ids=lambda given: str(given) if isinstance(given, Asked) else next(iter(given)),
)
async def test_a_failure_has_a_description_where_its_words_are_withheld(
    asked: Asked, withheld: Mapping[str, Any], caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    recording = instrument(**withheld)
    assert (await run(caller, server, asked)).error is not None
    span = recording.only()
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == attributes(span)["error.type"]
    assert CANARY not in span.to_json()


async def test_an_error_without_a_word_is_described_by_what_it_is(caller: Caller, instrument: Instrument) -> None:
    recording = instrument()

    def fail() -> None:
        raise KeyboardInterrupt

    caller.on_request = fail
    with pytest.raises(KeyboardInterrupt):
        await caller.answer()
    assert recording.only().status.description == "KeyboardInterrupt"
