"""Departures: deleted things, deleted groups and leavers are swept in pieces (contract 2.5; promise F5)."""

import pytest
from departing import ended, pieces
from paced_jobs import retry
from sync_store import AUTO, SyncStore, names

from domain.errors import Conflict, NotFound, UnknownTarget
from domain.execution import Status
from storage import departures, groups, jobs, members, orphans, things


def delete_group(store: SyncStore, name: str = "g") -> None:
    store.do(groups.delete, name, at=store.now)


# --- groups ---


def test_a_group_of_a_thousand_is_gone_when_its_deletion_returns(store: SyncStore) -> None:
    store.group("g", *names("t", 1000))
    store.create("j", "thinggroup/g", continuous=True)
    delete_group(store)
    with pytest.raises(NotFound):
        store.do(groups.get, "g")
    assert store.job("j").counts[Status.REMOVED] == 1000
    assert store.do(departures.due) == []


@pytest.mark.usefixtures("small")
def test_a_large_group_is_swept_by_the_clock_in_pieces_whoever_is_killed(followed: SyncStore) -> None:
    delete_group(followed)
    assert (followed.do(groups.get, "g").status, ended(followed)) == ("DELETION_IN_PROGRESS", 8)
    assert list(pieces(followed)) == [4, 4, 4, 0]
    with pytest.raises(NotFound):
        followed.do(groups.get, "g")
    assert followed.job("j").counts[Status.REMOVED] == 20
    assert followed.rows("SELECT count(*) FROM execution_events WHERE to_status = 'REMOVED'") == [(20,)]
    followed.group("g", "t1")
    followed.tick()
    assert followed.job("j").counts[Status.QUEUED] == 0, "another group of the same name"


@pytest.mark.usefixtures("small")
def test_a_piece_that_is_killed_half_way_is_as_if_it_had_not_begun(followed: SyncStore) -> None:
    delete_group(followed)

    def half(connection) -> None:
        departures.go_on(connection, departures.due(connection)[0], at=followed.now)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        followed.do(half)
    followed.reopen()
    assert ended(followed) == 8
    followed.tick()
    assert followed.job("j").counts[Status.REMOVED] == 20


@pytest.mark.usefixtures("small")
def test_a_group_on_its_way_out_takes_nobody_in_keeps_its_name_and_is_no_target(followed: SyncStore) -> None:
    delete_group(followed)
    before = followed.do(members.of_group, "g").items
    policy, at = {"policy": AUTO, "at": followed.now}, {"at": followed.now}
    for verb, values in (
        (groups.create, at),
        (groups.update, {"changes": {"description": "d"}, **at}),
        (groups.delete, at),
    ):
        with pytest.raises(Conflict, match="g is being deleted; its name is free again when that is done"):
            followed.do(verb, "g", **values)
    with pytest.raises(Conflict, match="being deleted"):
        followed.do(groups.add, "g", ["new"], **policy)
    with pytest.raises(Conflict, match="being deleted"):
        followed.group("inside", parent="g")
    for target in ("g", "thinggroup/g"):
        with pytest.raises(UnknownTarget, match="targets: thing group 'g' is being deleted"):
            followed.create("k", target)
        with pytest.raises(UnknownTarget, match="excludedTargets: thing group 'g' is being deleted"):
            followed.create("k", "t1", excluded_targets=(target,))
    with pytest.raises(UnknownTarget):
        followed.do(jobs.associate, "j", ["thinggroup/g"], **policy)
    assert followed.do(members.of_group, "g").items == before
    assert followed.rows("SELECT count(*) FROM things WHERE name IN ('g', 'new')") == [(0,)]


@pytest.mark.usefixtures("small")
def test_a_group_on_its_way_out_is_in_no_other_any_more(followed: SyncStore) -> None:
    followed.create("above", "thinggroup/around", continuous=True)
    followed.tick()
    delete_group(followed)
    assert followed.create("later", "thinggroup/around").counts[Status.QUEUED] == 0
    delete_group(followed, "around")
    followed.tick()
    for job in ("j", "above"):
        assert followed.job(job).counts[Status.REMOVED] == 20
    assert followed.rows("SELECT name FROM thing_groups") == []


@pytest.mark.usefixtures("small")
def test_members_of_a_group_on_its_way_out_may_still_leave_and_be_deleted(followed: SyncStore) -> None:
    delete_group(followed)
    assert followed.do(groups.remove, "g", ["t19"], at=followed.now) == 1
    followed.do(things.delete, "t18", at=followed.now)
    assert ended(followed) == 10
    followed.tick()
    assert followed.job("j").counts[Status.REMOVED] == 20


@pytest.mark.usefixtures("small")
def test_who_is_covered_by_another_target_stays(followed: SyncStore) -> None:
    followed.group("other", *(f"t{n}" for n in range(5, 15)))
    followed.do(jobs.associate, "j", ["thinggroup/other", "t19"], policy=AUTO, at=followed.now)
    delete_group(followed)
    followed.tick()
    counts = followed.job("j").counts
    assert (counts[Status.QUEUED], counts[Status.REMOVED]) == (11, 9)


@pytest.mark.usefixtures("small")
def test_who_waits_for_its_release_waits_no_longer(followed: SyncStore) -> None:
    followed.group("late")
    followed.create("k", "thinggroup/late", continuous=True)
    followed.do(groups.add, "late", list(names("t", 20)), policy=AUTO, at=followed.now)
    assert followed.rows("SELECT waiting FROM jobs WHERE job_id = 'k'") == [(20,)]
    delete_group(followed, "late")
    followed.see_out()
    assert followed.rows("SELECT waiting FROM jobs WHERE job_id = 'k'") == [(0,)]
    assert not any(followed.job("k").counts.values())


