"""One call of every method of openai that answers: what is asked, what is answered, what its span says."""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, NamedTuple

from aiohttp import StreamReader
from openai.openai_response import OpenAIResponse

from tests.instrumentation.driving import Caller, Json, Outcome, chunk, outcome, piece
from tests.instrumentation.installed import ADOWNLOAD_WORKS, is_here, owner_of
from tests.support.openai_server import OpenAIServer, Reply

PNG: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 640, 480) + b"canary-pixels"
WAV: Final = b"RIFF\x00\x00\x00\x00WAVEfmt canary-sound"
B64: Final = base64.b64encode(PNG).decode()
SECRETS: Final = ("canary", B64[20:60], "0.123456")  # pixels, sound, lines of files, vectors: never in a span
AZURE: Final = {"api_type": "azure", "api_version": "2023-05-15"}


class Upload(NamedTuple):
    """A file of the caller's, opened anew for each call."""

    name: str
    data: bytes

    def open(self) -> BytesIO:
        made = BytesIO(self.data)
        made.name = self.name
        return made


@dataclass(frozen=True, slots=True)
class Asked:
    """`owner` is below the module openai; with `id` the method is called on an object, else on the class."""

    owner: str
    verb: str
    arguments: Mapping[str, Any]
    replies: tuple[Reply, ...]
    span: str
    attributes: Mapping[str, Any]
    id: str | None = None
    sync: bool = True
    asynchronous: bool = True
    requests: int = 1

    def __str__(self) -> str:
        stream = "-stream" if self.arguments.get("stream") else ""
        return f"{self.owner}.{self.verb}{stream}"

    def method(self, is_async: bool) -> Any:
        found = owner_of(self.owner)
        target = found if self.id is None else found(id=self.id)
        return getattr(target, f"a{self.verb}" if is_async else self.verb)

    def fresh(self) -> Json:
        """The arguments, with files that nobody has read yet."""
        return {key: value.open() if isinstance(value, Upload) else value for key, value in self.arguments.items()}


async def run(caller: Caller, server: OpenAIServer, asked: Asked, method: Any = None) -> Outcome:
    """Make the call, to its end if it streams; two runs of one call can be compared."""
    server.answer_next(*asked.replies)
    return await outcome(_run(caller, asked, method or asked.method(caller.is_async)))


async def _run(caller: Caller, asked: Asked, method: Any) -> Any:
    result = await caller.call(method, **asked.fresh())
    if isinstance(result, (Generator, AsyncGenerator)):
        return type(result), await caller.consume(result)
    if isinstance(result, StreamReader):  # of `File.adownload`
        return type(result), await result.read()
    return plain(result)


def plain(result: Any) -> Any:
    """Openai's response has no `==`; its type counts too."""
    return type(result), result.data if isinstance(result, OpenAIResponse) else result


def ok(body: Any, **more: Any) -> tuple[Reply, ...]:
    return (Reply(body=body, **more),)


def model_call(operation: str, api: str, **more: Any) -> Json:
    return {"gen_ai.operation.name": operation, "openai.api.type": api, **more}


def management(verb: str, resource: str, resource_id: str | None = None) -> Json:
    found = {"openai.operation.name": verb, "openai.resource.type": resource, "openai.api.type": "management"}
    return found | ({} if resource_id is None else {"openai.resource.id": resource_id})


def described(argument: str, name: str, data: bytes, mime_type: str | None) -> Json:
    found = {"name": name, "size": len(data), "mime_type": mime_type}
    return {f"openai.request.{argument}.{key}": value for key, value in found.items() if value is not None}


def _managed(owner: str, resource: str, verb: str, arguments: Json, body: Any, **more: Any) -> Asked:
    about = arguments.get("id") or body.get("id")
    expected = management(verb, resource, about)
    return Asked(owner, verb, arguments, ok(body), f"{verb} {resource}", expected, **more)


def _collection(owner: str, resource: str, *verbs: str, create: Json | None = None, **more: Any) -> Iterator[Asked]:
    """The inherited methods of a class; `more` goes with each call."""
    one = {"id": "x-1", "object": "thing", "status": "processed"}
    arguments: Mapping[str, Json] = {
        "create": create or {},
        "list": {},
        "retrieve": {"id": "x-1"},
        "delete": {"sid": "x-1"},
        "cancel": {"id": "x-1"},
        "list_events": {"id": "x-1"},
    }
    for verb in verbs:
        body: Any = {"object": "list", "data": [one]} if verb.startswith("list") else one
        asked = {**arguments[verb], **more}
        yield _managed(owner, resource, verb, asked, body, asynchronous=verb != "list_events")


