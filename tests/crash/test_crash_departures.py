"""``kill -9`` while a large group goes: nothing is forgotten, nothing ends twice, and it goes in the end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import checker
import pytest
from actors import PAUSE, Operator
from history import History
from servers import Nursery, ServerProcess
from standing import Standing

from domain.job import NewJob, TargetSelection
from storage import agenda, groups, jobs, pacing
from storage.policy import Policy
from storage.store import Store

THINGS = 20_000
AT = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE = 60.0


@pytest.fixture
async def server(nursery: Nursery, standing: Standing) -> AsyncIterator[ServerProcess]:
    """A server whose one group is followed by one job, all of it QUEUED."""
    await seed(standing.site.store())
    server = ServerProcess(nursery, standing.data, *standing.flags)
    yield server
    await server.kill()


async def seed(store: Store) -> None:
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


def removed(standing: Standing) -> int:
    return standing.rows("SELECT removed FROM jobs")[0][0]


async def until(standing: Standing, least: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while removed(standing) < least:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(PAUSE)


@pytest.mark.timeout(240)
async def test_a_group_of_twenty_thousand_goes_whoever_is_killed_meanwhile(
    server: ServerProcess, standing: Standing
) -> None:
    look = standing.rows
    operator = Operator(History())
    place = await server.start()
    status, _ = await operator.call(place, "DELETE", "/thing-groups/g")
    assert status in (200, 204)
    for least in (1, 5_000, 10_000):
        await until(standing, least)
        await server.kill()
        assert checker.structure(standing.books.left()) == []
        assert least <= removed(standing) < THINGS, "killed in the middle"
        assert look("SELECT sweep FROM thing_groups") == [("DELETE",)]
        # What was removed has left, and who is left was not removed.
        assert look("SELECT count(*) FROM group_members") == [(THINGS - removed(standing),)]
        place = await server.start()
    status, body = await operator.call(place, "GET", "/thing-groups/g")
    assert (status, body["thingGroup"]["status"]) == (200, "DELETION_IN_PROGRESS")
    await until(standing, THINGS)
    async with asyncio.timeout(PATIENCE):
        while look("SELECT id FROM thing_groups"):  # noqa: ASYNC110 - as above
            await asyncio.sleep(PAUSE)
    status, _ = await operator.call(place, "GET", "/thing-groups/g")
    assert status == 404
    await server.kill()
    assert look("SELECT status, count(*) FROM executions GROUP BY status") == [("REMOVED", THINGS)]
    assert look("SELECT count(*), count(DISTINCT thing) FROM execution_events WHERE cause = 'REMOVAL'") == [
        (THINGS, THINGS)
    ]
    assert look("SELECT queued, removed, waiting FROM jobs") == [(0, THINGS, 0)]
    assert look("SELECT count(*) FROM things WHERE sweep <> ''") == [(0,)]
