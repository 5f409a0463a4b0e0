"""``kill -9`` while a large group goes: nothing is forgotten, nothing ends twice, and it goes in the end."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from actors import PAUSE, Operator
from history import History
from servers import Nursery, ServerProcess

from domain.job import NewJob, TargetSelection
from storage import agenda, groups, jobs, pacing
from storage.policy import Policy
from storage.store import Store

THINGS = 20_000
AT = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE = 60.0


@pytest.fixture
async def server(nursery: Nursery, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server whose one group is followed by one job, all of it QUEUED."""
    await seed(tmp_path / "data")
    server = ServerProcess(nursery, tmp_path / "data")
    yield server
    await server.kill()


async def seed(data: Path) -> None:
    store = Store.open(data)
    names = [f"t{number}" for number in range(THINGS)]
    await store.write(groups.create, "g", at=AT)
    for first in range(0, THINGS, 10_000):
        await store.write(groups.add, "g", names[first : first + 10_000], policy=Policy(), at=AT)
    job = NewJob(
        targets=("thinggroup/g",), target_selection=TargetSelection.CONTINUOUS, job_id="j", document="{}"
    )
    await store.write(jobs.create, job, policy=Policy(), at=AT)
    while items := await store.read(agenda.due, at=AT):
        for item in items:
            await store.write(pacing.act, item.job_key, at=AT)
    await store.close()


def look(server: ServerProcess, statement: str) -> list[tuple]:
    """Look at the tables past the server: what is committed."""
    with closing(sqlite3.connect(server.data / "thingjobs.sqlite3")) as connection:
        return connection.execute(statement).fetchall()


def removed(server: ServerProcess) -> int:
    return look(server, "SELECT removed FROM jobs")[0][0]


async def until(server: ServerProcess, least: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while removed(server) < least:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(PAUSE)


@pytest.mark.timeout(240)
async def test_a_group_of_twenty_thousand_goes_whoever_is_killed_meanwhile(server: ServerProcess) -> None:
    operator = Operator(History())
    place = await server.start()
    status, _ = await operator.call(place, "DELETE", "/thing-groups/g")
    assert status in (200, 204)
    for least in (1, 5_000, 10_000):
        await until(server, least)
        await server.kill()
        assert least <= removed(server) < THINGS, "killed in the middle"
        assert look(server, "SELECT sweep FROM thing_groups") == [("DELETE",)]
        # What was removed has left, and who is left was not removed.
        assert look(server, "SELECT count(*) FROM group_members") == [(THINGS - removed(server),)]
        place = await server.start()
    status, body = await operator.call(place, "GET", "/thing-groups/g")
    assert (status, body["thingGroup"]["status"]) == (200, "DELETION_IN_PROGRESS")
    await until(server, THINGS)
    async with asyncio.timeout(PATIENCE):
        while look(server, "SELECT id FROM thing_groups"):  # noqa: ASYNC110 - as above
            await asyncio.sleep(PAUSE)
    status, _ = await operator.call(place, "GET", "/thing-groups/g")
    assert status == 404
    await server.kill()
    assert look(server, "SELECT status, count(*) FROM executions GROUP BY status") == [("REMOVED", THINGS)]
    assert look(
        server, "SELECT count(*), count(DISTINCT thing) FROM execution_events WHERE cause = 'REMOVAL'"
    ) == [(THINGS, THINGS)]
    assert look(server, "SELECT queued, removed, waiting FROM jobs") == [(0, THINGS, 0)]
    assert look(server, "SELECT count(*) FROM things WHERE sweep <> ''") == [(0,)]
