"""Lets only a few messages be read at once: gRPC does not say how large one will be, nor whether it comes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Literal

from otel_openai_wandb._gateway.receiving.replies import Reason, RefusedError

_MOST: Final = 4
_MOST_OF_ONE: Final = 3  # of a tenant: one that sends nothing leaves a turn to the others
_SECONDS: Final = 2.0  # after which a message that is not there makes room for who waits


class Turns:
    """For one event loop."""

    def __init__(self) -> None:
        self._all = _Turns(_MOST)
        self._of: dict[str, _Turns] = {}

    async def read(self, tenant: str, messages: AsyncIterator[bytes]) -> bytes:
        """The message of a call, when it is the tenant's turn. Raises RefusedError.

        One that is slow is waited for as long as nobody waits for its turn.
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
    """Knows how many wait for it."""

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
