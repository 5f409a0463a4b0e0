"""The clock: asks the planner what is due and does it, in bounded transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from domain.errors import Unavailable
from storage import agenda, pacing
from storage.store import Store

log = structlog.get_logger(__name__)

#: The longest sleep: a wake-up that got lost, or a clock that was set, costs this much.
POLL: Final = 10.0
#: The shortest sleep after trouble: what failed is due still, and would be tried without a pause.
RETRY: Final = 1.0


class Scheduler:
    """Ticks whenever something may be due: a deadline comes, or a commit has left work."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._woken = asyncio.Event()
        self._next: datetime | None = None
        self._troubled = False
        self.last_tick_at: datetime | None = None

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    async def run(self) -> None:
        """Tick until cancelled; trouble is logged and tried again."""
        while True:
            self._woken.clear()
            self._troubled = False
            try:
                busy = bool(await self.tick())
            except Unavailable as error:
                log.warning("the clock waits", reason=str(error))
                busy, self._troubled = False, True
            except Exception:
                log.exception("a tick failed; it is tried again")
                busy, self._troubled = False, True
            if not busy:
                await self._rest()

    @property
    def pause(self) -> float:
        """Return how many seconds to sleep if nobody wakes the clock."""
        least = RETRY if self._troubled else 0.02
        if self._next is None:
            return POLL
        return min(POLL, max(least, (self._next - self._clock()).total_seconds()))

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self.pause):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def tick(self) -> int:
        """Do one bounded piece of everything that is due; return how many actions that was."""
        at = self._clock()
        done = 0
        for item in await self._store.read(agenda.due, at=at):
            done += await self._act(item, at)
        self._next = await self._store.read(agenda.next_look)
        self.last_tick_at = at
        return done

    async def _act(self, item: agenda.Item, at: datetime) -> int:
        """Act on one job; one that fails must not keep the others waiting."""
        try:
            return await self._store.write(pacing.act, item.job_key, next_deadline_at=item.deadline_at, at=at)
        except Unavailable:
            raise
        except Exception:
            log.exception("a job could not be acted on; it is tried again", job=item.job_key)
            self._troubled = True
            return 0
