"""Every call that answers is one span, and says what the table says; none of the caller's bytes are in it."""

from __future__ import annotations

import openai
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from tests.instrumentation.calls import CALLS, MANAGED, SECRETS, Asked, run
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import Caller, Recording, attributes
from tests.instrumentation.installed import ADOWNLOAD_WORKS, METHODS_HERE, owner_of
from tests.support.openai_server import OpenAIServer, Reply


@pytest.mark.filterwarnings("ignore:Engine.embeddings is deprecated")
@pytest.mark.parametrize("asked", CALLS, ids=str)
async def test_a_call_is_one_span_and_the_same_to_the_caller(
    asked: Asked, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    bare = await run(caller, server, asked)
    assert bare.error is None
    sent = len(server.requests)
    recording = instrument()
    assert await run(caller, server, asked) == bare
    assert len(server.requests) == 2 * sent
    span = recording.only()
    assert (span.name, span.kind, span.status.status_code) == (asked.span, SpanKind.CLIENT, StatusCode.UNSET)
    found = attributes(span)
    assert {key: found.get(key) for key in asked.attributes} == asked.attributes
    assert (found["http.response.status_code"], found["openai.response.request_id"]) == (200, f"req-{2 * sent}")
    assert (found["openai.organization"], found["openai.response.processing_ms"]) == ("org-test", 7)
    assert f":{found['server.port']}/" in server.url
    assert not [secret for secret in SECRETS if secret in str((span.attributes, span.events))]


@pytest.mark.parametrize("asked", MANAGED, ids=str)
async def test_management_asks_no_model(
    asked: Asked, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    await run(caller, server, asked)
    found = recording.attributes()
    assert [key for key in found if key.startswith("gen_ai.") and key != "gen_ai.provider.name"] == []


def test_the_table_of_calls_has_every_method() -> None:
    """A new row of METHODS needs a call here; abstract rows are met through the classes below them."""
    broken = {("UpdateableAPIResource", "amodify"), *([] if ADOWNLOAD_WORKS else [("File", "adownload")])}
    called = {
        (base.__name__, f"{prefix}{asked.verb}")
        for asked in CALLS
        for prefix in ("", "a" if asked.asynchronous else "")
        for base in owner_of(asked.owner).__mro__
    }
    missing = {(method.owner.rpartition(".")[2], method.name) for method in METHODS_HERE} - called
    assert missing == broken


@pytest.mark.needs("File", "wait_for_processing")
async def test_waiting_for_a_file_is_one_span_of_several_requests(
    server: OpenAIServer, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openai.api_resources import file

    monkeypatch.setattr(file.time, "sleep", lambda _: None)
    server.answer_next(
        *(Reply(body={"id": "x-1", "status": status}) for status in ("uploaded", "uploaded", "processed"))
    )
    assert openai.File.wait_for_processing("x-1") == "processed"
    assert len(server.requests) == 3
    found = recording.attributes()
    assert found["openai.resource.id"] == "x-1"
    assert "openai.request.attempts" not in found
    assert not recording.only().events


@pytest.mark.parametrize("verb", ["retrieve", "delete"])
async def test_a_position_is_bound_by_the_name_that_openai_gives_it(
    verb: str, caller: Caller, server: OpenAIServer, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Deployment.delete(*args, **kwargs)` hands its arguments to a base, whose first one is no key."""
    monkeypatch.setattr(openai, "api_type", "azure")
    monkeypatch.setattr(openai, "api_version", "2023-05-15")
    (asked,) = (asked for asked in MANAGED if (asked.owner, asked.verb) == ("Deployment", verb))
    server.answer_next(Reply(body={"deleted": True}))  # which names no object
    await caller.call(asked.method(caller.is_async), "x-1")
    assert recording.attributes()["openai.resource.id"] == "x-1"


@pytest.mark.needs("FineTuningJob", "auto_paging_iter")
async def test_pages_are_a_span_each(server: OpenAIServer, recording: Recording) -> None:
    pages = [{"object": "list", "data": [{"id": f"ftjob-{n}"}], "has_more": n < 2} for n in range(3)]
    server.answer_next(*(Reply(body=page) for page in pages))
    assert [job.id for job in openai.FineTuningJob.auto_paging_iter()] == ["ftjob-0", "ftjob-1", "ftjob-2"]
    assert [span.name for span in recording.spans] == ["list fine_tuning.jobs"] * 3
