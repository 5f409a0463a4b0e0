"""Rollouts: every target gets exactly one execution, in pieces that survive a kill (promises C5, F5, F22)."""

from datetime import timedelta

import pytest
from invariants import check
from sync_store import AUTO, SyncStore, listed, names

from domain.errors import InvalidRequest, LimitExceeded, UnknownTarget
from domain.execution import Status
from domain.job import MAX_TARGETS
from domain.registry import Registration
from storage import agenda, expiry, groups, jobs, rollouts, sweeps, targets, things
from storage.policy import Policy
from storage.rollouts import CHUNK


def exactly_one_each(store: SyncStore, job_id: str, count: int) -> None:
    key = store.job_key(job_id)
    assert store.rows(
        f"SELECT count(*), count(DISTINCT thing), min(number), max(number) FROM executions WHERE job = {key}"
    ) == [(count, count, 1, 1)]
    assert store.rows(f"SELECT count(*), max(version) FROM execution_events WHERE job = {key}") == [
        (count, 1)
    ]


def test_ten_thousand_targets_are_taken_and_not_one_more(store: SyncStore) -> None:
    job = store.create("j", *names("t", MAX_TARGETS))
    assert 0 < job.counts[Status.QUEUED] <= CHUNK
    assert job.is_concurrent
    assert store.finish_rollout("j") >= MAX_TARGETS // CHUNK - 1
    assert not store.job("j").is_concurrent
    exactly_one_each(store, "j", MAX_TARGETS)
    with pytest.raises(InvalidRequest, match="10001 entries; at most 10000"):
        store.create("k", *names("t", MAX_TARGETS + 1))


def test_a_small_job_is_out_when_its_creation_returns(store: SyncStore) -> None:
    job = store.create("j", *names("t", 50))
    assert (job.counts[Status.QUEUED], job.is_concurrent, job.status) == (50, False, "IN_PROGRESS")


def test_a_rollout_killed_between_any_two_pieces_goes_on_and_repeats_nothing(
    store: SyncStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollouts, "CHUNK", 1)
    store.group("g", *names("t", 40))
    store.create("j", "t1", "thinggroup/g")
    key = store.job_key("j")
    while store.job("j").is_concurrent:
        store.reopen()
        assert [item.job_key for item in store.do(agenda.due, at=store.now)] == [key]
        store.do(rollouts.release, key, limit=7, at=store.now)
        check(store)
    exactly_one_each(store, "j", 40)
    assert store.tick() == 0
    assert store.do(agenda.due, at=store.now) == []
    assert store.do(rollouts.release, key, at=store.now) == 0


def test_a_piece_that_is_killed_half_way_is_as_if_it_had_not_begun(store: SyncStore) -> None:
    store.create("j", *names("t", CHUNK + 10))
    key = store.job_key("j")

    def half(connection) -> None:
        rollouts.release(connection, key, at=store.now)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.do(half)
    store.reopen()
    assert store.job("j").counts[Status.QUEUED] == CHUNK
    store.finish_rollout("j")
    exactly_one_each(store, "j", CHUNK + 10)


def test_a_creation_that_fails_leaves_nothing_not_even_the_things_it_registered(store: SyncStore) -> None:
    with pytest.raises(UnknownTarget, match="no thing group 'nowhere'"):
        store.create("j", "new1", "new2", "thinggroup/nowhere")
    with pytest.raises(InvalidRequest, match="document"):
        store.create("j", "new1", document="[]")
    assert store.rows("SELECT (SELECT count(*) FROM things), (SELECT count(*) FROM jobs)") == [(0, 0)]


def test_strict_registration_wants_things_to_be_there(store: SyncStore) -> None:
    strict = Policy(registration=Registration.STRICT)
    store.do(things.create, "here", at=store.now)
    found = store.do(targets.resolve, ["here"], policy=strict, at=store.now)
    assert [t.text for t in found] == ["here"]
    with pytest.raises(UnknownTarget, match="registration is strict"):
        store.do(targets.resolve, ["here", "gone"], policy=strict, at=store.now)
    store.do(things.delete, "here", at=store.now)
    with pytest.raises(UnknownTarget):
        store.do(targets.resolve, ["here"], policy=strict, at=store.now)


def test_a_plain_name_means_a_thing_then_a_group_then_a_new_thing(store: SyncStore) -> None:
    store.group("both", "a")
    store.group("group", "b")
    store.do(things.create, "both", at=store.now)
    job = store.create("j", "both", "group", "new", "thinggroup/both")
    assert job.counts[Status.QUEUED] == 4
    assert {name for (name,) in store.rows("SELECT name FROM things")} == {"a", "b", "both", "new"}


