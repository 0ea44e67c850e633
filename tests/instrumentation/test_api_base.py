"""Provider and server address, from arguments and from the module's settings."""

from __future__ import annotations

import enum

import openai
import pytest

from otel_openai_v0._openai.api_base import read_api_base
from tests.instrumentation.driving import CHAT, HELLO, Caller, Json, Recording, outcome
from tests.support.openai_server import OpenAIServer


class Kind(str, enum.Enum):
    """A program's own names."""

    AZURE = "azure"


class Address:
    """A program's own type of address, which cannot be a key."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        raise NotImplementedError

    def __add__(self, other: str) -> str:  # as openai puts addresses together
        return self.text + other

    __hash__ = None  # type: ignore[assignment]


AZURE_NAMES = ("azure", "Azure", "azure_ad", "azuread", Kind.AZURE)


@pytest.mark.parametrize("way", ["argument", "module"])
@pytest.mark.parametrize(
    ("api_type", "provider"),
    [*((name, "azure.ai.openai") for name in AZURE_NAMES), ("open_ai", "openai"), ("openai", "openai")],
)
async def test_the_provider_follows_the_api_type(
    way: str, api_type: str, provider: str, caller: Caller, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Json = {"engine": "e", "messages": HELLO, "api_version": "2023-05-15"}
    if way == "argument":
        asked["api_type"] = api_type
    else:
        monkeypatch.setattr(openai, "api_type", api_type)
    await caller.create("ChatCompletion", **asked)
    assert recording.attributes()["gen_ai.provider.name"] == provider


async def test_an_argument_wins_over_the_module(
    caller: Caller, server: OpenAIServer, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "api_base", "http://elsewhere.invalid:1/v1")
    monkeypatch.setattr(openai, "api_type", "azure")
    await caller.create("ChatCompletion", api_base=server.url, api_type="open_ai", **CHAT)
    found = recording.attributes()
    assert (found["gen_ai.provider.name"], found["server.address"]) == ("openai", "127.0.0.1")
    assert f":{found['server.port']}/" in server.url


async def test_the_module_is_read_at_each_call(
    caller: Caller, server: OpenAIServer, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caller.answer()
    monkeypatch.setattr(openai, "api_base", server.url.replace("127.0.0.1", "localhost"))
    await caller.answer()
    addresses = [(span.attributes or {})["server.address"] for span in recording.spans]
    assert addresses == ["127.0.0.1", "localhost"]


def fail(*_: object) -> None:
    raise LookupError("nothing is to be sent")


@pytest.mark.parametrize(
    ("api_base", "address", "port"),
    [
        ("https://api.openai.com/v1", "api.openai.com", 443),
        ("http://host/v1", "host", 80),
        ("https://mine.openai.azure.com:8443/", "mine.openai.azure.com", 8443),
        ("http://[::1]:81/v1", "::1", 81),
        ("http://host:99999/v1", None, None),
        ("no address", None, None),
    ],
)
async def test_the_server_is_read_from_the_base(
    api_base: str, address: str | None, port: int | None, caller: Caller, recording: Recording
) -> None:
    caller.on_request = fail
    caller.session.mount("https://", caller.session.get_adapter("http://x"))
    assert (await outcome(caller.answer(api_base=api_base))).error
    found = recording.attributes()
    assert (found.get("server.address"), found.get("server.port")) == (address, port)


@pytest.mark.parametrize("place", ["reached", "refused", "nonsense"])
@pytest.mark.parametrize("stream", [False, True])
async def test_user_information_in_the_base_is_not_recorded(
    place: str, stream: bool, caller: Caller, server: OpenAIServer, recording: Recording, refusing: str
) -> None:
    base = {"reached": server.url, "refused": refusing, "nonsense": "http://127.0.0.1:99999/v1"}[place]
    await outcome(caller.answer(api_base=base.replace("//", "//someone:canary@word@"), stream=stream))
    found = recording.only().to_json()
    assert not [part for part in ("someone", "canary", "word") if part in found]


def test_an_address_may_be_any_object() -> None:
    asked = {"api_base": Address("http://one:1/v1"), "api_type": "open_ai"}
    assert read_api_base(asked, openai).address == "one"
    asked["api_base"].text = "http://two:1/v1"  # type: ignore[attr-defined]
    assert read_api_base(asked, openai).address == "two"
