"""Limits how many gRPC messages are read at once, because the size of a message is unknown before it has come."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Literal

from otel_openai_wandb._gateway.receiving.replies import Reason, RefusedError

_MOST: Final = 4
_MOST_OF_ONE: Final = 3  # turns of one tenant, so that a tenant that sends nothing does not block the others
_SECONDS: Final = 2.0  # after which a message that has not come loses its turn, if another call waits


class Turns:
    """The turns in which messages are read. For one event loop."""

    def __init__(self) -> None:
        self._all = _Turns(_MOST)
        self._of: dict[str, _Turns] = {}

    async def read(self, tenant: str, messages: AsyncIterator[bytes]) -> bytes:
        """Wait for a turn of the tenant, and return the message of a call. Raises RefusedError if it comes too late.

        A slow message may take longer while no other call waits for a turn.
        """
        own = self._of.setdefault(tenant, _Turns(_MOST_OF_ONE))
        async with own, self._all:
            reading = asyncio.ensure_future(_first(messages))
            try:
                while not reading.done():
                    await asyncio.wait({reading}, timeout=_SECONDS)
                    if not reading.done() and (own.waiting or self._all.waiting):
                        raise RefusedError(Reason.SLOW, "the message did not come while others waited")
                return await reading
            finally:
                reading.cancel()


class _Turns(asyncio.Semaphore):
    """A semaphore that knows whether a task waits for it."""

    waiting = 0

    async def acquire(self) -> Literal[True]:
        self.waiting += 1
        try:
            return await super().acquire()
        finally:
            self.waiting -= 1


async def _first(messages: AsyncIterator[bytes]) -> bytes:
    async for message in messages:
        return message
    raise RefusedError(Reason.MALFORMED, "there is no message")
