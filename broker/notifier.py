"""The notifier: tells things that their pending list changed. MQTT is a doorbell, the store is the truth.

It reads what is marked, publishes the state as it is now, and notes what was told. Marks coalesce; a crash
between publishing and noting repeats a message and never loses one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

import structlog

from broker.link import Link, LinkDown
from domain import messages
from domain.errors import Unavailable
from domain.execution import Status
from domain.topics import Topics
from storage import marks, refusals
from storage.marks import Dirty, Settled
from storage.policy import LENIENT, Policy
from storage.store import Store

log = structlog.get_logger(__name__)

CHUNK: Final = 500
#: Under all wake-ups lies a poll, so that a lost one costs seconds, not a notification.
POLL: Final = 5.0
#: How soon it looks again for a link that was down.
AGAIN: Final = 0.25


class Notifier:
    """Publishes notify and notify-next; ``replied`` lets the answers of a batch go first."""

    def __init__(
        self,
        store: Store,
        link: Link,
        topics: Topics,
        *,
        clock: Callable[[], datetime],
        replied: Callable[[], Awaitable[None]],
        policy: Policy = LENIENT,
    ) -> None:
        self._store = store
        self._link = link
        self._topics = topics
        self._clock = clock
        self._replied = replied
        self._policy = policy
        self._woken = asyncio.Event()
        # The last process may have left marks behind.
        self._woken.set()
        self._newcomers: set[str] = set()
        self._forget = False

    def wake(self) -> None:
        """There may be marks."""
        self._woken.set()

    def greet(self, thing_name: str) -> None:
        """A thing can hear us since now; tell it of work it has not begun."""
        self._newcomers.add(thing_name)
        self._woken.set()

    def forget(self) -> None:
        """The broker has lost what it held: everything open is to be announced again."""
        self._forget = True
        self._woken.set()

    async def run(self) -> None:
        """Tell what is to be told until cancelled; trouble is logged and tried again."""
        while True:
            try:
                async with asyncio.timeout(POLL):
                    await self._woken.wait()
            except TimeoutError:
                pass
            if not self._link.connected:
                # Not cleared: whatever woke us is still to be said when the link is back.
                await asyncio.sleep(AGAIN)
                continue
            self._woken.clear()
            try:
                await self.run_once()
            except LinkDown as error:
                log.warning("notifications wait", reason=str(error))
                self._woken.set()
                await asyncio.sleep(AGAIN)
            except Unavailable as error:
                log.warning("notifications wait", reason=str(error))
            except Exception:
                log.exception("notifications failed; they stay marked and are tried again")

    async def run_once(self) -> int:
        """Announce, greet, and tell all marked things once; return how many things were told something."""
        if self._forget:
            await self._announce_all_again()
        newcomers, self._newcomers = self._newcomers, set()
        try:
            told = await self._tell_newcomers(newcomers)
            told += await self._tell_marked(newcomers)
        except BaseException:
            self._newcomers |= newcomers
            raise
        return told

    async def _tell_marked(self, newcomers: set[str]) -> int:
        """Tell all that is marked: the store looks for the next things while the broker takes the last."""
        told, after = 0, 0
        ahead = asyncio.create_task(self._dirty(after))
        try:
            while chunk := await ahead:
                if await self._refuse([thing.next_key for thing in chunk if thing.undeliverable]):
                    await self._give_back(chunk)
                    ahead = asyncio.create_task(self._dirty(after))
                    continue
                after = chunk[-1].thing_key
                # What is not full was the last: whoever is marked meanwhile wakes us.
                ahead = asyncio.create_task(self._dirty(after if len(chunk) == CHUNK else None))
                await self._replied()
                told += await self._tell(chunk, newcomers)
        finally:
            await self._give_back(await ahead)
        return told

    async def _dirty(self, after: int | None) -> list[Dirty]:
        if after is None:
            return []
        at = self._clock()
        if self._store.is_shared:
            return await self._store.write(marks.claim, limit=CHUNK, after=after, policy=self._policy, at=at)
        return await self._store.read(marks.dirty, limit=CHUNK, after=after, policy=self._policy, at=at)

    async def _give_back(self, chunk: Sequence[Dirty]) -> None:
        """Let these be told by whoever looks next, and not only when our claim has run out."""
        if chunk and self._store.is_shared:
            await self._store.write(marks.unclaim, [thing.thing_key for thing in chunk])

    async def _refuse(self, keys: Sequence[int]) -> bool:
        """Refuse what cannot be handed out; return whether there was such: lists have to be read again."""
        if keys:
            await self._store.write(refusals.refuse, keys, policy=self._policy, at=self._clock())
        return bool(keys)

    async def _announce_all_again(self) -> None:
        after: int | None = 0
        while after is not None:
            after = await self._store.write(marks.forget_announcements, after=after, limit=CHUNK)
        self._forget = False

    async def _tell_newcomers(self, newcomers: set[str]) -> int:
        """Tell those without a mark; whoever is left in ``newcomers`` may be told with the marked things."""
        at = self._clock()
        names = sorted(newcomers)
        first = await self._store.read(marks.unbegun, names, policy=self._policy, at=at) if names else []
        # Whoever has one refused is marked, and told with the marked things.
        await self._refuse([entry.key for entry, document in first if document is None])
        found = [(entry.execution, document) for entry, document in first if document is not None]
        await self._replied()
        at = self._clock()
        await self._publish(
            [
                (self._topics.notify_next(e.thing_name), messages.notify_next(e, document, at=at))
                for e, document in found
            ]
        )
        newcomers -= {execution.thing_name for execution, _ in found}
        return len(found)

    async def _tell(self, chunk: Sequence[Dirty], newcomers: set[str]) -> int:
        """Publish for these things, notify before notify-next, and note those that got through."""
        at = self._clock()
        sent = [(thing, self._messages(thing, at, thing.thing_name in newcomers)) for thing in chunk]
        results = await self._publish([message for _, batch in sent for message in batch])
        told = []
        for thing, batch in sent:
            outcomes, results = results[: len(batch)], results[len(batch) :]
            if all(outcomes):
                told.append(Settled(thing.thing_key, thing.notify_seq, thing.set_digest, thing.next_key))
                newcomers.discard(thing.thing_name)
        if told:
            await self._store.write(marks.settle, told)
        if len(told) < len(chunk):
            through = {each.thing_key for each in told}
            await self._give_back([thing for thing in chunk if thing.thing_key not in through])
            raise LinkDown(f"{len(chunk) - len(told)} things could not be told")
        return sum(1 for _, batch in sent if batch)

    def _messages(self, thing: Dirty, at: datetime, newcomer: bool) -> list[tuple[str, bytes]]:  # noqa: FBT001
        found = []
        first = thing.pending[0] if thing.pending else None
        # A newcomer has not heard what others, or its last connection, were told of work not begun.
        missed = newcomer and first is not None and first.status is Status.QUEUED
        if thing.set_changed:
            found.append((self._topics.notify(thing.thing_name), messages.notify(thing.pending, at=at)))
        if thing.next_changed or missed:
            payload = messages.notify_next(first, thing.document, at=at)
            found.append((self._topics.notify_next(thing.thing_name), payload))
        return found

    async def _publish(self, batch: Sequence[tuple[str, bytes]]) -> list[bool]:
        """Publish in order, all at once; return for each whether the broker has it."""
        results = await asyncio.gather(
            *(self._link.publish(topic, payload) for topic, payload in batch), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, LinkDown):
                raise result
        return [not isinstance(result, BaseException) for result in results]
