"""Groups: who is in them, and how continuous jobs follow (contract 1.3, 2.5; vectors V3 to V5)."""

import pytest
from sync_store import AUTO, SyncStore, listed

from domain.errors import AlreadyExists, Conflict, InvalidRequest, NotFound, ThingVersionMismatch
from domain.execution import Status
from domain.registry import MAX_MEMBERS_A_CALL, Registration
from storage import groups, jobs, members, things
from storage.policy import Policy


def join(store: SyncStore, group: str, *names: str) -> int:
    """Add things; the clock then releases what waits."""
    added = store.do(groups.add, group, names, policy=AUTO, at=store.now)
    for (job,) in store.rows("SELECT job_id FROM jobs WHERE waiting > 0"):
        store.finish_rollout(job)
    return added


def leave(store: SyncStore, group: str, *names: str) -> int:
    return store.do(groups.remove, group, names, at=store.now)


@pytest.fixture
def followed(store: SyncStore) -> SyncStore:
    """A continuous job on the group g; c lies inside g."""
    store.group("g")
    store.group("c", parent="g")
    store.create("j", "thinggroup/g", continuous=True)
    return store


def test_v3_who_joins_gets_the_job_and_is_told(followed: SyncStore) -> None:
    assert join(followed, "g", "t") == 1
    execution = followed.execution("j", "t")
    assert (execution.execution_number, execution.status, execution.version_number) == (1, "QUEUED", 1)
    said = followed.tell()["t"]
    assert listed(said["notify"]) == {"QUEUED": ["j"]}
    assert said["notify-next"]["execution"]["executionNumber"] == 1
    followed.ask("t", "j/update", {"status": "SUCCEEDED"})
    assert followed.job("j").status == "IN_PROGRESS"


@pytest.mark.parametrize("begun", [False, True])
def test_v4_who_leaves_loses_it_and_is_told(followed: SyncStore, *, begun: bool) -> None:
    join(followed, "g", "t")
    if begun:
        followed.ask("t", "start-next")
    followed.tell()
    assert leave(followed, "g", "t") == 1
    assert followed.execution("j", "t").status == "REMOVED"
    said = followed.tell()["t"]
    assert said["notify"]["jobs"] == {}
    assert said["notify-next"].keys() == {"timestamp"}
    assert followed.ask("t", "j/update", {"status": "SUCCEEDED"})[1]["code"] == "InvalidStateTransition"


@pytest.mark.parametrize("ended", [None, "SUCCEEDED", "FAILED"])
def test_v5_who_comes_back_gets_it_again_with_the_next_number(followed: SyncStore, ended: str | None) -> None:
    join(followed, "g", "t")
    if ended:
        followed.ask("t", "j/update", {"status": ended})
    followed.tell()
    leave(followed, "g", "t")
    join(followed, "g", "t")
    execution = followed.execution("j", "t")
    assert (execution.execution_number, execution.status, execution.version_number) == (2, "QUEUED", 1)
    assert followed.execution("j", "t", 1).status == (ended or "REMOVED")
    assert followed.tell()["t"]["notify-next"]["execution"]["executionNumber"] == 2


def test_joining_twice_or_leaving_without_having_joined_is_no_error(followed: SyncStore) -> None:
    assert join(followed, "g", "t", "t") == 1
    assert join(followed, "g", "t") == 0
    assert leave(followed, "g", "stranger") == 0
    followed.do(things.create, "x", at=followed.now)
    assert leave(followed, "g", "x") == 0
    assert followed.rows("SELECT count(*) FROM executions") == [(1,)]


def test_a_group_inside_is_followed_too_and_one_way_in_is_enough(followed: SyncStore) -> None:
    join(followed, "c", "t")
    assert followed.execution("j", "t").status == "QUEUED"
    join(followed, "g", "t")
    assert followed.rows("SELECT count(*) FROM executions") == [(1,)]
    leave(followed, "c", "t")
    assert followed.execution("j", "t").status == "QUEUED", "still in g itself"
    leave(followed, "g", "t")
    assert followed.execution("j", "t").status == "REMOVED"


def test_a_thing_that_is_named_itself_stays_when_it_leaves_the_group(store: SyncStore) -> None:
    store.group("g", "t")
    store.create("j", "thinggroup/g", "t", continuous=True)
    leave(store, "g", "t")
    assert store.execution("j", "t").status == "QUEUED"


def test_leaving_a_group_the_job_does_not_name_takes_nothing_away(followed: SyncStore) -> None:
    followed.group("other", "t")
    join(followed, "g", "t")
    leave(followed, "other", "t")
    assert followed.execution("j", "t").status == "QUEUED"


