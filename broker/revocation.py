"""Ends live connections whose right has ended: a token, a key, a certificate or the thing itself is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from broker.link import Link
from domain.errors import Unavailable
from domain.permissions import monitor
from storage import access_keys, certificates, tokens
from storage.store import Store

log = structlog.get_logger(__name__)

POLL: Final = 2.0
REACH: Final = timedelta(minutes=1)


class Revocation:
    """Watches for what was revoked, and tells the link whom to drop."""

    def __init__(self, store: Store, link: Link, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._link = link
        self._clock = clock
        self._woken = asyncio.Event()
        self._handled: frozenset[int] = frozenset()
        self._void: frozenset[int] = frozenset()
        self._confined: frozenset[tuple[str, int, tuple[str, ...]]] = frozenset()
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
        """Drop whoever lost something since the last look; return how many losses there were."""
        # A revocation is stamped before it is committed, so each look reaches back over the last ones.
        self._since = max(self._since, self._clock() - REACH)
        return await self._tokens() + await self._keys() + await self._certificates()

    async def _tokens(self) -> int:
        revoked = await self._store.read(tokens.revoked_since, self._since)
        things = {thing for key, thing in revoked.items() if key not in self._handled}
        for thing in sorted(things):
            self._link.disconnect(thing)
            log.info("dropped", thing=thing, reason="its token was revoked or it was deleted")
        self._handled = frozenset(revoked)
        return len(things)

    async def _keys(self) -> int:
        revoked = await self._store.read(access_keys.revoked_since, self._since)
        fresh = {key_id for number, key_id in revoked.items() if number not in self._void}
        for key_id in sorted(fresh):
            self._link.disconnect(monitor(key_id))
            log.info("dropped", key=key_id, reason="its access key was revoked")
        self._void = frozenset(revoked)
        return len(fresh)

    async def _certificates(self) -> int:
        found = await self._store.read(certificates.rights_ended_since, self._since)
        ended = frozenset((key, at, left) for key, (at, left) in found.items())
        fresh = ended - self._confined
        for certificate_id, _, left in fresh:
            self._link.confine(certificate_id, left)
            log.info("confined", certificate=certificate_id, things=list(left))
        self._confined = ended
        return len(fresh)
