"""The wall clock is set under a running server: timers keep their length and rollouts their pace (F15)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import checker
import ledger
import pytest
from actors import PAUSE
from scene import PATIENCE, THING, Scene, until_answered
from servers import Nursery
from wall import HINT, Wall, library

HOUR = 3600
YEARS = 50 * 365 * 24 * HOUR
#: A minute of the server may be shorter by a thousandth (broker/clock.py, FASTER).
MINUTE = 60 * (1 - 1 / 1000)
RATE = 4
FORWARD, BACK = "was set forward", "is behind ours"


class Watch(Scene):
    """A server whose wall clock is set, and a device that works with timers."""

    def __init__(self, folder: Path, wall: Wall, nursery: Nursery) -> None:
        super().__init__(nursery, folder / "data")
        self.wall = wall

    async def create_paced(self, *targets: str, **config: Any) -> str:
        asked, body = self.operator.creation(self.fresh("job"), list(targets), **config)
        await until_answered(self, "POST", "/jobs", body, fine={200})
        asked.done = True
        return asked.job

    async def begin(self, job: str, **more: Any) -> None:
        body = {"status": "IN_PROGRESS", "clientToken": self.fresh("begin"), **more}
        assert (await self.worker.ask(f"{job}/update", body))[0]

    async def execution(self, job: str) -> dict[str, Any]:
        accepted, raw = await self.worker.ask(f"{job}/get", {"clientToken": self.fresh("look")})
        assert accepted
        return json.loads(raw)["execution"]

    async def status(self, job: str) -> str:
        """Return what operators see: a device is told nothing of what has ended."""
        _, answer = await self.call("GET", f"/jobs/{job}/things/{THING}")
        return answer["execution"]["status"]

    async def queued(self, job: str) -> int:
        _, answer = await self.call("GET", f"/jobs/{job}")
        return answer["job"]["jobProcessDetails"]["numberOfQueuedThings"]

    async def set(self, seconds: int, *, says: str) -> None:
        """Set the wall clock and return when the server has seen it: each new job makes it look."""
        self.wall.set(seconds)
        async with asyncio.timeout(PATIENCE):
            while not any(says in line for line in self.server.log):
                await self.create("somebody-else")


@asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[Watch]:
    wall = Wall(folder)
    nursery = Nursery(**wall.environment)
    watch = Watch(folder, wall, nursery)
    try:
        await watch.open()
        yield watch
    finally:
        await watch.close()
        nursery.close()


@pytest.fixture
def faketime(requirement: Callable[..., None]) -> None:
    requirement("faketime", library(), HINT)


async def until(seen: Callable[[str], Awaitable[Any]], job: str, wanted: object, *, since: float) -> float:
    """Return how many seconds after ``since`` something was seen first."""
    async with asyncio.timeout(MINUTE + PATIENCE):
        while await seen(job) != wanted:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(25 * PAUSE)  # a look costs much where every look at the clock reads a file
    return time.monotonic() - since


async def a_minute_is_a_minute(folder: Path, by: int, says: str) -> None:
    async with watching(folder) as watch:
        since = time.monotonic()
        short = await watch.create(THING)
        long = await watch.create_paced(THING, timeoutConfig={"inProgressTimeoutInMinutes": 30})
        rollout = {"maximumPerMinute": RATE}
        things = [f"rated-{number}" for number in range(3 * RATE)]
        rated = await watch.create_paced(*things, jobExecutionsRolloutConfig=rollout)
        await watch.begin(short, stepTimeoutInMinutes=1)
        await watch.begin(long)
        await until(watch.queued, rated, RATE, since=since)
        created = (await watch.execution(long))["queuedAt"]
        await watch.set(by, says=says)
        assert (await watch.status(short), await watch.queued(rated)) == ("IN_PROGRESS", RATE)
        took = await asyncio.gather(
            until(watch.status, short, "TIMED_OUT", since=since),
            until(watch.queued, rated, 2 * RATE, since=since),
        )
        assert min(took) >= MINUTE
        left = (await watch.execution(long))["approximateSecondsBeforeTimedOut"]
        assert 1500 < left <= 30 * 60 - MINUTE * (1 - 1 / 20)
        shown = (await watch.execution(await watch.create(THING)))["queuedAt"]
        assert shown - created >= max(by, 0) + MINUTE * (1 - 1 / 20) - 1
        assert checker.structure(ledger.of_running(watch.server.data)) == []


@pytest.mark.slow
@pytest.mark.timeout(200)
async def test_a_minute_lasts_a_minute_although_the_clock_is_set_by_an_hour(faketime: None, tmp_path: Path):
    async with asyncio.TaskGroup() as tasks:  # side by side: each of them takes its minute
        tasks.create_task(a_minute_is_a_minute(tmp_path / "forward", HOUR, FORWARD))
        tasks.create_task(a_minute_is_a_minute(tmp_path / "back", -HOUR, BACK))


@pytest.mark.timeout(120)
async def test_a_machine_that_wakes_up_in_the_wrong_year_ends_no_timer_early(faketime: None, tmp_path: Path):
    async with watching(tmp_path / "watch") as watch:
        job = await watch.create_paced(THING, timeoutConfig={"inProgressTimeoutInMinutes": 30})
        await watch.begin(job)
        before = await watch.execution(job)
        await watch.server.kill()
        watch.wall.set(-YEARS)
        await watch.come_back()
        between = await watch.execution(await watch.create(THING))
        assert between["queuedAt"] >= before["queuedAt"]
        await watch.set(3 * HOUR, says=FORWARD)
        after = await watch.execution(job)
        assert after["status"] == "IN_PROGRESS"
        assert 1500 < after["approximateSecondsBeforeTimedOut"] <= before["approximateSecondsBeforeTimedOut"]
        now = await watch.execution(await watch.create(THING))
        assert now["queuedAt"] >= before["queuedAt"] + 3 * HOUR
        await watch.until_rest()
        assert checker.structure(ledger.of_running(watch.server.data)) == []