def test_an_exclusion_covers_nobody(store: SyncStore) -> None:
    store.group("g", "t1", "t2")
    store.group("not", "t1")
    store.create("j", "thinggroup/g", continuous=True, excluded_targets=("thinggroup/not",))
    store.do(groups.add, "not", ["t2"], policy=AUTO, at=store.now)
    store.do(groups.remove, "g", ["t2"], at=store.now)
    assert store.execution("j", "t2").status == "REMOVED"


@pytest.mark.usefixtures("small")
def test_a_thing_that_has_more_than_a_piece_is_seen_out_alone(store: SyncStore) -> None:
    store.group("g", "t0", "t1", "t2")
    for number in range(9):
        store.create(f"j{number}", "thinggroup/g", continuous=True, document=f'{{"n":{number}}}')
    keys = sorted(store.do(things.key_of, thing) for thing in names("t", 3))
    found = store.do(orphans.find, keys, limit=4)
    assert (found.orphans, found.things, found.held) == ([], 1, 9)
    delete_group(store)
    store.tick()
    assert ended(store) == 27


# --- things ---


@pytest.mark.usefixtures("small")
def test_a_deleted_thing_is_gone_at_once_and_its_work_ends_in_pieces(store: SyncStore) -> None:
    for number in range(20):
        store.create(f"j{number}", "t", document=f'{{"n":{number}}}')
    store.do(things.delete, "t", at=store.now)
    assert ended(store) == 8
    with pytest.raises(NotFound):
        store.do(things.get, "t")
    assert store.ask("t", "start-next")[1]["code"] == "ResourceNotFound"
    assert list(pieces(store)) == [4, 4, 4, 0]
    assert store.rows("SELECT status, count(*) FROM jobs GROUP BY 1 ORDER BY 1") == [("COMPLETED", 20)]
    assert store.rows("SELECT count(*) FROM execution_events WHERE to_status = 'REMOVED'") == [(20,)]


@pytest.mark.usefixtures("small")
def test_a_namesake_hears_nothing_of_what_the_deleted_thing_has_left(store: SyncStore) -> None:
    for number in range(20):
        store.create(f"j{number}", "t", document=f'{{"n":{number}}}')
    store.tell()
    store.do(things.delete, "t", at=store.now)
    store.do(things.create, "t", at=store.now)
    # An operator's cancel and the clock both touch what is left, and mark the thing whose it is.
    store.do(jobs.cancel, "j15", at=store.now)
    assert store.tell() == {}
    assert "execution" not in store.ask("t", "start-next")[1]
    store.create("new", "t")
    assert store.tell()["t"]["notify"]["jobs"].keys() == {"QUEUED"}
    store.tick()
    assert store.tell() == {}
    assert store.execution("new", "t").status == "QUEUED"
    assert store.rows("SELECT status, count(*) FROM jobs GROUP BY 1 ORDER BY 1") == [
        ("CANCELED", 1), ("COMPLETED", 19), ("IN_PROGRESS", 1),
    ]  # fmt: skip


@pytest.mark.usefixtures("small")
def test_what_a_deleted_thing_waits_for_goes_too_even_if_it_is_released_meanwhile(store: SyncStore) -> None:
    for number in range(20):
        store.create(f"j{number}", f"x{number}", continuous=True, document=f'{{"n":{number}}}')
        store.group(f"g{number}")
        store.do(jobs.associate, f"j{number}", [f"thinggroup/g{number}"], policy=AUTO, at=store.now)
        store.do(groups.add, f"g{number}", ["t"], policy=AUTO, at=store.now)
    assert store.rows("SELECT count(*) FROM waiting") == [(20,)]
    store.do(things.delete, "t", at=store.now)
    assert store.rows("SELECT count(*) FROM waiting") == [(12,)]
    for number in range(10, 20):
        store.finish_rollout(f"j{number}")
    store.tick()
    assert store.rows("SELECT count(*) FROM waiting") == [(0,)]
    gone = "SELECT count(*) FROM executions e JOIN things t ON t.id = e.thing WHERE t.deleted_at IS NOT NULL"
    assert store.rows(f"{gone} AND e.status <> 'REMOVED'") == [(0,)]


@pytest.mark.usefixtures("small")
def test_a_timer_that_fires_on_a_deleted_thing_owes_it_no_retry(store: SyncStore) -> None:
    timeout = {"inProgressTimeoutInMinutes": 1}
    for number in range(20):
        document = f'{{"n":{number}}}'
        more = {"timeout_config": timeout, "pacing": retry("ALL", 3), "document": document}
        store.create(f"j{number}", "t", **more)
        store.ask("t", f"j{number}/update", {"status": "IN_PROGRESS"})
    store.do(things.delete, "t", at=store.now)
    store.later(minutes=2)
    store.expire()
    store.tick()
    assert store.rows("SELECT status, count(*) FROM jobs GROUP BY 1 ORDER BY 1") == [("COMPLETED", 20)]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("excluded", ["g", "around"])
def test_whom_a_deleted_group_has_kept_out_comes_in(followed: SyncStore, excluded: str) -> None:
    followed.group("all", *names("t", 20))
    followed.create("k", "all", continuous=True, excluded_targets=(f"thinggroup/{excluded}",))
    assert followed.job("k").counts[Status.QUEUED] == 0
    delete_group(followed)
    followed.tick()
    assert followed.job("k").counts[Status.QUEUED] == 20
    assert followed.job("j").counts[Status.REMOVED] == 20
