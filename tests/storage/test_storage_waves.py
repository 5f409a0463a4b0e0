"""Waves and gates, pauses and promotions, caps and exclusions: the rollout as operators steer it."""

import pytest
from paced_jobs import counts, report, retry, things
from staged_jobs import fail, out, staged, steer, succeed
from sync_store import AUTO, SyncStore

from domain.errors import WrongJobState
from storage import groups, steering
from storage import things as registry


def test_a_wave_goes_out_when_the_one_before_has_succeeded(store: SyncStore) -> None:
    store.create("j", *things(10), pacing=staged({"percent": 10}, {"count": 3}))
    store.tick()
    assert out(store) == things(1)
    succeed(store, "t000")
    assert out(store) == things(4)
    succeed(store, "t001", "t002")
    assert out(store) == things(4)
    succeed(store, "t003")
    assert out(store) == things(10)
    succeed(store, *things(10)[4:])
    assert store.job("j").status == "COMPLETED"


def test_a_gate_bakes_and_then_waits_for_a_person(store: SyncStore) -> None:
    gate = {"bakeMinutes": 30, "approval": True}
    store.create("j", *things(4), pacing=staged({"count": 1, "gate": gate}))
    succeed(store, "t000")
    store.later(minutes=29)
    store.tick()
    assert (store.job("j").status, out(store)) == ("IN_PROGRESS", things(1))
    with pytest.raises(WrongJobState, match="IN_PROGRESS and cannot be approved"):
        steer(store, "approve")
    store.later(minutes=1)
    store.tick()
    assert (store.job("j").status, out(store)) == ("WAITING_FOR_APPROVAL", things(1))
    steer(store, "approve", comment="looks well")
    assert (store.job("j").status, out(store)) == ("IN_PROGRESS", things(4))


def test_a_gate_that_fails_pauses_the_job_and_hides_what_is_queued(store: SyncStore) -> None:
    gate = {"successPercentage": 50, "failurePercentage": 25}
    store.create("j", *things(8), pacing=staged({"count": 4, "gate": gate}))
    store.tick()
    report(store, "t001", "j", "IN_PROGRESS")
    assert list(store.tell()["t002"]) == ["notify", "notify-next"]
    fail(store, "t000")
    job = store.job("j")
    assert (job.status, job.reason_code) == ("PAUSED", "GATE_FAILED")
    assert job.comment == "wave 1: 1 of 4 things failed; the limit is 25 %"
    assert store.ask("t002", "get")[1]["queuedJobs"] == []
    assert store.ask("t002", "start-next")[1] == {"timestamp": store.ask("t002", "get")[1]["timestamp"]}
    # Who has begun goes on.
    succeed(store, "t001")
    assert store.job("j").status == "PAUSED"
    assert store.tell()["t002"]["notify"]["jobs"] == {}


def test_a_resume_forgives_what_has_failed_so_far(store: SyncStore) -> None:
    store.create("j", *things(8), pacing=staged({"count": 4}))
    store.tick()
    fail(store, "t000")
    assert store.job("j").status == "PAUSED"
    steer(store, "resume", comment="a broken cable")
    assert store.job("j").status == "IN_PROGRESS"
    succeed(store, "t001", "t002")
    assert out(store) == things(4)
    succeed(store, "t003")
    assert out(store) == things(8)


def test_a_resumed_job_pauses_again_when_more_fails(store: SyncStore) -> None:
    store.create("j", *things(8), pacing=staged({"count": 4}))
    store.tick()
    fail(store, "t000")
    steer(store, "resume")
    fail(store, "t001")
    assert store.job("j").status == "PAUSED"
    with pytest.raises(WrongJobState, match="PAUSED and cannot be paused"):
        steer(store, "pause")


def test_a_job_without_waves_cannot_be_promoted(store: SyncStore) -> None:
    store.create("j", "a")
    with pytest.raises(WrongJobState, match="has no waves"):
        steer(store, "promote")


def test_retries_that_are_owed_do_not_fail_a_gate(store: SyncStore) -> None:
    pacing = staged({"count": 2}).model_copy(
        update={"job_executions_retry_config": retry("FAILED", 1).job_executions_retry_config}
    )
    store.create("j", *things(4), pacing=pacing)
    store.tick()
    report(store, "t000", "j", "FAILED")
    assert store.job("j").status == "IN_PROGRESS"
    store.tick()
    assert store.job("j").status == "IN_PROGRESS"
    fail(store, "t000")
    assert store.job("j").status == "PAUSED"


