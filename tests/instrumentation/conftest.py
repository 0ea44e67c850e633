"""openai pointed at the server, and the instrumentation, new for each test."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import hypothesis
import openai
import openai.api_requestor
import pytest

from otel_openai_v0 import OpenAIInstrumentor
from otel_openai_v0._base.versions import NO_EVENTS
from tests.instrumentation.driving import Caller, Recording
from tests.instrumentation.installed import is_here
from tests.support.openai_server import OpenAIServer

Instrument = Callable[..., Recording]

hypothesis.settings.register_profile("ours", deadline=None, derandomize=True, database=None, max_examples=100)
hypothesis.settings.load_profile("ours")


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """For a reply that waits; opened at the end so that no server thread outlives the test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(autouse=True)
def openai_settings(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", raising=False)
    values = {"api_key": "sk-test", "api_base": server.url, "api_type": "open_ai"}
    none = ("api_version", "organization", "api_key_path", "proxy", "requestssession")
    for name, value in {**values, **dict.fromkeys(none)}.items():
        monkeypatch.setattr(openai, name, value)
    monkeypatch.setattr(openai.api_requestor, "_thread_context", threading.local())  # the sessions of other tests


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what this openai does not have, and async twins that never work: see `test_surface.py`."""

    def exists(item: pytest.Item) -> bool:
        given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        return given.get("caller") != "async" or getattr(given.get("asked"), "asynchronous", True)

    def is_possible(item: pytest.Item) -> bool:
        return all(is_here(*marker.args) for marker in item.iter_markers("needs"))

    items[:] = [item for item in items if exists(item) and is_possible(item)]


@pytest.fixture(params=["sync", "async"])
async def caller(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Caller]:
    made = Caller(request.param == "async")
    monkeypatch.setattr(openai, "requestssession", made.session)
    yield made
    await made.shut()


@pytest.fixture
async def async_caller() -> AsyncIterator[Caller]:
    """For what only tasks can do."""
    made = Caller(is_async=True)
    yield made
    await made.shut()


@pytest.fixture
def instrument() -> Iterator[Instrument]:
    """Instruments openai, by default with a provider that is returned; undone at the end."""
    instrumentor = OpenAIInstrumentor()

    def start(recording: Recording | None = None, **kwargs: Any) -> Recording:
        recording = recording or Recording()
        instrumentor.instrument(**{"tracer_provider": recording.provider, **kwargs})
        return recording

    yield start
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()


@pytest.fixture
def recording(instrument: Instrument) -> Recording:
    return instrument()


@pytest.fixture(autouse=True)
def _no_warnings(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No fault of ours is swallowed unseen: every test fails on a warning of ours or of OpenTelemetry's context."""
    caplog.set_level(logging.WARNING)
    yield
    if request.node.get_closest_marker("warns") is None:
        assert our_warnings(caplog) == []


@pytest.fixture
def warnings_logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    return lambda: our_warnings(caplog)


def our_warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [record for record in caplog.get_records("call") if record.name.startswith(("otel", "opentelemetry"))]
    found = [record.getMessage() for record in records if record.levelno >= logging.WARNING]
    return [message for message in found if message != NO_EVENTS]  # said of an old OpenTelemetry


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "warns: the test expects a warning in the log")
    config.addinivalue_line("markers", "needs(owner, method): the test is of a method that not every openai has")
