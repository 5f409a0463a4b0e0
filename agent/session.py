"""Keeps a thing connected: one link after the other, with jittered pauses between them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from agent.backoff import Backoff
from agent.client import JobsClient
from agent.errors import LinkDown, LinkRefused
from agent.port import Connect, Link

_log = logging.getLogger(__name__)

#: A link that lived this long, in seconds, was a good one: the next pause is short again.
STABLE: float = 30.0

#: Whether a first connection that failed so is not worth another try.
GiveUp = Callable[[LinkDown], bool]


def never(_: LinkDown) -> bool:
    """Try for ever: a device may be switched on before its server."""
    return False


def when_refused(error: LinkDown) -> bool:
    """Believe a broker that answers and says no; go on trying where nobody answers."""
    return isinstance(error, LinkRefused)


class Session:
    """Runs until cancelled; tells when calls can go out, and why a link ended or never began.

    ``give_up`` is asked about every failure before the first link is up; where it says so, that is raised.
    """

    def __init__(
        self,
        client: JobsClient,
        connect: Connect,
        *,
        backoff: Backoff,
        connected: Callable[[], None],
        disconnected: Callable[[str], None],
        give_up: GiveUp = never,
    ) -> None:
        self._client = client
        self._connect = connect
        self._backoff = backoff
        self._connected = connected
        self._disconnected = disconnected
        self._give_up = give_up
        self._arrived = False
        self._link: Link | None = None
        self._away = 0.0

    async def run(self) -> None:
        while True:
            try:
                reason = await self._one_link()
            except LinkDown as error:
                if not self._arrived and self._give_up(error):
                    raise
                reason = str(error)
                _log.info("%s: %s", self._client.thing_name, reason)
            self._disconnected(reason)
            await asyncio.sleep(self._away or self._backoff.next())
            self._away = 0.0

    async def _one_link(self) -> str:
        loop = asyncio.get_running_loop()
        async with self._connect(self._client.receive) as link:
            try:
                await self._client.attach(link)
                began = loop.time()
                self._link = link
                self._arrived = True
                self._connected()
                reason = await link.lost()
            finally:
                self._link = None
                self._client.detach()
            if loop.time() - began >= STABLE:
                self._backoff.reset()
            return reason

    def drop(self, away: float) -> None:
        """Cut the cable, and leave it cut for ``away`` seconds."""
        if self._link is not None:
            self._away = away
            self._link.abort()
