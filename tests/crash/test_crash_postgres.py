"""PostgreSQL restarts, freezes or is cut off under a fleet at work: nobody is told wrong, nothing is lost.

The server of ours is never restarted: it refuses, waits, and goes on by itself.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from fleet import REPORTS, working
from grounds import Grounds, Watcher
from postgres_server import PostgresServer
from servers import Nursery
from sites import PostgresDatabase

pytest_plugins = ["durable"]

THINGS = [f"robot-{number}" for number in range(12)]
JOBS = 8
ROUNDS = 3

Outage = Callable[[Grounds, Watcher], Awaitable[None]]


@pytest.fixture
async def grounds(durable_server: PostgresServer, nursery: Nursery, tmp_path: Path) -> AsyncIterator[Grounds]:
    grounds = Grounds(PostgresDatabase(durable_server, tmp_path / "grounds"), nursery)
    await grounds.open()
    await grounds.add(THINGS)
    yield grounds
    await grounds.close()


async def crashes(grounds: Grounds, watcher: Watcher) -> None:
    server = grounds.database.server
    await asyncio.to_thread(server.stop)
    await watcher.sees(503)
    await asyncio.to_thread(server.start)


async def restarts(grounds: Grounds, watcher: Watcher) -> None:
    """Be gone so briefly that an operator may never hear of it."""
    del watcher
    server = grounds.database.server
    await asyncio.to_thread(server.stop, how=signal.SIGINT)
    await asyncio.to_thread(server.start)


async def freezes(grounds: Grounds, watcher: Watcher) -> None:
    grounds.database.server.freeze()
    await watcher.sees(503)
    grounds.database.server.thaw()


async def is_cut_off(grounds: Grounds, watcher: Watcher) -> None:
    await grounds.wire.cut()
    await watcher.sees(503)
    await grounds.wire.mend()


@asynccontextmanager
async def watching(watcher: Watcher) -> AsyncIterator[None]:
    task = asyncio.create_task(watcher.watch(), name="watcher")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("outage", [crashes, restarts, freezes, is_cut_off])
async def test_a_fleet_finishes_its_work_though_postgresql_goes_and_comes(grounds: Grounds, outage: Outage):
    jobs = [f"job-{number}" for number in range(JOBS)]
    for job in jobs:
        await grounds.create(job, THINGS)
    (server,) = grounds.servers
    fleet, watcher = grounds.fleet(server, THINGS), Watcher(server, jobs[0])

    async def trouble() -> None:
        for _ in range(ROUNDS):
            await fleet.answered(JOBS * len(THINGS) * len(REPORTS) // (2 * ROUNDS))
            await outage(grounds, watcher)
            await watcher.sees(200)

    pid = server.pid
    async with watching(watcher):
        await working(fleet, jobs, trouble)
        await watcher.sees(200)
    assert server.running
    assert server.pid == pid
    await grounds.must_be_well(len(REPORTS) + 1)