UPLOAD: Final = Upload("/home/me/train.jsonl", b'{"prompt": "canary-line"}\n')
FILES: Final = {"object": "list", "data": [{"id": "x-1", "purpose": "p", "filename": "train.jsonl", "bytes": 26}]}
EVENTS: Final = Reply(events=[{"object": "fine-tune-event", "id": f"event-{n}"} for n in range(2)])
_MANAGED: Final[tuple[Asked, ...]] = (
    *_collection("Model", "models", "list", "retrieve", "delete"),
    _managed("Model", "models", "refresh", {}, {"id": "x-1"}, id="x-1"),
    *_collection("File", "files", "list", "retrieve", "delete"),
    Asked(
        *("File", "create", {"file": UPLOAD, "purpose": "fine-tune"}, ok({"id": "x-1", "object": "file"})),
        "create files",
        {**management("create", "files", "x-1"), **described("file", "train.jsonl", UPLOAD.data, None)},
    ),
    Asked(
        *("File", "download", {"id": "x-1"}, ok(b"canary\n", content_type="application/octet-stream")),
        "download files",
        management("download", "files", "x-1"),
        asynchronous=ADOWNLOAD_WORKS,
    ),
    Asked(
        *("File", "find_matching_files", {"name": "train.jsonl", "bytes": 26, "purpose": "p"}, ok(FILES)),
        "find_matching_files files",
        management("find_matching_files", "files"),
    ),
    _managed(
        "File", "files", "wait_for_processing", {"id": "x-1"}, {"id": "x-1", "status": "processed"}, asynchronous=False
    ),
    *_collection(
        *("FineTune", "fine-tunes", "create", "list", "retrieve", "delete", "cancel", "list_events"),
        create={"training_file": "file-1"},
    ),
    Asked(
        *("FineTune", "stream_events", {"id": "x-1"}, (EVENTS,), "stream_events fine-tunes"),
        {
            **management("stream_events", "fine-tunes", "x-1"),
            "openai.stream.chunk_count": 2,
            "openai.stream.end": "exhausted",
        },
    ),
    *_collection(
        *("FineTuningJob", "fine_tuning.jobs", "create", "list", "retrieve", "delete", "cancel", "list_events"),
        create={"training_file": "file-1", "model": "gpt-3.5-turbo"},
    ),
    *_collection("Engine", "engines", "list", "retrieve"),
    _managed("Engine", "engines", "modify", {"sid": "x-1", "replicas": 2}, {"id": "x-1"}, asynchronous=False),
    *_collection(
        *("Deployment", "deployments", "create", "list", "retrieve", "delete"),
        create={"model": "ada", "scale_settings": {"scale_type": "standard"}},
        **AZURE,
    ),
    *_collection(
        *("CompletionConfig", "experimental.completion_configs", "create", "list", "retrieve", "delete"),
        create={"temperature": 0.5, "n": 2},  # which are not asked of a model here
    ),
    _managed("Customer", "customer", "create", {"customer": "c-1", "endpoint": "things", "a": 1}, {"id": "x-1"}),
)
MANAGED: Final = tuple(asked for asked in _MANAGED if is_here(asked.owner, asked.verb))

IMAGE: Final = Upload("/home/me/cat.png", PNG)
SOUND: Final = Upload("/home/me/talk.wav", WAV)
DRAWN: Final = {"created": 1, "data": [{"url": "https://images.invalid/1"}, {"b64_json": B64}]}
_IMAGES: Final = {"gen_ai.output.type": "image", "openai.request.size": "256x256"}
_SPOKEN: Final = {"gen_ai.request.model": "whisper-1", **described("file", "talk.wav", WAV, "audio/wav")}
MEDIA: Final[tuple[Asked, ...]] = (
    Asked(
        *("Image", "create", {"prompt": "a cat", "n": 2, "size": "256x256"}, ok(DRAWN), "image_generation"),
        model_call("image_generation", "images", **_IMAGES, **{"openai.response.image_count": 2}),
    ),
    Asked(
        *("Image", "create_edit", {"image": IMAGE, "mask": IMAGE, "prompt": "a hat", "size": "256x256"}, ok(DRAWN)),
        "image_edit",
        model_call("image_edit", "images", **_IMAGES)
        | described("image", "cat.png", PNG, "image/png")
        | described("mask", "cat.png", PNG, "image/png")
        | {"openai.request.image.dimensions": "640x480"},
    ),
    Asked(
        *("Image", "create_variation", {"image": IMAGE, "size": "256x256"}, ok(DRAWN), "image_variation"),
        model_call("image_variation", "images", **_IMAGES) | described("image", "cat.png", PNG, "image/png"),
    ),
    *(
        Asked(
            *("Audio", f"{verb}{raw}", {"model": "whisper-1", "file": SOUND, **filename}, ok({"text": "hello"})),
            f"{operation} whisper-1",
            model_call(operation, "audio", **_SPOKEN),
        )
        for verb, operation in (("transcribe", "transcription"), ("translate", "translation"))
        for raw, filename in (("", {}), ("_raw", {"filename": "talk.wav"}))
    ),
)