def test_a_job_for_an_empty_group_is_completed_at_once_a_continuous_one_never(store: SyncStore) -> None:
    store.group("empty")
    assert store.create("j", "thinggroup/empty").status == "COMPLETED"
    assert store.create("k", "thinggroup/empty", continuous=True).status == "IN_PROGRESS"


def test_seven_levels_of_groups_are_followed_to_the_bottom(store: SyncStore) -> None:
    store.group("g1", "t1")
    for level in range(2, 8):
        store.group(f"g{level}", f"t{level}", "t1", parent=f"g{level - 1}")
    with pytest.raises(InvalidRequest, match="at most 7 deep"):
        store.group("g8", parent="g7")
    store.create("j", "thinggroup/g1")
    exactly_one_each(store, "j", 7)


def test_a_thing_deleted_while_it_waits_gets_nothing_and_the_job_can_end(
    store: SyncStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollouts, "CHUNK", 3)
    for name in ("t0", "t1", "t2", "late"):
        store.do(things.create, name, at=store.now)
    store.create("j", "t0", "t1", "t2", "late")
    for thing in ("t0", "t1"):
        store.ask(thing, "j/update", {"status": "SUCCEEDED"})
    key = store.job_key("j")
    store.ask("t2", "j/update", {"status": "SUCCEEDED"})
    assert store.job("j").status == "IN_PROGRESS"
    store.do(things.delete, "late", at=store.now)
    assert store.job("j").status == "COMPLETED"
    exactly_one_each_but_versions = store.rows(f"SELECT count(*) FROM executions WHERE job = {key}")
    assert exactly_one_each_but_versions == [(3,)]


def test_targets_are_added_to_continuous_jobs_only_and_only_new_things_get_something(
    store: SyncStore,
) -> None:
    store.create("j", "t1", continuous=True)
    store.ask("t1", "j/update", {"status": "SUCCEEDED"})
    job = store.do(jobs.associate, "j", ["t1", "thing/t1", "t2"], policy=AUTO, comment="more", at=store.now)
    assert (job.targets, job.comment) == (("t1", "t2"), "more")
    assert (job.counts[Status.QUEUED], job.counts[Status.SUCCEEDED]) == (1, 1)
    store.do(jobs.associate, "j", ["t2"], policy=AUTO, at=store.now)
    exactly_one = store.rows("SELECT thing, count(*) FROM executions GROUP BY thing HAVING count(*) > 1")
    assert exactly_one == []
    store.create("snap", "t1")
    with pytest.raises(Exception, match="CONTINUOUS jobs only"):
        store.do(jobs.associate, "snap", ["t2"], policy=AUTO, at=store.now)
    store.do(jobs.cancel, "j", at=store.now)
    with pytest.raises(Exception, match="CANCELED"):
        store.do(jobs.associate, "j", ["t3"], policy=AUTO, at=store.now)


def test_a_thing_that_was_removed_comes_back_when_it_is_named_itself(store: SyncStore) -> None:
    store.group("g", "t")
    store.create("j", "thinggroup/g", continuous=True)
    store.do(groups.remove, "g", ["t"], at=store.now)
    assert store.execution("j", "t").status == "REMOVED"
    store.do(jobs.associate, "j", ["t"], policy=AUTO, at=store.now)
    execution = store.execution("j", "t")
    assert (execution.status, execution.execution_number) == ("QUEUED", 2)


def test_a_job_may_not_grow_beyond_ten_thousand_targets(store: SyncStore) -> None:
    store.create("j", *names("t", 6), continuous=True)
    with pytest.raises(LimitExceeded, match="more than 10000 targets"):
        store.do(jobs.associate, "j", list(names("u", MAX_TARGETS - 5)), policy=AUTO, at=store.now)
    assert store.job("j").targets == tuple(names("t", 6))


