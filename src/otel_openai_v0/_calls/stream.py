"""Wraps openai's streams in generators that record each chunk and end the span once.

The caller may exhaust, close, throw into, abandon or never read a stream, in any thread or task. A generator that was
never started runs no `finally`, so there is a finalizer as well. When the last reference goes, the finalizer may run
before the generator's GeneratorExit. So the state is in the record, not in the generator. `open_streams` ends a stream
that is still open when the program ends.

No context stays attached across a `yield`, and none is attached while a chunk is read. The request was sent before the
caller got the stream.
"""

import threading
import weakref
from collections.abc import AsyncGenerator, Generator
from typing import Any, TypeVar

from otel_openai_v0._base import attributes as names
from otel_openai_v0._base.attributes import Attributes
from otel_openai_v0._calls.call import Call
from otel_openai_v0._calls.open_streams import OPEN_STREAMS
from otel_openai_v0._openai.chunks import StreamAccumulator
from otel_openai_v0._openai.response import payload

_Traced = TypeVar("_Traced", Generator[Any, None, None], AsyncGenerator[Any, None])


class StreamRecord:
    """Records the chunks of one stream, and ends its call."""

    __slots__ = ("_accumulator", "_call", "_chunks", "_dimensions", "_done", "_first", "_last", "thread")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._accumulator = StreamAccumulator()
        self._chunks = 0
        self._dimensions: Attributes | None = None
        self._first: float | None = None
        self._last = 0.0
        self._done = False
        self.thread = threading.get_ident()

    def is_read_here(self) -> None:
        """Note the thread that reads the stream."""
        self.thread = threading.get_ident()

    def saw(self, chunk: Any) -> None:
        """Record a chunk. Called before the caller gets it, because the caller may change it."""
        self._chunks += 1
        try:  # `quietly` costs twice as much, and a call has a thousand chunks
            if self._accumulator.add(payload(chunk)) and (self._first is None or self._dimensions is not None):
                self._answered(self._call.elapsed())
        except Exception as error:  # noqa: BLE001
            self._call.note("reading a chunk", error)

    def ended(self, how: str) -> None:
        """End the call; `how` is "exhausted", "closed" or "abandoned". Only the first end counts."""
        if not self._done:
            self._end(None, how)

    def broke(self, error: BaseException) -> None:
        """End the call with the exception that ended the stream, also a cancellation or the caller's `throw`."""
        self._end(error, "error")

    def _end(self, error: BaseException | None, how: str) -> None:
        self._done = True
        OPEN_STREAMS.discard(self)
        self._call.finish(error, self._response(), self._attributes(how))

    def _answered(self, elapsed: float) -> None:
        if self._first is None:
            self._first = elapsed
            with self._call.quietly("joining a stream"):
                self._dimensions = self._call.chunk_dimensions(self._accumulator.response())
        elif self._dimensions is not None:
            self._call.chunk_came(elapsed - self._last, self._dimensions)
        self._last = elapsed

    def _response(self) -> Any:
        # The caller may keep the stream after its end, and so this object.
        accumulator, self._accumulator = self._accumulator, StreamAccumulator()
        with self._call.quietly("joining a stream"):
            return accumulator.response()
        return None

    def _attributes(self, how: str) -> Attributes:
        found: Attributes = {names.OPENAI_STREAM_END: how, names.OPENAI_STREAM_CHUNK_COUNT: self._chunks}
        return found if self._first is None else {**found, names.RESPONSE_TIME_TO_FIRST_CHUNK: self._first}


def traced_stream(stream: Generator[Any, None, None], call: Call) -> Generator[Any, None, None]:
    """A generator like `stream` that records its chunks and closes `stream` when it is closed."""
    record = StreamRecord(call)
    return _watched(_chunks(stream, record), record)


def traced_async_stream(stream: AsyncGenerator[Any, None], call: Call) -> AsyncGenerator[Any, None]:
    """A generator like the `stream` of `acreate`, as `traced_stream`."""
    record = StreamRecord(call)
    return _watched(_async_chunks(stream, record), record)


def _watched(traced: _Traced, record: StreamRecord) -> _Traced:
    """End the record when the last reference to `traced` goes, or when the program ends."""
    weakref.finalize(traced, record.ended, "abandoned").atexit = False
    OPEN_STREAMS.add(record)
    return traced


def _chunks(stream: Generator[Any, None, None], record: StreamRecord) -> Generator[Any, None, None]:
    record.is_read_here()
    try:
        for chunk in stream:
            record.saw(chunk)
            yield chunk
    except GeneratorExit:
        record.ended("closed")
        raise
    except BaseException as error:
        record.broke(error)
        raise
    else:
        record.ended("exhausted")
    finally:
        stream.close()


async def _async_chunks(stream: AsyncGenerator[Any, None], record: StreamRecord) -> AsyncGenerator[Any, None]:
    record.is_read_here()
    try:
        async for chunk in stream:
            record.saw(chunk)
            yield chunk
    except GeneratorExit:
        record.ended("closed")
        raise
    except BaseException as error:
        record.broke(error)
        raise
    else:
        record.ended("exhausted")
    finally:
        await stream.aclose()