_VECTORS: Final = {"object": "list", "data": [{"index": 0, "embedding": [0.123456, 0.5]}], "model": "ada-2"}
_ANSWER: Final = {"id": "c-1", "model": "m-1", "choices": [{"index": 0, "text": "so", "finish_reason": "stop"}]}
_CHAT: Final = {"id": "c-1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "so"}}]}
_PIECES: Final = Reply(events=[chunk(piece("s", role="assistant")), chunk(piece("o", finish="stop"))])
_TEXTS: Final = Reply(events=[_ANSWER, _ANSWER])
_HI: Final = [{"role": "user", "content": "hi"}]
_FLAGGED: Final = [{"flagged": True, "categories": {"hate": True, "self": False}}, {"flagged": False}]


def _streamed(asked: Asked, reply: Reply) -> Asked:
    attributes = {**asked.attributes, "gen_ai.request.stream": True, "openai.stream.chunk_count": 2}
    return Asked(
        *(asked.owner, asked.verb, {**asked.arguments, "stream": True}, (reply,), asked.span, attributes, asked.id),
        asynchronous=asked.owner != "Engine",  # broken upstream
    )


_CHATTED: Final = Asked(
    *("ChatCompletion", "create", {"model": "gpt-4", "messages": _HI}, ok(_CHAT), "chat gpt-4"),
    model_call("chat", "chat_completions", **{"gen_ai.request.model": "gpt-4"}),
)
_COMPLETED: Final = Asked(
    *("Completion", "create", {"model": "davinci", "prompt": "p"}, ok(_ANSWER), "text_completion davinci"),
    model_call("text_completion", "completions", **{"gen_ai.request.model": "davinci"}),
)
_GENERATED: Final = Asked(
    *("Engine", "generate", {"prompt": "p"}, ok({"id": "c-1", "data": [{"text": "so"}]}), "text_completion e-1"),
    model_call("text_completion", "completions", **{"gen_ai.request.model": "e-1"}),
    id="e-1",
)
MODEL_CALLS: Final[tuple[Asked, ...]] = (
    _CHATTED,
    _streamed(_CHATTED, _PIECES),
    _COMPLETED,
    _streamed(_COMPLETED, _TEXTS),
    _GENERATED,
    _streamed(_GENERATED, _TEXTS),
    Asked(
        *("Edit", "create", {"model": "ed", "input": "i", "instruction": "x"}, ok(_ANSWER), "text_completion ed"),
        model_call("text_completion", "edits", **{"gen_ai.request.model": "ed"}),
    ),
    Asked(
        *("Embedding", "create", {"model": "ada", "input": "i", "encoding_format": "float"}, ok(_VECTORS)),
        "embeddings ada",
        model_call("embeddings", "embeddings")
        | {"gen_ai.embeddings.dimension.count": 2, "openai.response.embedding_count": 1},
    ),
    Asked(
        *("Engine", "embeddings", {"input": "i"}, ok(_VECTORS), "embeddings e-1"),
        model_call("embeddings", "embeddings", **{"gen_ai.embeddings.dimension.count": 2}),
        id="e-1",
        asynchronous=False,
    ),
    Asked(
        *("Moderation", "create", {"input": ["a", "b"], "model": "text-moderation-stable"}),
        ok({"id": "m-1", "model": "text-moderation-006", "results": _FLAGGED}),
        "moderation text-moderation-stable",
        model_call("moderation", "moderations", **{"gen_ai.response.model": "text-moderation-006"})
        | {"openai.moderation.flagged": True, "openai.moderation.categories": ("hate",)},
    ),
)
CALLS: Final = (*MANAGED, *MEDIA, *MODEL_CALLS)