def test_a_cancel_stops_a_rollout_for_good(store: SyncStore) -> None:
    store.create("j", *names("t", CHUNK + 10))
    store.do(jobs.cancel, "j", at=store.now)
    assert store.finish_rollout("j") == 0
    store.finish_sweep("j")
    assert store.job("j").counts == {status: CHUNK * (status == "CANCELED") for status in Status}


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep takes ten at a time, so that eighty are many."""
    monkeypatch.setitem(sweeps.go_on.__kwdefaults__, "limit", 10)


@pytest.mark.parametrize("force", [False, True])
def test_a_large_cancel_goes_on_after_a_kill_and_devices_see_it_as_done(
    store: SyncStore, *, force: bool, small_pieces: None
) -> None:
    many = sorted(names("t", 80))
    store.create("j", *many)
    last = many[-1]
    for thing in many[-3:]:
        store.ask(thing, "j/update", {"status": "IN_PROGRESS"})
    store.tell()
    job = store.do(jobs.cancel, "j", force=force, comment="stop", at=store.now)
    assert (job.status, job.is_concurrent, job.comment) == ("CANCELED", True, "stop")
    unswept = many[-10]
    assert store.execution("j", unswept).status == "QUEUED"
    assert "execution" not in store.ask(unswept, "start-next")[1]
    assert store.ask(unswept, "j/update", {"status": "IN_PROGRESS"})[1]["code"] == "InvalidStateTransition"
    assert store.execution("j", unswept).status == "CANCELED"
    running = store.ask(last, "j/update", {"status": "IN_PROGRESS"})
    assert running[0] == ("rejected" if force else "accepted")
    while store.job("j").is_concurrent:
        store.reopen()
        key = store.job_key("j")
        assert store.do(agenda.due, at=store.now)[0].job_key == key
        store.do(sweeps.go_on, key, limit=7, at=store.now)
        check(store)
    counts = store.job("j").counts
    assert counts[Status.IN_PROGRESS] == (0 if force else 3)
    assert counts[Status.CANCELED] == len(many) - counts[Status.IN_PROGRESS]


@pytest.mark.parametrize("how", ["cancel", "force", "delete"])
def test_what_a_sweep_has_not_reached_yet_is_announced_to_nobody(
    store: SyncStore, how: str, small_pieces: None
) -> None:
    many = sorted(names("t", 80))
    store.create("j", *many)
    store.tell()
    if how == "delete":
        store.do(jobs.delete, "j", force=True, at=store.now)
    else:
        store.do(jobs.cancel, "j", force=how == "force", at=store.now)
    store.tell()
    store.create("k", many[-1])
    assert listed(store.tell()[many[-1]]["notify"]) == {"QUEUED": ["k"]}
    assert store.ask(many[-1], "$next/get")[1]["execution"]["jobId"] == "k"


def test_a_large_delete_goes_on_after_a_kill_and_then_frees_the_id(
    store: SyncStore, small_pieces: None
) -> None:
    many = list(names("t", 80))
    store.group("g", *many)
    store.create("j", "thinggroup/g", "extra")
    while store.tell():
        pass
    store.do(jobs.delete, "j", force=True, at=store.now)
    assert store.job("j").status == "DELETION_IN_PROGRESS"
    left = store.rows("SELECT name FROM things t JOIN executions e ON e.thing = t.id LIMIT 1")[0][0]
    assert store.ask(left, "j/get")[1]["code"] == "ResourceNotFound"
    assert "execution" not in store.ask(left, "start-next")[1]
    for verb in (jobs.cancel, jobs.delete):
        with pytest.raises(Exception, match=r"DELETION_IN_PROGRESS|already being deleted"):
            store.do(verb, "j", force=True, at=store.now)
    with pytest.raises(Exception, match="already exists"):
        store.create("j", "t0")
    pieces = 0
    while store.rows("SELECT 1 FROM jobs"):
        store.reopen()
        store.do(sweeps.go_on, store.job_key("j"), limit=10, at=store.now)
        pieces += 1
    assert pieces > 3
    for table in ("executions", "execution_events", "job_targets", "waiting"):
        assert store.rows(f"SELECT count(*) FROM {table}") == [(0,)]
    told = {}
    while more := store.tell():
        told |= more
    assert len(told) == len(many) + 1
    assert all(said["notify"]["jobs"] == {} for said in told.values())
    assert store.create("j", "t0").counts[Status.QUEUED] == 1


def test_time_outs_of_many_fire_in_pieces_and_each_once(store: SyncStore) -> None:
    store.create("j", *names("t", 30), timeout_config={"inProgressTimeoutInMinutes": 1})
    store.ask_all(*((f"t{n}", "start-next", {}) for n in range(25)))
    store.later(minutes=1)
    key = store.job_key("j")
    fired = []
    while count := store.do(expiry.expire, [key], limit=10, at=store.now):
        store.reopen()
        fired.append(count)
    assert fired == [10, 10, 5]
    counts = store.job("j").counts
    assert (counts[Status.TIMED_OUT], counts[Status.QUEUED]) == (25, 5)
    store.tick()
    assert store.do(agenda.next_look) is None
    store.ask("t25", "start-next")
    assert store.do(agenda.next_look) == store.now + timedelta(minutes=1)