def test_a_snapshot_job_and_a_canceled_one_do_not_follow(store: SyncStore) -> None:
    store.group("g", "t1")
    store.create("snap", "thinggroup/g")
    store.create("over", "thinggroup/g", continuous=True)
    store.do(jobs.cancel, "over", at=store.now)
    join(store, "g", "t2")
    leave(store, "g", "t1")
    assert store.job("snap").counts[Status.QUEUED] == 1
    assert store.execution("snap", "t1").status == "QUEUED"
    assert store.job("over").counts[Status.CANCELED] == 1
    assert store.rows("SELECT count(*) FROM executions") == [(2,)]


def test_who_leaves_before_its_release_never_gets_it(followed: SyncStore) -> None:
    followed.do(groups.add, "g", ["t"], policy=AUTO, at=followed.now)
    assert followed.job("j").is_concurrent
    leave(followed, "g", "t")
    assert not followed.job("j").is_concurrent
    assert followed.finish_rollout("j") == 0


def test_deleting_a_group_is_everybody_leaving(followed: SyncStore) -> None:
    join(followed, "c", "t1", "t2")
    with pytest.raises(Conflict, match="still has the group c inside"):
        followed.do(groups.delete, "g", at=followed.now)
    followed.do(groups.delete, "c", at=followed.now)
    assert followed.job("j").counts[Status.REMOVED] == 2
    followed.do(groups.delete, "g", at=followed.now)
    followed.group("g", "t1")
    assert followed.job("j").counts[Status.QUEUED] == 0, "another group of the same name"
    with pytest.raises(NotFound):
        followed.do(groups.get, "c")


def test_a_thing_deleted_while_a_member_is_gone_from_the_group(followed: SyncStore) -> None:
    join(followed, "g", "t")
    followed.do(things.delete, "t", at=followed.now)
    assert followed.job("j").counts[Status.REMOVED] == 1
    assert followed.do(members.of_group, "g").items == ()
    followed.do(things.create, "t", at=followed.now)
    assert followed.rows("SELECT count(*) FROM executions") == [(1,)]


def test_members_may_be_asked_for_with_the_groups_inside(followed: SyncStore) -> None:
    join(followed, "g", "t1", "both")
    join(followed, "c", "t2", "both")
    assert sorted(followed.do(members.of_group, "g").items) == ["both", "t1"]
    assert sorted(followed.do(members.of_group, "g", recursive=True).items) == ["both", "t1", "t2"]
    assert followed.do(members.of_thing, "both").items == ("c", "g")
    for verb, name in ((members.of_group, "nowhere"), (members.of_thing, "nobody")):
        with pytest.raises(NotFound):
            followed.do(verb, name)


def test_a_group_is_made_once_and_its_version_counts_changes(store: SyncStore) -> None:
    first = store.do(groups.create, "g", description="d", at=store.now)
    assert store.do(groups.create, "g", description="d", at=store.now) == first
    with pytest.raises(AlreadyExists):
        store.do(groups.create, "g", description="e", at=store.now)
    with pytest.raises(NotFound):
        store.do(groups.create, "x", parent_name="nowhere", at=store.now)
    changed = store.do(groups.update, "g", changes={"description": "e"}, expected_version=1, at=store.now)
    assert (changed.version, changed.description) == (2, "e")
    for verb in (groups.update, groups.delete):
        more = {"changes": {"description": "f"}} if verb is groups.update else {}
        with pytest.raises(ThingVersionMismatch, match="expected version 1 but found version 2"):
            store.do(verb, "g", expected_version=1, at=store.now, **more)
    for bad in ("", "a/b", "x" * 129, "ü"):
        with pytest.raises(InvalidRequest):
            store.do(groups.create, bad, at=store.now)
    with pytest.raises(InvalidRequest, match=r"U\+000A"):
        store.do(groups.create, "h", description="a\nb", at=store.now)


def test_a_call_that_cannot_add_all_adds_none(followed: SyncStore) -> None:
    strict = Policy(registration=Registration.STRICT)
    followed.do(things.create, "here", at=followed.now)
    with pytest.raises(NotFound, match="gone"):
        followed.do(groups.add, "g", ["here", "gone"], policy=strict, at=followed.now)
    with pytest.raises(InvalidRequest):
        followed.do(groups.add, "g", ["here", "no name"], policy=AUTO, at=followed.now)
    with pytest.raises(InvalidRequest, match="at most"):
        followed.do(groups.add, "g", ["x"] * (MAX_MEMBERS_A_CALL + 1), policy=AUTO, at=followed.now)
    assert followed.do(members.of_group, "g").items == ()
