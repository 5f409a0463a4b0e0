"""Requests on their way: matched to answers by client token, sent again with the same one until answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.backoff import Backoff
from agent.errors import Busy, LinkDown, NoReply, Rejected
from agent.port import Link

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for an answer, in seconds, and how often to ask; time offline does not count."""

    reply_timeout: float = 10.0
    attempts: int = 5
    backoff: Callable[[], Backoff] = Backoff


Answer = dict[str, Any] | Rejected


@dataclass(frozen=True, slots=True)
class _Session:
    """One life of the link; ``over`` is set when it ends."""

    link: Link
    over: asyncio.Future[None]


@dataclass(slots=True)
class _Call:
    topic: str
    answer: asyncio.Future[Answer]


class Calls:
    """All unanswered requests of one thing."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._open: dict[str, _Call] = {}
        self._session: _Session | None = None
        self._online = asyncio.Event()

    def resume(self, link: Link) -> None:
        """A link is up: every waiting call is sent (again)."""
        self.pause()
        self._session = _Session(link, asyncio.get_running_loop().create_future())
        self._online.set()

    def pause(self) -> None:
        """The link is down: calls wait, however long."""
        self._online.clear()
        if self._session is not None:
            self._session.over.set_result(None)
            self._session = None

    async def online(self) -> None:
        await self._online.wait()

    def answer(self, topic: str, said: dict[str, Any], refusal: Rejected | None = None) -> None:
        """Hand an answer to who asked; one that nobody waits for (any more) is dropped."""
        token = said.get("clientToken")
        call = self._open.get(token) if isinstance(token, str) else None
        if call is not None and call.topic == topic and not call.answer.done():
            call.answer.set_result(refusal or said)

    async def ask(self, token: str, topic: str, payload: bytes) -> dict[str, Any]:
        """Return the accepted answer. Raises ``Rejected`` or, after all attempts online, ``NoReply``."""
        call = self._open[token] = _Call(topic, asyncio.get_running_loop().create_future())
        try:
            return await self._until_answered(call, payload)
        finally:
            del self._open[token]

    async def _until_answered(self, call: _Call, payload: bytes) -> dict[str, Any]:
        backoff = self._patience.backoff()
        tried = 0
        while True:
            answer = await self._attempt(call, payload)
            tried += 1
            last = tried >= self._patience.attempts
            match answer:
                case dict():
                    return answer
                case Rejected() if last or not isinstance(answer, Busy):
                    raise answer
                case Rejected():
                    await asyncio.sleep(backoff.next())
                    call.answer = asyncio.get_running_loop().create_future()
                case None if last:
                    raise NoReply(f"no answer on {call.topic} after {tried} attempts")
                case None:
                    # An answer that is merely late counts like one in time.
                    await asyncio.wait({call.answer}, timeout=backoff.next())

    async def _attempt(self, call: _Call, payload: bytes) -> Answer | None:
        """Return the answer, None if none came in time; what a lost link cut short begins anew."""
        while True:
            if call.answer.done():
                return call.answer.result()
            session = await self._live_session()
            try:
                async with asyncio.timeout(self._patience.reply_timeout):
                    await session.link.publish(call.topic, payload)
                    await _first(call.answer, session.over)
            except LinkDown:
                # The link knows before its keeper does; it will tell us in a moment.
                await asyncio.wait({session.over}, timeout=self._patience.reply_timeout)
            except TimeoutError:
                if not call.answer.done():
                    _log.debug("no answer on %s in time", call.topic)
                    return None

    async def _live_session(self) -> _Session:
        while self._session is None:
            await self._online.wait()
        return self._session


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
