"""The publisher of lifecycle events: reads what happened, publishes it, notes that (contract 3.6).

After the commit and at least once: a crash between publishing and noting repeats events, with their ids.
While nobody has switched a kind on it looks for that alone, now and then.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from broker.link import Link
from domain.errors import Unavailable
from domain.lifecycle import payload, topic
from domain.names import Arns
from domain.topics import Topics
from storage import lifecycle
from storage.lifecycle import Due
from storage.store import Store

log = structlog.get_logger(__name__)

#: Under all wake-ups lies a poll.
POLL: Final = 5.0
#: Events gather for so long: devices' updates share the disk with the note of what was published.
GATHER: Final = 0.1
#: How soon it looks again for a link that was down.
AGAIN: Final = 0.25


class Publisher:
    """Publishes in order. What ``wake`` costs the committing side is one flag, and none while all is off."""

    def __init__(
        self, store: Store, link: Link, topics: Topics, arns: Arns, *, gather: float = GATHER
    ) -> None:
        self._store = store
        self._link = link
        self._topics = topics
        self._arns = arns
        self._gather = gather
        self._woken = asyncio.Event()
        # The last process may have left something unpublished.
        self._woken.set()
        self._is_on = False
        self._looked = 0

    def wake(self) -> None:
        """Something may have happened."""
        if self._is_on:
            self._woken.set()

    def switched(self) -> None:
        """A kind may have been switched on."""
        self._woken.set()

    async def run(self) -> None:
        """Publish until cancelled; trouble is logged and tried again."""
        while True:
            try:
                async with asyncio.timeout(POLL):
                    await self._woken.wait()
            except TimeoutError:
                pass
            if not self._link.connected:
                await asyncio.sleep(AGAIN)
                continue
            self._woken.clear()
            pause = self._gather
            try:
                while await self.run_once():
                    pass
            except Unavailable as error:
                log.warning("lifecycle events wait", reason=str(error))
                self._woken.set()
                pause = AGAIN
            except Exception:
                log.exception("lifecycle events could not be published; they are tried again")
            await asyncio.sleep(pause)

    async def run_once(self) -> bool:
        """Publish one batch; return whether there may be more. Raises ``LinkDown`` if not all got through."""
        # What is committed while it reads may be of the first moment that a kind is on.
        self._is_on = True
        due = await self._store.read(lifecycle.due, after=self._looked)
        self._is_on = due.is_on
        if due.items:
            await self._publish(due)
        self._looked = due.position
        return due.more

    async def _publish(self, due: Due) -> None:
        results = await asyncio.gather(
            *(
                self._link.publish(topic(self._topics, item.event), payload(self._arns, item.event))
                for item in due.items
            ),
            return_exceptions=True,
        )
        failed = [(place, each) for place, each in enumerate(results) if isinstance(each, BaseException)]
        if not failed:
            await self._store.write(lifecycle.settle, due.items, due.position)
            return
        first, error = failed[0]
        # Those behind the first that failed are told again.
        if told := due.items[:first]:
            await self._store.write(lifecycle.settle, told, told[-1].place[0])
        raise error
