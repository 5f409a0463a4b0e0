"""The clock: asks the planner what is due and does it, in bounded transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from domain.errors import Unavailable
from domain.planner import Action, Complete, Expire, Release, Sweep
from storage import agenda, changes, rollouts, sweeps
from storage.store import Store

log = structlog.get_logger(__name__)

#: The longest sleep: a wake-up that got lost, or a clock that was set, costs this much.
POLL: Final = 10.0


class Scheduler:
    """Ticks whenever something may be due: a deadline comes, or a commit has left work."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._woken = asyncio.Event()
        self._next: datetime | None = None
        self.last_tick_at: datetime | None = None

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    async def run(self) -> None:
        """Tick until cancelled; trouble is logged and tried again."""
        while True:
            self._woken.clear()
            try:
                busy = bool(await self.tick())
            except Unavailable as error:
                log.warning("the clock waits", reason=str(error))
                busy = False
            except Exception:
                log.exception("a tick failed; it is tried again")
                busy = False
            if not busy:
                await self._rest()

    async def _rest(self) -> None:
        pause = POLL
        if self._next is not None:
            pause = min(pause, max(0.02, (self._next - self._clock()).total_seconds()))
        try:
            async with asyncio.timeout(pause):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def tick(self) -> int:
        """Do one bounded piece of everything that is due; return how many actions that was."""
        at = self._clock()
        items = await self._store.read(agenda.read, at=at)
        done = 0
        for item in items:
            for action in item.actions:
                await self._act(item.job_key, action, at)
                done += 1
        self._next = await self._store.read(agenda.next_deadline)
        self.last_tick_at = at
        return done

    async def _act(self, job_key: int, action: Action, at: datetime) -> None:
        match action:
            case Release():
                released = await self._store.write(rollouts.release, job_key, at=at)
                log.info("released", job=job_key, executions=released)
            case Expire():
                expired = await self._store.write(agenda.expire, job_key, at=at)
                log.info("timed out", job=job_key, executions=expired)
            case Sweep():
                await self._store.write(sweeps.go_on, job_key, at=at)
            case Complete():
                await self._store.write(changes.complete, [job_key], at=at)
