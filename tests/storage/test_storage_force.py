"""The force flag, cell by cell: who may end or delete what, and what is left (contract 2.3, 2.4, 2.5)."""

from collections.abc import Callable

import pytest
from sync_store import AUTO, SyncStore

from domain.errors import InvalidStateTransition, NotFound, WrongJobState
from domain.execution import Status
from storage import executions, groups, jobs, things

TERMINAL = ("SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT", "CANCELED", "REMOVED")
STATES = ("QUEUED", "IN_PROGRESS", *TERMINAL)
GONE, KEPT, REFUSED = "gone", "kept", "refused"


def device_says(status: str) -> Callable[[SyncStore], object]:
    return lambda store: store.ask("t", "j/update", {"status": status})


def times_out(store: SyncStore) -> None:
    store.ask("t", "j/update", {"status": "IN_PROGRESS"})
    store.later(minutes=2)
    store.expire()


#: How an execution comes to where it stands.
WAYS: dict[str, Callable[[SyncStore], object]] = {
    "QUEUED": lambda _: None,
    **{status: device_says(status) for status in ("IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED")},
    "TIMED_OUT": times_out,
    "CANCELED": lambda store: store.do(executions.cancel, "j", "t", at=store.now),
    "REMOVED": lambda store: store.do(groups.remove, "g", ["t"], at=store.now),
}
#: What each verb makes of QUEUED, of IN_PROGRESS and of whatever has ended.
TABLE = {
    (jobs.cancel, False): ("CANCELED", KEPT, KEPT),
    (jobs.cancel, True): ("CANCELED", "CANCELED", KEPT),
    (executions.cancel, False): ("CANCELED", REFUSED, REFUSED),
    (executions.cancel, True): ("CANCELED", "CANCELED", REFUSED),
    (executions.delete, False): (GONE, REFUSED, GONE),
    (executions.delete, True): (GONE, GONE, GONE),
    (jobs.delete, True): (GONE, GONE, GONE),
}
CELLS = [
    pytest.param(
        verb, force, status, row[min(place, 2)], id=f"{verb.__module__}-{verb.__name__}-{force}-{status}"
    )
    for (verb, force), row in TABLE.items()
    for place, status in enumerate(STATES)
]


@pytest.fixture
def running(store: SyncStore) -> SyncStore:
    """A continuous job with a thing whose execution is looked at, and one that keeps the job busy."""
    store.group("g", "t", "other")
    timeouts = {"inProgressTimeoutInMinutes": 1}
    store.create("j", "thinggroup/g", continuous=True, timeout_config=timeouts)
    return store


def of_thing(store: SyncStore, thing: str = "t") -> list[tuple[str, int, bool]]:
    found = store.rows(
        "SELECT e.status, e.version, e.force_canceled FROM executions e JOIN things t ON t.id = e.thing "
        f"WHERE t.name = '{thing}'"
    )
    return [(status, version, bool(forced)) for status, version, forced in found]


@pytest.mark.parametrize(("verb", "force", "status", "outcome"), CELLS)
def test_every_cell_of_the_table(
    running: SyncStore, verb: Callable, *, force: bool, status: str, outcome: str
) -> None:
    WAYS[status](running)
    [(before, version, forced)] = of_thing(running)
    assert before == status
    call = (verb, "j") if verb.__module__ == "storage.jobs" else (verb, "j", "t")
    if outcome == REFUSED:
        with pytest.raises(InvalidStateTransition):
            running.do(*call, force=force, at=running.now)
    else:
        running.do(*call, force=force, at=running.now)
    if outcome in (REFUSED, KEPT):
        assert of_thing(running) == [(status, version, forced)]
    elif outcome == GONE:
        assert of_thing(running) == []
        assert running.ask("t", "j/update", {"status": "SUCCEEDED"})[1]["code"] == "ResourceNotFound"
    else:
        assert of_thing(running) == [("CANCELED", version + 1, force)]
        answer = running.ask("t", "j/update", {"status": "SUCCEEDED"})[1]
        assert answer["code"] == "InvalidStateTransition"


@pytest.mark.parametrize("status", STATES)
def test_without_force_a_job_is_deleted_once_it_is_over_with_all_that_still_runs(
    running: SyncStore, status: str
) -> None:
    WAYS[status](running)
    with pytest.raises(WrongJobState):
        running.do(jobs.delete, "j", at=running.now)
    running.do(jobs.cancel, "j", at=running.now)
    running.do(jobs.delete, "j", at=running.now)
    assert of_thing(running) == []
    with pytest.raises(NotFound):
        running.job("j")


def test_a_canceled_job_may_be_canceled_again_by_force_while_something_runs(running: SyncStore) -> None:
    running.ask("t", "start-next")
    running.do(jobs.cancel, "j", at=running.now)
    with pytest.raises(WrongJobState):
        running.do(jobs.cancel, "j", at=running.now)
    running.do(jobs.cancel, "j", force=True, at=running.now)
    assert of_thing(running) == [("CANCELED", 3, True)]
    for force in (False, True):
        with pytest.raises(WrongJobState):
            running.do(jobs.cancel, "j", force=force, at=running.now)


@pytest.mark.parametrize(
    ("status", "continuous"),
    # Nothing else removes an execution of a SNAPSHOT job.
    [(s, c) for c in (False, True) for s in STATES if c or s != "REMOVED"],
)
def test_a_deleted_thing_ends_what_is_pending_and_keeps_what_has_ended(
    store: SyncStore, status: str, *, continuous: bool
) -> None:
    store.group("g", "t")
    store.create("j", "thinggroup/g", continuous=True, timeout_config={"inProgressTimeoutInMinutes": 1})
    if not continuous:
        store.do(jobs.delete, "j", force=True, at=store.now)
        store.create("j", "t", timeout_config={"inProgressTimeoutInMinutes": 1})
    WAYS[status](store)
    store.do(things.delete, "t", at=store.now)
    after = "REMOVED" if status in ("QUEUED", "IN_PROGRESS") else status
    assert [row[0] for row in of_thing(store)] == [after]
    assert store.job("j").counts[Status(after)] == 1
    assert store.job("j").status == ("IN_PROGRESS" if continuous else "COMPLETED")


@pytest.mark.parametrize("status", STATES)
def test_who_leaves_loses_what_is_pending_and_keeps_what_has_ended(running: SyncStore, status: str) -> None:
    WAYS[status](running)
    running.do(groups.remove, "g", ["t"], at=running.now)
    after = "REMOVED" if status in ("QUEUED", "IN_PROGRESS") else status
    assert [row[0] for row in of_thing(running)] == [after]
    assert of_thing(running, "other") == [("QUEUED", 1, False)]


@pytest.mark.parametrize("status", STATES)
def test_associating_a_thing_that_is_covered_already_gives_it_nothing_new(
    running: SyncStore, status: str
) -> None:
    WAYS[status](running)
    before = of_thing(running)
    running.do(jobs.associate, "j", ["t"], policy=AUTO, at=running.now)
    running.tick()
    # One that was REMOVED is covered no more: it comes back.
    back = [("QUEUED", 1, False)] if status == "REMOVED" else []
    assert of_thing(running) == before + back


def test_a_snapshot_job_and_one_that_is_over_take_no_more_targets(running: SyncStore) -> None:
    running.create("snap", "t")
    running.do(jobs.cancel, "j", at=running.now)
    for job in ("snap", "j"):
        with pytest.raises(WrongJobState):
            running.do(jobs.associate, job, ["new"], policy=AUTO, at=running.now)
    assert running.rows("SELECT count(*) FROM things WHERE name = 'new'") == [(0,)]
