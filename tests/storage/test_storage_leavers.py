"""Leavers: thousands that leave a group at once, who comes back meanwhile, and jobs made at the same time."""

import asyncio

import pytest
from departing import ended, pieces
from sites import Site
from sync_store import AUTO, SyncStore, names
from sync_store import START as AT

from domain.errors import Conflict, UnknownTarget
from domain.execution import Status
from domain.job import NewJob, TargetSelection
from storage import departures, groups, jobs, members, things
from storage.departures import Departure, Kind
from storage.store import Store


@pytest.mark.usefixtures("small")
def test_thousands_that_leave_are_no_members_at_once_and_their_work_ends_in_pieces(
    followed: SyncStore,
) -> None:
    assert followed.do(groups.remove, "g", list(names("t", 20)), at=followed.now) == 20
    assert (followed.do(members.of_group, "g").items, ended(followed)) == ((), 8)
    assert followed.do(departures.due) == [Departure(Kind.LEAVERS, 0)]
    assert list(pieces(followed)) == [4, 4, 4]
    assert followed.job("j").counts[Status.REMOVED] == 20


@pytest.mark.usefixtures("small")
def test_who_comes_back_before_the_clock_has_come_by_gets_it_again_all_the_same(followed: SyncStore) -> None:
    followed.do(groups.remove, "g", list(names("t", 20)), at=followed.now)
    assert followed.execution("j", "t19").status == "QUEUED"
    followed.do(groups.add, "g", ["t19"], policy=AUTO, at=followed.now)
    followed.tick()
    assert followed.execution("j", "t19", 1).status == "REMOVED"
    assert followed.execution("j", "t19").execution_number == 2
    assert followed.execution("j", "t18").status == "REMOVED"


@pytest.mark.usefixtures("small")
def test_too_many_that_come_back_at_once_are_asked_to_try_again(followed: SyncStore) -> None:
    everybody = list(names("t", 20))
    followed.do(groups.remove, "g", everybody, at=followed.now)
    with pytest.raises(Conflict, match="4 of these things are still leaving a group; try again"):
        followed.do(groups.add, "g", everybody, policy=AUTO, at=followed.now)
    assert followed.do(members.of_group, "g").items == ()
    followed.see_out()
    assert followed.do(groups.add, "g", everybody, policy=AUTO, at=followed.now) == 20
    followed.tick()
    assert followed.rows("SELECT number, status, count(*) FROM executions GROUP BY number, status") == [
        (1, "REMOVED", 20), (2, "QUEUED", 20),
    ]  # fmt: skip


@pytest.mark.usefixtures("small")
def test_a_leaver_that_is_deleted_is_a_deleted_thing(followed: SyncStore) -> None:
    followed.do(groups.remove, "g", list(names("t", 20)), at=followed.now)
    followed.do(things.delete, "t19", at=followed.now)
    assert followed.execution("j", "t18").status == "QUEUED"
    assert ended(followed) == 9
    followed.tick()
    assert followed.job("j").counts[Status.REMOVED] == 20


# --- at the same time ---


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("continuous", [False, True])
async def test_a_job_made_while_its_group_goes_has_all_or_is_refused(
    real_store: Store, real_site: Site, *, continuous: bool
) -> None:
    selection = TargetSelection.CONTINUOUS if continuous else TargetSelection.SNAPSHOT
    await real_store.write(groups.create, "g", at=AT)
    await real_store.write(groups.add, "g", list(names("t", 20)), policy=AUTO, at=AT)

    def job(number: int) -> NewJob:
        return NewJob(
            targets=("thinggroup/g",),
            target_selection=selection,
            job_id=f"j{number}",
            document=f'{{"n":{number}}}',
        )

    calls = [real_store.write(jobs.create, job(n), policy=AUTO, at=AT) for n in range(10)]
    calls.insert(5, real_store.write(groups.delete, "g", at=AT))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    outcomes.pop(5)
    while due := await real_store.read(departures.due):
        for departure in due:
            await real_store.write(departures.go_on, departure, at=AT)
    ends = Status.REMOVED if continuous else Status.QUEUED
    # One writer takes them in order; of several, whoever comes first.
    refused = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, UnknownTarget)]
    if real_site.name == "sqlite":
        assert refused == [5, 6, 7, 8, 9]
    for number in {*range(10)} - {*refused}:
        assert (await real_store.read(jobs.get, f"j{number}")).counts[ends] == 20
