"""Ends live connections whose right has ended: a token was revoked, a thing was deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from broker.link import Link
from domain.errors import Unavailable
from storage import tokens
from storage.store import Store

log = structlog.get_logger(__name__)

POLL: Final = 2.0
REACH: Final = timedelta(minutes=1)


class Revocation:
    """Watches for revoked tokens and tells the link whom to drop."""

    def __init__(self, store: Store, link: Link, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._link = link
        self._clock = clock
        self._woken = asyncio.Event()
        self._handled: frozenset[int] = frozenset()
        self._since = clock()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Drop connections until cancelled."""
        while True:
            try:
                async with asyncio.timeout(POLL):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                await self.run_once()
            except Unavailable as error:
                log.warning("revocations wait", reason=str(error))

    async def run_once(self) -> int:
        """Drop whoever lost a token since the last look; return how many things."""
        # A revocation is stamped before it is committed, so each look reaches back over the last ones.
        self._since = max(self._since, self._clock() - REACH)
        revoked = await self._store.read(tokens.revoked_since, self._since)
        things = {thing for key, thing in revoked.items() if key not in self._handled}
        for thing in sorted(things):
            self._link.disconnect(thing)
            log.info("dropped", thing=thing, reason="its token was revoked or it was deleted")
        self._handled = frozenset(revoked)
        return len(things)
