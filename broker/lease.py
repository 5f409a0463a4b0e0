"""A duty that one of several processes has at a time, seen from one of them (docs/decisions/0008).

The store says who; a process that cannot ask it lays its duty down by itself before another one can have it.
Where nobody else can write to the store the duty is always ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from typing import Final
from uuid import uuid4

import structlog

from broker.link import LinkDown
from domain.errors import Unavailable
from storage import leases
from storage.leases import Term
from storage.store import Store

log = structlog.get_logger(__name__)

#: For how long a process that is killed keeps others from its duty.
SPAN: Final = timedelta(seconds=10)
#: So much earlier it takes its own duty for lost, if it cannot ask: the database counts from a little later.
MARGIN: Final = timedelta(seconds=1)
#: How often a duty is taken anew, and how often others try whether it is free.
RENEW: Final = 2.0
LOOK: Final = 1.0


class Lease:
    """One duty by name. Never two at a time act on it, but for one that does not know yet that it is late."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self.name: Final = name
        self._holder = uuid4().hex
        self._until = 0.0
        #: What verbs are fenced with; None before the first, and where nobody else can write.
        self.term: Term | None = None
        #: Whether another one has had the duty since we took it.
        self.is_overtaken = False

    @property
    def is_held(self) -> bool:
        """Whether the duty is ours, as far as is known here."""
        return not self._store.is_shared or asyncio.get_running_loop().time() < self._until

    async def take(self) -> bool:
        """Take the duty, or go on with it; return whether it is ours."""
        if not self._store.is_shared:
            return True
        until = asyncio.get_running_loop().time() + (SPAN - MARGIN).total_seconds()
        try:
            term = await self._store.write(leases.take, self.name, holder=self._holder, span=SPAN)
        except Unavailable as error:
            log.warning("cannot ask whose duty it is", duty=self.name, reason=str(error))
            return self.is_held
        self._until = 0.0 if term is None else until
        self.is_overtaken = self.term is not None and term != self.term
        if term is not None and term != self.term:
            log.info("on duty", duty=self.name, term=term.number)
            self.term = term
        return term is not None

    async def lost(self) -> None:
        """Go on with the duty; return when it is not ours any more, or has been another's meanwhile."""
        if not self._store.is_shared:
            await asyncio.Event().wait()
        term = self.term
        while self.is_held:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._until):
                    await asyncio.sleep(RENEW)
                    await self.take()
            if self.term != term:
                break
        log.warning("off duty: it could not be renewed, or another one has it", duty=self.name)

    async def give_back(self) -> None:
        """Let another one have it at once."""
        term = self.term
        if term is not None and self.is_held:
            self._until = 0.0
            with suppress(Unavailable):
                await self._store.write(leases.give_back, term, holder=self._holder)


class Reach(Lease):
    """A duty that any number have at a time, each for as long as it can reach the store.

    Who cannot must leave it to those who can: what a broker deals out to him nobody else would answer.
    """

    async def take(self) -> bool:
        if self._store.is_shared:
            until = asyncio.get_running_loop().time() + (SPAN - MARGIN).total_seconds()
            try:
                await self._store.write(leases.touch)
            except Unavailable as error:
                log.warning("cannot reach the store", duty=self.name, reason=str(error))
                return self.is_held
            self._until = until
        return True

    async def give_back(self) -> None:
        self._until = 0.0


async def on_duty(
    lease: Lease, work: Callable[[], AbstractAsyncContextManager[None]], *, tried: asyncio.Event
) -> None:
    """Stand by, work while the duty is ours, stand by again, until cancelled.

    ``tried`` is set when it works or has found another one at work. A broker that is out of reach is an error
    for whoever starts us; later it means to let others try.
    """
    is_starting = True
    while True:
        while not await lease.take():
            is_starting = False
            tried.set()
            await asyncio.sleep(LOOK)
        try:
            async with work():
                tried.set()
                await lease.lost()
        except LinkDown as error:
            if is_starting:
                raise
            log.warning("cannot do the duty now", reason=str(error))
        finally:
            await lease.give_back()
        is_starting = False
        await asyncio.sleep(LOOK)
