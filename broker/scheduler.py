"""The clock: asks the planner what is due and does it, in bounded transactions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from broker.keeper import Keeper
from domain.errors import Unavailable
from storage import agenda, departures, dynamic, timers, turns
from storage.policy import LENIENT, Policy
from storage.store import Store

log = structlog.get_logger(__name__)

#: The longest sleep: a wake-up that got lost, or a clock that was set, costs this much.
POLL: Final = 10.0
#: The shortest sleep after trouble: what failed is due still, and would be tried without a pause.
RETRY: Final = 1.0
#: After so many seconds a transaction takes no further job in: devices' updates wait behind it.
BUDGET: Final = 0.05


class Scheduler:
    """Ticks whenever something may be due: a deadline comes, or a commit has left work.

    ``leap`` says by how much the clock has leapt since it was asked last; running timers move along.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], datetime],
        leap: Callable[[], timedelta | None] = lambda: None,
        policy: Policy = LENIENT,
        keeper: Keeper | None = None,
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._policy = policy
        self._clock = clock
        self._leap = leap
        self._owed = timedelta(0)
        self._woken = asyncio.Event()
        self._next: datetime | None = None
        self._troubled = False
        #: Jobs that could not be acted on: left out until then, so that they take no one's place.
        self._failing: set[int] = set()
        self._until = 0.0
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
        least = RETRY if self._troubled or self._failing else 0.02
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
        await self._move_timers()
        at = self._clock()
        done = 0
        if time.monotonic() >= self._until:
            self._failing.clear()
        items = await self._store.read(agenda.due, but=frozenset(self._failing), at=at)
        while items:
            taken = await self._act_on(items, at)
            done += sum(taken)
            items = items[len(taken) :]
        done += await self._see_out(at)
        for group in await self._store.read(dynamic.unbuilt):
            done += await self._store.write(dynamic.build_some, group, at=at)
        if self._keeper is not None:
            done += await self._keeper.look(at)
        self._next = await self._store.read(agenda.next_look)
        self.last_tick_at = at
        return done

    async def _move_timers(self) -> None:
        # Nothing is awaited between the leap and the write: the store has one line, so nobody is served in
        # between who knows the new time and meets an old timer.
        self._owed += self._leap() or timedelta(0)
        if self._owed:
            moved = await self._store.write(timers.move, self._owed)
            log.info("timers were moved", count=moved, seconds=round(self._owed.total_seconds()))
            self._owed = timedelta(0)

    async def _act_on(self, items: Sequence[agenda.Item], at: datetime) -> list[int]:
        """Act on the first of these jobs, in one transaction; return how many actions each of them took."""
        try:
            return await self._work_off(items, at)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - told below, of the job that it is of
            return await self._act_singly(items, at)

    async def _act_singly(self, items: Sequence[agenda.Item], at: datetime) -> list[int]:
        """Act on these jobs up to the one that fails: it must not keep the others waiting."""
        taken: list[int] = []
        for item in items:
            try:
                taken += await self._work_off([item], at)
            except Unavailable:
                raise
            except Exception:
                log.exception("a job could not be acted on; it is tried again", job=item.job_key)
                self._failing.add(item.job_key)
                self._until = time.monotonic() + RETRY
                return [*taken, 0]
        return taken

    async def _see_out(self, at: datetime) -> int:
        """Do one piece of what things and groups that are gone have left; return how many pieces."""
        done = 0
        for departure in await self._store.read(departures.due):
            try:
                await self._store.write(departures.go_on, departure, at=at)
                done += 1
            except Unavailable:
                raise
            except Exception:
                log.exception("a departure got stuck; it is tried again", departure=departure)
                self._troubled = True
        return done

    async def _work_off(self, items: Sequence[agenda.Item], at: datetime) -> list[int]:
        verb, policy = turns.work_off, self._policy
        return await self._store.write(verb, items, policy=policy, enough=_budget(), at=at)


def _budget() -> Callable[[], bool]:
    """Return what says when a transaction has taken its time, counted from when it is asked first."""
    began: float | None = None

    def is_spent() -> bool:
        nonlocal began
        now = time.monotonic()
        began = now if began is None else began
        return now - began > BUDGET

    return is_spent
