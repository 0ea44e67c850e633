"""Images and recordings: what they are goes on the span, what is in them does not."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from tests.instrumentation.calls import DRAWN, IMAGE, PNG, SOUND, WAV
from tests.instrumentation.conftest import Instrument
from tests.instrumentation.driving import Caller, Recording, contents
from tests.instrumentation.installed import AUDIO_KNOWS_DEPLOYMENTS
from tests.instrumentation.watching import watch
from tests.support.openai_server import OpenAIServer, Reply, error

SHA = hashlib.sha256(PNG).hexdigest()


def of(caller: Caller, owner: Any, name: str) -> Any:
    return getattr(owner, f"a{name}" if caller.is_async else name)


async def test_images_are_recorded_by_address_or_by_what_they_are(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(Reply(body=DRAWN))
    result = await caller.create("Image", prompt="a cat", n=2, size="256x256", response_format="b64_json", user="u-1")
    assert result == DRAWN
    found = recording.attributes()
    assert contents(found["gen_ai.input.messages"]) == ["a cat"]
    url, blob = (message["parts"][0] for message in found["gen_ai.output.messages"])
    assert url == {"type": "uri", "modality": "image", "uri": "https://images.invalid/1"}
    assert blob == {
        "type": "blob_descriptor",
        "modality": "image",
        "mime_type": "image/png",
        "size": len(PNG),
        "sha256": SHA,
        "dimensions": "640x480",
    }
    assert found["openai.request.response_format"] == "b64_json"
    assert (found["gen_ai.request.choice.count"], found["user.id"]) == (2, "u-1")


WEBP = b"RIFF1234WEBPVP8 " + bytes(99)
TIFF = b"II*\0" + bytes(99)  # of no type that is known here


@pytest.mark.parametrize("key", ["url", "b64_json"])
@pytest.mark.parametrize("scheme", ["data:image/webp;base64,", "DATA:;base64,", "data:image/webp;x=y;base64,"])
async def test_an_image_that_is_its_own_address_is_described(
    scheme: str, key: str, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    data = base64.b64encode(WEBP).decode()
    server.answer_next(Reply(body={"created": 1, "data": [{key: scheme + data}]}))
    await caller.create("Image", prompt="a cat")
    (message,) = recording.attributes()["gen_ai.output.messages"]
    about = {"mime_type": "image/webp", "size": len(WEBP), "sha256": hashlib.sha256(WEBP).hexdigest()}
    assert message["parts"] == [{"type": "blob_descriptor", "modality": "image", **about}]
    assert data[:20] not in recording.only().to_json()


async def test_an_image_of_an_unknown_format_has_no_type(
    caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(Reply(body={"created": 1, "data": [{"b64_json": base64.b64encode(TIFF).decode()}]}))
    await caller.create("Image", prompt="a cat")
    ((part,),) = [message["parts"] for message in recording.attributes()["gen_ai.output.messages"]]
    assert part.keys() == {"type", "modality", "size", "sha256"}


SENT = base64.b64encode(PNG + bytes(99)).decode()
PLACES: dict[str, Any] = {
    "image": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{SENT}"}}],
    "image without a form": [{"type": "image_url", "image_url": f" data:image/png;base64,{SENT}"}],
    "bare base64": [{"type": "image_url", "image_url": {"url": SENT}}],
    "vector image": [{"type": "image_url", "image_url": {"url": f"data:image/svg+xml,%3Csvg%3E{SENT}"}}],
    "another API's": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": SENT}}],
    "sound": [{"type": "input_audio", "input_audio": {"data": SENT, "format": "wav"}}],
    "file": [{"type": "file", "file": {"file_data": f"data:application/pdf;base64,{SENT}"}}],
    "deep": [{"type": "x", "x": [{"y": {"z": f"see data:image/png;base64,{SENT}"}}]}],
    "text": f"![cat](data:image/png;base64,{SENT}) what is it?",
    "text of a part": [{"type": "text", "text": f"data:image/png;base64,{SENT}"}],
    "nothing but data": f"data:image/png;base64,{SENT}",
}


@pytest.mark.parametrize("role", ["user", "function"])
@pytest.mark.parametrize("place", PLACES)
async def test_the_bytes_of_a_file_are_recorded_nowhere(
    place: str, role: str, caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    server.answer_next(Reply(body={"choices": []}))  # the default is an echo
    watched = watch(instrument, capture_content="span_and_event")
    await caller.answer(messages=[{"role": role, "name": "f", "content": PLACES[place]}])
    assert SENT[:24] not in watched.everything()


@pytest.mark.parametrize("argument", ["functions", "user", "stop"])
async def test_nor_in_other_arguments(argument: str, caller: Caller, instrument: Instrument) -> None:
    watched = watch(instrument, capture_content="span_and_event")
    said = f"data:image/png;base64,{SENT}"
    await caller.answer(**{argument: [{"name": "f", "description": said}] if argument == "functions" else said})
    assert SENT[:24] not in watched.everything()


REQUIRED = {
    "text": {"content"},
    "blob": {"modality", "content"},
    "file": {"modality", "file_id"},
    "uri": {"modality", "uri"},
    "tool_call": {"name"},
    "tool_call_response": {"response"},
}
"""What the conventions demand of the parts that they know; others may have what they like."""


@pytest.mark.parametrize("place", PLACES)
async def test_every_part_has_what_its_type_demands(place: str, caller: Caller, recording: Recording) -> None:
    await caller.answer(messages=[{"role": "user", "content": PLACES[place]}])
    for part in recording.attributes()["gen_ai.input.messages"][0]["parts"]:
        assert isinstance(part["type"], str)
        assert REQUIRED.get(part["type"], set()) <= part.keys()


IDENTIFYING = {"name": "cat.png", "size": len(PNG), "sha256": SHA, "dimensions": "640x480"}


def said_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    prefix = "openai.request.image."
    return {key.removeprefix(prefix): value for key, value in attributes.items() if key.startswith(prefix)}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, IDENTIFYING | {"mime_type": "image/png"}),
        ({"capture_content": "no_content"}, {"mime_type": "image/png"}),
        ({"capture_content": "event_only"}, {"mime_type": "image/png"}),
        ({"redact": lambda kind, items: None if kind == "attributes" else items}, {"mime_type": "image/png"}),
        (
            {"redact": lambda _, items: [{**item, "openai.request.image.sha256": "x"} for item in items]},
            IDENTIFYING | {"mime_type": "image/png", "sha256": "x"},
        ),
    ],
    ids=["all", "no_content", "event_only", "redacted", "masked"],
)
async def test_what_tells_which_file_was_sent_goes_where_content_goes(
    options: dict[str, Any], expected: dict[str, Any], caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    server.answer_next(Reply(body=DRAWN))
    recording = instrument(**options)
    await caller.call(of(caller, openai.Image, "create_variation"), IMAGE.open())
    assert said_of(recording.only().attributes or {}) == expected


async def test_a_file_for_fine_tuning_is_not_told_without_content(
    caller: Caller, server: OpenAIServer, instrument: Instrument
) -> None:
    server.answer_next(Reply(body={"id": "file-1", "object": "file"}))
    recording = instrument(capture_content="no_content")
    await caller.create("File", file=SOUND.open(), purpose="fine-tune")
    found = recording.only().attributes or {}
    assert {key for key in found if key.startswith("openai.request.file.")} == {"openai.request.file.mime_type"}


@pytest.mark.parametrize("name", ["create_edit", "create_variation"])
async def test_a_file_is_sent_whole_although_it_was_looked_at(
    name: str, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(Reply(body=DRAWN))
    upload = IMAGE.open()
    await caller.call(of(caller, openai.Image, name), upload)
    assert PNG in server.requests[0].body
    found = recording.attributes()
    assert found["openai.request.image.sha256"] == SHA
    assert found["openai.request.image.name"] == "cat.png"


async def test_an_image_of_azure_is_one_span(
    caller: Caller, server: OpenAIServer, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    polled = {"operation-location": f"{server.url.removesuffix('/v1')}/openai/operations/images/1?api-version=x"}
    server.answer_next(
        Reply(202, {"id": "1", "status": "notRunning"}, headers=polled),
        Reply(body={"id": "1", "status": "running"}, headers={"retry-after": "0.001"}),
        Reply(body={"id": "1", "status": "succeeded", "result": DRAWN}),
    )
    monkeypatch.setattr(openai.api_requestor.time, "sleep", lambda _: None)

    async def no_pause(_: float) -> None:
        return None

    monkeypatch.setattr(openai.api_requestor.asyncio, "sleep", no_pause)
    monkeypatch.setattr("openai.openai_response.OpenAIResponse.retry_after", 0)
    result = await caller.create("Image", prompt="a cat", api_type="azure", api_version="2023-06-01-preview")
    assert (result, len(server.requests)) == (DRAWN, 3)
    found = recording.attributes()
    assert (found["gen_ai.provider.name"], found["openai.response.image_count"]) == ("azure.ai.openai", 2)
    assert (found["server.address"], found["openai.api.version"]) == ("127.0.0.1", "2023-06-01-preview")
    assert "openai.request.attempts" not in found
    assert not recording.only().events


@pytest.mark.parametrize("verb", ["transcribe", "translate"])
@pytest.mark.parametrize(
    ("response_format", "reply", "text"),
    [
        ("json", Reply(body={"text": "hello"}), "hello"),
        ("verbose_json", Reply(body={"text": "hello", "language": "en", "segments": [{"id": 0}]}), "hello"),
        ("srt", Reply(body="1\n00:00\nhello\n", content_type="text/plain; charset=utf-8"), "1\n00:00\nhello\n"),
        ("vtt", Reply(body="WEBVTT\n", content_type="text/plain"), "WEBVTT\n"),
        ("text", Reply(body="", content_type="text/plain"), ""),
    ],
)
async def test_a_recording_in_every_form(
    verb: str, response_format: str, reply: Reply, text: str, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    server.answer_next(reply)
    method = of(caller, openai.Audio, verb)
    result = await caller.call(method, "whisper-1", SOUND.open(), response_format=response_format, prompt="names")
    assert (result if isinstance(result, str) else result["text"]) == text
    assert WAV in server.requests[0].body
    found = recording.attributes()
    assert contents(found["gen_ai.output.messages"]) == [text]
    assert contents(found["gen_ai.input.messages"]) == ["names"]
    assert found["openai.request.response_format"] == response_format
    assert found["openai.request.file.mime_type"] == "audio/wav"
    assert (found["gen_ai.request.model"], found["openai.request.file.size"]) == ("whisper-1", len(WAV))


async def test_a_recording_on_azure(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    server.answer_next(Reply(body={"text": "hello"}))
    azure = {"api_type": "azure", "api_version": "2023-09-01-preview", "deployment_id": "dep-1"}
    method = of(caller, openai.Audio, "transcribe_raw")
    await caller.call(method, "whisper-1", SOUND.open(), "talk.wav", language="de", **azure)
    base = "/v1/openai/deployments/dep-1" if AUDIO_KNOWS_DEPLOYMENTS else "/v1"
    assert urlsplit(server.requests[0].path).path == f"{base}/audio/transcriptions"
    found = recording.attributes()
    assert recording.only().name == "transcription whisper-1"
    assert (found["gen_ai.provider.name"], found["openai.request.language"]) == ("azure.ai.openai", "de")
    sent = "2023-09-01-preview" if AUDIO_KNOWS_DEPLOYMENTS else None
    assert found.get("openai.api.version") == sent
    assert found["openai.request.file.name"] == "talk.wav"


@pytest.mark.parametrize("reply", [Reply(204), Reply(body=[]), Reply(body="hello", content_type="text/plain")])
async def test_an_answer_of_no_expected_kind(
    reply: Reply, caller: Caller, server: OpenAIServer, recording: Recording
) -> None:
    """`None`, a list, a text where JSON was expected: the caller gets it, and the span says nothing wrong."""
    server.answer_next(reply)
    expected = None if reply.status == 204 else reply.body
    assert await caller.create("Image", prompt="a cat") == expected
    assert "gen_ai.output.messages" not in recording.attributes()


async def test_a_refused_image(caller: Caller, server: OpenAIServer, recording: Recording) -> None:
    server.answer_next(error(400, "no cats", code="content_policy_violation"))
    with pytest.raises(openai.error.InvalidRequestError):
        await caller.create("Image", prompt="a cat")
    found = recording.attributes()
    assert (found["error.type"], found["openai.error.code"]) == ("InvalidRequestError", "content_policy_violation")


async def test_vectors_of_a_default_call_are_counted(caller: Caller, recording: Recording) -> None:
    """Openai asks for base64 and decodes it with numpy."""
    result = await caller.create("Embedding", model="ada", input=["a", "b"])
    found = recording.attributes()
    assert (found["openai.response.embedding_count"], found["gen_ai.embeddings.dimension.count"]) == (2, 8)
    assert str(result["data"][0]["embedding"])[1:-1] not in json.dumps(found)
