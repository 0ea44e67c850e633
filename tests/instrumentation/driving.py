"""Drives openai's sync and async methods from one test body, and reads what was recorded of them."""

from __future__ import annotations

import asyncio
import json
import re
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import openai
import requests
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler
from requests.adapters import HTTPAdapter

from tests.instrumentation.installed import RELEASES_CONNECTIONS

HELLO: Final = [{"role": "user", "content": "hello there"}]
CHAT: Final = {"model": "gpt-3.5-turbo", "messages": HELLO}
ROWS: Final = ("ChatCompletion", "Completion", "Edit", "Embedding")
ANSWERED: Final = {  # what the server's headers say of the first request
    "http.response.status_code": 200,
    "openai.organization": "org-test",
    "openai.response.processing_ms": 7,
    "openai.response.request_id": "req-1",
}
SAME_ID: Final = {"x-request-id": "req-same"}  # so that two runs of one scenario can be compared
END: Final = object()
_JSON_ATTRIBUTES: Final = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
)

Json = dict[str, Any]
Hook = Callable[[], None]


class Caller:
    """Calls `create` or `acreate`; `on_request` runs when the HTTP client is about to send."""

    def __init__(self, is_async: bool) -> None:
        self.is_async = is_async
        self.on_request: Hook = lambda: None
        self.session = requests.Session()
        self.session.mount("http://", _Adapter(self))
        self._async_session: aiohttp.ClientSession | None = None
        self._responses: list[aiohttp.ClientResponse] = []

    @property
    def method(self) -> str:
        return "acreate" if self.is_async else "create"

    async def create(self, owner: str | type, *args: Any, **kwargs: Any) -> Any:
        method = getattr(getattr(openai, owner) if isinstance(owner, str) else owner, self.method)
        return await self.call(method, *args, **kwargs)

    async def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not self.is_async:
            return method(*args, **kwargs)
        self._enter_session()
        return await method(*args, **kwargs)

    async def next(self, stream: Any) -> Any:
        return await anext(stream, END) if self.is_async else next(stream, END)

    async def consume(self, stream: Any) -> list[Any]:
        return [chunk async for chunk in stream] if self.is_async else list(stream)

    async def close(self, stream: Any) -> None:
        await stream.aclose() if self.is_async else stream.close()

    async def throw(self, stream: Any, error: BaseException) -> Any:
        return await stream.athrow(error) if self.is_async else stream.throw(error)

    async def answer(self, **kwargs: Any) -> Any:
        """A chat completion; the list of its chunks if it is streamed."""
        result = await self.create("ChatCompletion", **{**CHAT, **kwargs})
        return await self.consume(result) if kwargs.get("stream") else result

    async def shut(self) -> None:
        self.session.close()
        for response in self._responses:
            response.release()
        if self._async_session is not None:
            await self._async_session.close()

    def _enter_session(self) -> None:
        """Without a session of the caller's, openai leaks its own on a cancel and on a stream that is never read."""
        if self._async_session is None:
            tracing = aiohttp.TraceConfig()
            tracing.on_request_start.append(self._on_request_start)
            if not RELEASES_CONNECTIONS:
                tracing.on_request_end.append(self._on_request_end)
            self._async_session = aiohttp.ClientSession(trace_configs=[tracing])
        openai.aiosession.set(self._async_session)

    async def _on_request_start(self, *_: Any) -> None:
        self.on_request()

    async def _on_request_end(self, _session: Any, _context: Any, ended: aiohttp.TraceRequestEndParams) -> None:
        self._responses.append(ended.response)


class _Adapter(HTTPAdapter):
    def __init__(self, caller: Caller) -> None:
        super().__init__()
        self._caller = caller

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        self._caller.on_request()
        return super().send(*args, **kwargs)


class Recording:
    """A provider of its own, whose finished spans are kept."""

    def __init__(self, sampler: Sampler = ALWAYS_ON, span_limits: SpanLimits | None = None) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler, span_limits=span_limits)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("user")

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """The spans of openai's calls that ended."""
        return [span for span in self._exporter.get_finished_spans() if span.instrumentation_scope != _scope(self)]

    def only(self) -> ReadableSpan:
        (span,) = self.spans
        return span

    def attributes(self) -> Json:
        return attributes(self.only())


def _scope(recording: Recording) -> Any:
    return getattr(recording.tracer, "_instrumentation_scope", None)


def attributes(span: ReadableSpan) -> Json:
    """All attributes, with those that hold JSON parsed."""
    found = dict(span.attributes or {})
    return {key: json.loads(str(value)) if key in _JSON_ATTRIBUTES else value for key, value in found.items()}


def contents(messages: Any) -> list[Any]:
    """The content of each message's first part."""
    return [message["parts"][0]["content"] for message in messages]


def chunk(*choices: Json, **more: Any) -> Json:
    """A chunk of a streamed chat."""
    head = {"id": "chatcmpl-s", "object": "chat.completion.chunk", "created": 1, "model": "gpt-3.5-turbo-0613"}
    return {**head, "choices": list(choices), **more}


def piece(content: Any = None, index: int = 0, finish: str | None = None, **delta: Any) -> Json:
    """One choice of a chunk."""
    said = {} if content is None else {"content": content}
    return {"index": index, "delta": {**delta, **said}, "finish_reason": finish}


def text(*contents: str) -> Json:
    """The parts of a text message."""
    return {"parts": [{"type": "text", "content": content} for content in contents]}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a caller got: a value, or an error with the way it took through openai."""

    value: Any = None
    error: Any = None


async def outcome(awaitable: Awaitable[Any]) -> Outcome:
    """Await, and keep what came of it in a form that two runs can be compared by."""
    try:
        return Outcome(value=await awaitable)
    except BaseException as error:  # noqa: BLE001  # cancellation and the like are outcomes too
        return Outcome(error=_describe(error))


def _describe(error: BaseException | None) -> Any:
    if error is None:
        return None
    frames = traceback.extract_tb(error.__traceback__)
    passed = "<genexpr>"  # the frame of openai's through which an error goes that a caller throws into a bare stream
    way = [(frame.filename, frame.name) for frame in frames if "/openai/" in frame.filename and frame.name != passed]
    plain = re.sub(r"0x[0-9a-f]+", "0x", repr((error.args, str(error))))
    return type(error), plain, way, _describe(error.__cause__), error.__suppress_context__


async def settled() -> None:
    """Let the loop run what openai and the garbage collector left behind."""
    while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110  # there is no event to wait for
        await asyncio.sleep(0)
