"""The keeper of history on the real store: part of the clock's work, at no cost while nothing is old."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from engine import Engine
from invariants import check
from old_jobs import DAYS, KEPT
from sites import Site
from sqlalchemy import Connection

from broker.keeper import EVERY, Keeper
from broker.scheduler import Scheduler
from domain.job import JobStatus
from storage import history, jobs
from storage.history import Kept
from storage.store import Store

#: As the migration leaves the log.
PLAIN = Kept(KEPT.time)


class Counting(Store):
    """Counts what is asked of it."""

    calls = 0

    async def read(self, verb: Any, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return await super().read(verb, *args, **kwargs)

    async def write(self, verb: Any, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return await super().write(verb, *args, **kwargs)


class Looking:
    """What is committed, as the invariants want to read it."""

    def __init__(self, site: Site) -> None:
        self._engine = site.writer()

    def do(self, verb: Callable[[Connection], Any]) -> Any:
        with self._engine.begin() as connection:
            return verb(connection)

    def close(self) -> None:
        self._engine.dispose()


async def fill(engine: Engine, count: int = 12) -> None:
    """Let jobs end, one a day."""
    for number in range(count):
        await engine.job(f"j{number}", "lamp", "door")
        await engine.scheduler.tick()
        for thing in ("lamp", "door"):
            answer, _ = await engine.call(thing, f"j{number}/update", {"status": "SUCCEEDED"})
            assert answer == "accepted"
        engine.later(days=1)
        while await engine.scheduler.tick():
            pass


async def names(store: Store) -> set[str]:
    page = await store.read(jobs.page)
    return {job.job_id for job in page.items if job.status is not JobStatus.DELETION_IN_PROGRESS}


async def test_the_clock_keeps_history_to_its_length(real_store: Store, real_site: Site):
    engine = Engine(real_store)
    engine.scheduler = Scheduler(real_store, clock=lambda: engine.now, keeper=Keeper(real_store, PLAIN))
    await fill(engine)
    assert await names(real_store) == {f"j{number}" for number in range(12)}
    with closing(Looking(real_site)) as looking:
        for _ in range(DAYS // 2):
            engine.later(days=3)
            while await engine.scheduler.tick():
                check(looking, "versions", "last-event", "act-place", "counters")
        check(looking)
    assert await names(real_store) == set()


async def test_two_at_it_do_no_more_than_one(real_store: Store, real_site: Site, monkeypatch):
    monkeypatch.setattr(history, "CHUNK", 3)
    engine = Engine(real_store)
    await fill(engine)
    engine.later(days=DAYS - 5)
    keepers = [Keeper(real_store, PLAIN) for _ in range(2)]
    with closing(Looking(real_site)) as looking:
        for _ in range(6):
            engine.later(days=4)
            while any(await asyncio.gather(*(keeper.look(engine.now) for keeper in keepers))):
                check(looking, "versions", "last-event", "act-place")
            while await engine.scheduler.tick():
                pass
        check(looking)
    assert await names(real_store) == set()


async def test_it_asks_once_a_minute_when_there_is_nothing_to_do(real_site: Site):
    store = real_site.store(Counting)
    engine = Engine(store)
    keeper = Keeper(store, PLAIN)
    assert await keeper.look(engine.now) == 0
    asked, store.calls = store.calls, 0
    assert asked == 1
    for _ in range(5):
        engine.later(seconds=10)
        await keeper.look(engine.now)
    assert store.calls == 0
    engine.later(seconds=10)
    await keeper.look(engine.now)
    assert store.calls == 1
    await store.close()


@pytest.mark.parametrize("dialect", ["postgresql"], scope="module")
async def test_where_it_cannot_it_tries_again_and_the_clock_goes_on(real_store: Store, real_site: Site):
    engine = Engine(real_store)
    keeper = Keeper(real_store, PLAIN)
    await fill(engine, 1)
    engine.later(days=4)
    while await keeper.look(engine.now):
        pass
    engine.later(days=DAYS)
    with psycopg.connect(real_site.url) as reader:
        reader.execute("SELECT count(*) FROM execution_events")
        assert await keeper.look(engine.now) == 0
        await engine.job("new", "lamp")
    assert await keeper.look(engine.now) == 0
    engine.later(seconds=EVERY / timedelta(seconds=1))
    while await keeper.look(engine.now):
        pass
    left = await real_store.read(
        lambda c: c.exec_driver_sql("SELECT min(job) FROM execution_events").scalar()
    )
    assert left == 2
