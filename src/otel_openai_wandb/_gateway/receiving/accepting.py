"""Accepts requests of both protocols: checks the sender, checks that the body can be read, and spools it."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from otel_openai_wandb._gateway.metrics import Counts
from otel_openai_wandb._gateway.receiving.bodies import inflated
from otel_openai_wandb._gateway.receiving.parts import refuse_many_parts
from otel_openai_wandb._gateway.receiving.replies import Accepted, Reason, RefusedError
from otel_openai_wandb._gateway.spool.file import Body
from otel_openai_wandb._gateway.spool.spool import Spool, SpoolFailedError, SpoolFullError
from otel_openai_wandb._gateway.tokens import Tokens
from otel_wandb._interface.otlp import Encoding, MalformedError, Signal, read_events, read_spans

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of requests, in bytes and seconds."""

    body_bytes: int = 16 * 2**20
    """Of one body, before and after decompression."""
    bodies_bytes: int = 64 * 2**20
    """Of all bodies in memory that are not in the spool yet."""
    header_seconds: float = 10.0
    body_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Request:
    """A body, and what its headers say about it."""

    signal: Signal
    encoding: Encoding
    tenant: str
    data: bytes
    is_gzip: bool = False


class Held:
    """The bytes that one request has reserved of `Limits.bodies_bytes`."""

    def __init__(self, take: Callable[[int], None]) -> None:
        self._take = take
        self.bytes = 0

    def take(self, size: int) -> None:
        """Reserve `size` bytes. Raises RefusedError if too few are free."""
        self._take(size)
        self.bytes += size


class Accepting:
    """Shared by HTTP and gRPC, in one event loop. A separate thread decodes one body at a time."""

    def __init__(self, spool: Spool, tokens: Tokens, limits: Limits, counts: Counts) -> None:
        self.limits = limits
        self.counts = counts
        self._spool, self._tokens = spool, tokens
        self._free = limits.bodies_bytes
        self._reader = ThreadPoolExecutor(1, "openai-wandb-reading")

    def tenant_of(self, authorization: str | None, *, is_from_browser: bool = False) -> str:
        """The sender's "entity/project"; empty if no tokens are configured. Raises RefusedError."""
        if self._tokens:
            tenant = self._tokens.tenant_of(authorization or "")
            if tenant is None:
                raise RefusedError(Reason.UNAUTHENTICATED, "the Authorization header has no known token")
            return tenant.name
        if is_from_browser:  # any web page can send to this machine's own ports
            raise RefusedError(Reason.FORBIDDEN, "web pages may not send without a token")
        return ""

    @contextmanager
    def holding(self) -> Iterator[Held]:
        """Reserve bytes for one request. They are freed at the end of the block."""
        held = Held(self._take)
        try:
            yield held
        finally:
            self._free += held.bytes

    async def accept(self, request: Request, held: Held) -> Accepted:
        """Return when the request's spans are on the disk. Raises RefusedError."""
        loop = asyncio.get_running_loop()
        data, found = await loop.run_in_executor(self._reader, _read, request, self.limits.body_bytes)
        if request.is_gzip:
            held.take(len(data))
        if found.kept:
            is_traces = request.signal is Signal.TRACES
            spans = found.kept if is_traces else 0
            await self._put(Body(request.tenant, request.signal.name, request.encoding.name, spans, data))
        self.counts.items(request.signal.name.lower(), found.kept, found.rejected)
        return Accepted(found.rejected, found.why)

    def close(self) -> None:
        """Stop the decoding thread. Call this after the last request."""
        self._reader.shutdown()

    def _take(self, size: int) -> None:
        if size > self._free:
            raise RefusedError(Reason.BUSY, "too many requests at once")
        self._free -= size

    async def _put(self, body: Body) -> None:
        try:
            await self._spool.put(body)
        except SpoolFullError:
            raise RefusedError(Reason.FULL, "the spool is full") from None
        except SpoolFailedError:
            raise RefusedError(Reason.FAILED, "the spool cannot be written at the moment") from None


@dataclass(frozen=True, slots=True)
class _Found:
    kept: int
    rejected: int
    why: str


def _read(request: Request, most: int) -> tuple[bytes, _Found]:
    data = inflated(request.data, most) if request.is_gzip else request.data
    refuse_many_parts(data, request.encoding, request.signal)
    try:
        return data, _found(request.signal, request.encoding, data)
    except MalformedError as error:
        raise RefusedError(Reason.MALFORMED, str(error)) from None
    except Exception:  # a retry would fail again, and block the sender's queue
        log.exception("a body could not be read")
        raise RefusedError(Reason.MALFORMED, "the body cannot be read") from None


def _found(signal: Signal, encoding: Encoding, data: bytes) -> _Found:
    if signal is Signal.TRACES:
        spans = read_spans(data, encoding)
        return _Found(len(spans.spans), spans.rejected, spans.why)
    events = read_events(data, encoding)
    return _Found(len(events.events), events.rejected, events.why)