def test_what_failed_is_tried_once_more_also_after_the_end(store: SyncStore) -> None:
    store.create("j", *things(3))
    succeed(store, "t000")
    fail(store, "t001", "t002")
    assert store.job("j").status == "COMPLETED"
    assert steer(store, "retry_failed") == 2
    assert store.job("j").status == "IN_PROGRESS"
    assert store.execution("j", "t001").execution_number == 2
    succeed(store, "t001", "t002")
    assert (store.job("j").status, counts(store, "j")) == ("COMPLETED", {"SUCCEEDED": 3})
    assert steer(store, "retry_failed") == 0
    assert store.job("j").status == "COMPLETED"


def test_canary_fails_is_mended_promoted_and_completed(store: SyncStore) -> None:
    store.create("j", *things(10), pacing=staged({"percent": 20}, {"percent": 30}))
    store.tick()
    fail(store, "t000")
    assert store.job("j").status == "PAUSED"
    assert steer(store, "retry_failed") == 1
    steer(store, "resume")
    succeed(store, "t000", "t001")
    assert out(store) == things(5)
    succeed(store, *things(5)[2:])
    succeed(store, *things(10)[5:])
    assert counts(store, "j") == {"SUCCEEDED": 10}
    assert store.job("j").status == "COMPLETED"


def test_waves_of_groups_and_named_things_come_before_shares(store: SyncStore) -> None:
    store.group("all", *things(10))
    store.group("north")
    store.group("oslo", "t007", parent="north")
    waves = ({"groups": ["north"]}, {"things": ["t009"]}, {"percent": 20})
    store.create("j", "thinggroup/all", pacing=staged(*waves))
    store.tick()
    assert out(store) == ["t007"]
    succeed(store, "t007")
    assert out(store) == ["t007", "t009"]
    succeed(store, "t009")
    assert out(store) == ["t000", "t001", "t007", "t009"]


def test_late_joiners_take_their_place_in_the_waves(store: SyncStore) -> None:
    store.group("g", "t000", "t001")
    store.create("j", "thinggroup/g", continuous=True, pacing=staged({"percent": 50}))
    store.tick()
    assert out(store) == ["t000"]
    store.do(groups.add, "g", ["t002", "t003"], policy=AUTO, at=store.now)
    store.tick()
    # Half of four are two: one of the two newcomers is a canary, too.
    assert out(store) == ["t000", "t002"]
    succeed(store, "t000", "t002")
    assert out(store) == things(4)
    store.do(groups.add, "g", ["t004"], policy=AUTO, at=store.now)
    store.tick()
    assert out(store) == things(5)


def test_an_empty_wave_is_passed_over_in_a_snapshot_and_waited_for_elsewhere(store: SyncStore) -> None:
    store.group("canaries")
    store.group("all", "t000", "t001")
    wave = staged({"groups": ["canaries"]})
    store.create("snapshot", "thinggroup/all", pacing=wave)
    store.create("followed", "thinggroup/all", continuous=True, pacing=wave)
    store.tick()
    assert (out(store, "snapshot"), out(store, "followed")) == (["t000", "t001"], [])
    store.do(groups.add, "canaries", ["t001"], policy=AUTO, at=store.now)
    store.tick()
    assert out(store, "followed") == []
    steer(store, "promote", "followed")
    assert out(store, "followed") == ["t000", "t001"]


def test_a_seed_chooses_the_same_canaries_again(store: SyncStore) -> None:
    names = things(100)
    chosen = []
    for job, seed in (("a", 7), ("b", 7), ("c", 8)):
        store.create(job, *names, pacing=staged({"count": 10}, choice="SEEDED", seed=seed))
        store.tick()
        chosen.append(out(store, job))
    assert chosen[0] == chosen[1] != chosen[2]
    assert chosen[0] != names[:10]
    assert [len(each) for each in chosen] == [10, 10, 10]


def test_who_is_online_goes_first_where_that_is_wanted(store: SyncStore) -> None:
    for name in things(6):
        store.do(registry.create, name, at=store.now)
    with store.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE things SET connected = true WHERE name IN ('t003', 't005')")
    store.create("j", *things(6), pacing=staged({"count": 2}, choice="ONLINE_FIRST"))
    store.tick()
    assert out(store) == ["t003", "t005"]


def test_how_the_waves_stand_is_told(store: SyncStore) -> None:
    store.create("j", *things(5), pacing=staged({"count": 2}))
    succeed(store, "t000")
    found = store.do(steering.standings, "j")
    assert [(w["number"], w["open"], w["things"], w["waiting"], w["succeeded"]) for w in found] == [
        (1, True, 2, 0, 1),
        (2, False, 3, 3, 0),
    ]
