"""Two schedulers on one store, as one: nothing goes out twice, nothing is forgotten, whoever comes first.

Two stores on one file there cannot be (test_storage_lock); two schedulers in one process there can, and one
that has been asleep and acts on what it read long ago.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from typing import Any

import pytest
from engine import Engine
from invariants import check
from paced_jobs import abort, paced, retry, things
from sites import Site
from sqlalchemy import Connection

from broker.scheduler import Scheduler
from domain.errors import JobsError
from domain.job import NewJob, TargetSelection
from domain.pacing import UNPACED
from domain.timeout_config import TimeoutConfig
from storage import agenda, groups, jobs, turns
from storage.policy import Policy
from storage.store import Store

RATE = 7
THINGS = things(60)
MINUTE = 60_000


class Database:
    """What is committed, as the invariants want to read it."""

    def __init__(self, site: Site) -> None:
        self._engine = site.writer()
        self.rows, self._stop_looking = site.looker()

    def do(self, verb: Callable[[Connection], Any]) -> Any:
        with self._engine.begin() as connection:
            return verb(connection)

    def close(self) -> None:
        self._stop_looking()
        self._engine.dispose()


class Twins:
    """An engine whose clock's work is done by two, and a world that changes meanwhile."""

    def __init__(self, store: Store, seed: int) -> None:
        self.engine = Engine(store)
        self.store = store
        self.chance = random.Random(seed)
        self.schedulers = [Scheduler(store, clock=lambda: self.engine.now) for _ in range(2)]
        self.asleep: tuple[list[agenda.Item], datetime] = ([], self.engine.now)

    async def job(self, name: str, *targets: str, continuous: bool = False, **more: Any) -> None:
        selection = TargetSelection.CONTINUOUS if continuous else TargetSelection.SNAPSHOT
        new = NewJob(targets=targets, target_selection=selection, document="{}", job_id=name, **more)
        await self.store.write(jobs.create, new, policy=Policy(), at=self.engine.now)

    async def prepare(self) -> None:
        rate = {"jobExecutionsRolloutConfig": {"maximumPerMinute": RATE}}
        await self.store.write(groups.create, "g", at=self.engine.now)
        await self.job("rated", *THINGS[:40], pacing=paced(**rate))
        await self.job("followed", "thinggroup/g", continuous=True, pacing=paced(**rate))
        await self.job("retried", *THINGS[20:], pacing=retry("FAILED", 2))
        await self.job("doomed", *THINGS, pacing=paced(**rate, **abort("FAILED", 40, 10)))
        limit = TimeoutConfig(in_progress_timeout_in_minutes=2)
        await self.job("timed", *THINGS, timeout_config=limit, pacing=UNPACED)

    async def both(self) -> None:
        """Let both tick at once; what each read is old by the time it acts."""
        await asyncio.gather(*(scheduler.tick() for scheduler in self.schedulers))

    async def fall_asleep(self) -> None:
        """Read what is due as a scheduler does that then stands still."""
        self.asleep = (await self.store.read(agenda.due, at=self.engine.now), self.engine.now)

    async def wake_up(self) -> None:
        items, at = self.asleep
        if items:
            await self.store.write(turns.work_off, items, enough=lambda: False, at=at)

    async def work(self) -> None:
        """Let some things begin something, or end what they have begun."""
        for thing in self.chance.sample(THINGS, 12):
            _, answer = await self.engine.call(thing, "start-next")
            found = answer.get("execution")
            if found and self.chance.random() < 0.7:
                body = {"status": self.chance.choice(["SUCCEEDED", "FAILED", "FAILED"])}
                await self.engine.call(thing, f"{found['jobId']}/update", body)

    async def move(self) -> None:
        """Let some things come into the group or leave it."""
        verb = self.chance.choice([groups.add, groups.remove])
        chosen = self.chance.sample(THINGS, 10)
        more = {"policy": Policy()} if verb is groups.add else {}
        await self.store.write(verb, "g", chosen, at=self.engine.now, **more)

    async def steer(self) -> None:
        """Now and then an operator cancels or deletes something."""
        if self.chance.random() < 0.15:
            verb = self.chance.choice([jobs.cancel, jobs.delete])
            name = self.chance.choice(["retried", "timed"])
            with suppress(JobsError):  # it has ended or is gone
                await self.store.write(verb, name, force=True, at=self.engine.now)

    async def live(self, steps: int) -> None:
        acts = [self.both, self.both, self.fall_asleep, self.wake_up, self.work, self.move, self.steer]
        for _ in range(steps):
            await asyncio.gather(*(act() for act in self.chance.sample(acts, 3)))
            self.engine.later(seconds=self.chance.choice([0, 1, 10, 25, 61]))

    async def settle(self) -> None:
        """Let the rest go out, minute by minute."""
        for _ in range(30):
            while any(await asyncio.gather(*(scheduler.tick() for scheduler in self.schedulers))):
                pass
            self.engine.later(seconds=60)


@pytest.mark.parametrize("seed", range(4))
async def test_two_schedulers_do_what_one_does(real_store: Store, real_site: Site, seed: int):
    twins = Twins(real_store, seed)
    await twins.prepare()
    await twins.live(30)
    with closing(Database(real_site)) as file:
        check(file)
        await twins.settle()
        check(file)
        nobody_waits(file)
        every_target_had_its_turn(file)
        no_minute_had_too_many(file)


def nobody_waits(file: Database) -> None:
    assert file.rows("SELECT job, thing FROM waiting") == []
    assert file.rows("SELECT id FROM jobs WHERE sweep <> '' OR look_at = 0") == []


def every_target_had_its_turn(file: Database) -> None:
    executed = "FROM executions e JOIN jobs j ON j.id = e.job WHERE j.job_id = 'rated'"
    assert file.rows(f"SELECT count(*), count(DISTINCT e.thing) {executed}") == [(40, 40)]


def no_minute_had_too_many(file: Database) -> None:
    """A minute begins with a release; what goes out within it is never more than the rate."""
    released: dict[str, list[int]] = {}
    for job, at in file.rows(
        "SELECT j.job_id, v.at FROM execution_events v JOIN jobs j ON j.id = v.job "
        "WHERE v.cause = 'RELEASE' AND j.job_id IN ('rated', 'followed', 'doomed') ORDER BY v.id"
    ):
        released.setdefault(job, []).append(at)
    assert released.keys() >= {"rated", "followed"}
    for job, moments in released.items():
        began, count = moments[0], 0
        for at in moments:
            if at >= began + MINUTE:
                began, count = at, 0
            count += 1
            assert count <= RATE, (job, at)
