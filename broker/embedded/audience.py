"""Those who listen for lifecycle events: found without a walk over all sessions, and waited for.

An event is published when every listener that is connected has acknowledged it: what the store notes as
published after that, a crash does not take from them. What waits for one that is away is in memory only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from broker.embedded.limits import Limits
from broker.embedded.session import Message, Session


class Audience:
    """``give`` hands a session a message; times are those of the running loop."""

    def __init__(self, limits: Limits, give: Callable[[Session, Message], None]) -> None:
        self._limits = limits
        self._give = give
        self._loop = asyncio.get_running_loop()
        self._sessions: dict[Session, None] = {}
        # What is published to nobody is lost to those who listened to the last process.
        self._has_begun = asyncio.Event()
        self._beginning: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin as soon as somebody listens, or after some time."""
        self._begin_in(self._limits.listeners_return)

    def add(self, session: Session) -> None:
        """Take in a session that may hear events, for as long as it is kept."""
        session.queue_messages = self._limits.listener_messages
        session.queue_bytes = self._limits.listener_bytes
        if not self._sessions and not self._has_begun.is_set():
            # Not at once: it may have more filters to ask for.
            self._begin_in(self._limits.listeners_settle)
        self._sessions[session] = None

    def _begin_in(self, seconds: float) -> None:
        if self._beginning is not None:
            self._beginning.cancel()
        self._beginning = self._loop.call_later(seconds, self._has_begun.set)

    async def tell(self, topic: str, payload: bytes) -> None:
        """Return when whoever is connected has the event, or has had time enough."""
        await self._has_begun.wait()
        for session in [each for each in self._sessions if each.ended]:
            del self._sessions[session]
        awaited = []
        for session in tuple(self._sessions):
            qos = session.granted(topic)
            if qos is None:
                continue
            taken = self._loop.create_future() if qos and session.wire is not None else None
            self._give(session, Message(topic, payload, qos, taken=taken))
            if taken is not None:
                awaited.append(taken)
        if awaited:
            await asyncio.wait(awaited, timeout=self._limits.listener_patience)
