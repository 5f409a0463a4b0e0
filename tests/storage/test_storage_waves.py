"""Waves and gates, pauses and promotions, caps and exclusions: the rollout as operators steer it."""

from typing import Any

import pytest
from paced_jobs import counts, paced, report, retry, things
from sync_store import AUTO, SyncStore

from domain.errors import InvalidRequest, UnknownTarget, WrongJobState
from domain.pacing import Pacing
from storage import groups, jobs, steering
from storage import things as registry


def staged(*waves: dict[str, Any], **more: Any) -> Pacing:
    return paced(stagedRolloutConfig={"waves": list(waves), **more})


def out(store: SyncStore, job: str = "j") -> list[str]:
    """Return the things that have had an execution of the job."""
    statement = (
        "SELECT DISTINCT t.name FROM executions e JOIN things t ON t.id = e.thing "
        f"JOIN jobs j ON j.id = e.job WHERE j.job_id = '{job}' ORDER BY t.name"
    )
    return [name for (name,) in store.rows(statement)]


def succeed(store: SyncStore, *names: str, job: str = "j") -> None:
    for name in names:
        report(store, name, job, "SUCCEEDED")
    store.tick()


def fail(store: SyncStore, *names: str, job: str = "j") -> None:
    for name in names:
        report(store, name, job, "FAILED")
    store.tick()


def steer(store: SyncStore, verb: str, job: str = "j", **more: Any) -> Any:
    found = store.do(getattr(steering, verb), job, actor="operator", at=store.now, **more)
    store.tick()
    return found


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


def test_a_promotion_skips_the_gate_and_lets_a_paused_job_go_on(store: SyncStore) -> None:
    store.create("j", *things(9), pacing=staged({"count": 1}, {"count": 1}, {"count": 1}))
    store.tick()
    steer(store, "promote")
    assert out(store) == things(2)
    fail(store, "t001")
    assert store.job("j").status == "PAUSED"
    steer(store, "promote")
    assert (store.job("j").status, out(store)) == ("IN_PROGRESS", things(3))
    steer(store, "promote", full=True)
    assert out(store) == things(9)
    with pytest.raises(WrongJobState, match="has its last wave open already"):
        steer(store, "promote")


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
    waves = ({"groups": ["north"]}, {"things": ["t009", "elsewhere"]}, {"percent": 20})
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


def test_no_more_than_the_cap_are_under_way(store: SyncStore) -> None:
    store.create("j", *things(7), pacing=staged(maximumInFlight=3))
    store.tick()
    assert out(store) == things(3)
    succeed(store, "t000")
    assert out(store) == things(4)
    fail(store, "t001", "t002")
    assert out(store) == things(6)
    assert counts(store, "j") == {"QUEUED": 3, "SUCCEEDED": 1, "FAILED": 2}


def test_cap_and_gates_can_change_but_not_who_is_in_which_wave(store: SyncStore) -> None:
    store.create("j", *things(9), pacing=staged({"count": 6}, maximumInFlight=2))
    store.tick()
    more = staged({"count": 6, "gate": {"successPercentage": 50}}, maximumInFlight=5)
    store.do(jobs.update, "j", pacing=more, at=store.now)
    store.tick()
    assert out(store) == things(5)
    with pytest.raises(InvalidRequest, match="only gates and maximumInFlight can change"):
        store.do(jobs.update, "j", pacing=staged({"count": 5}), at=store.now)
    succeed(store, *things(3))
    assert store.job("j").status == "IN_PROGRESS"
    assert out(store) == things(8)


def test_the_cap_holds_beside_a_rate(store: SyncStore) -> None:
    pacing = paced(
        jobExecutionsRolloutConfig={"maximumPerMinute": 2}, stagedRolloutConfig={"maximumInFlight": 3}
    )
    store.create("j", *things(7), pacing=pacing)
    store.tick()
    assert len(out(store)) == 2
    store.later(minutes=1)
    store.tick()
    assert len(out(store)) == 3
    succeed(store, "t000", "t001")
    assert len(out(store)) == 4
    store.later(minutes=1)
    store.tick()
    assert len(out(store)) == 5


def test_exclusions_get_nothing_also_when_they_join_late(store: SyncStore) -> None:
    store.group("g", *things(4))
    store.group("barred", "t001")
    excluded = ("thinggroup/barred", "t002")
    store.create("j", "thinggroup/g", continuous=True, excluded_targets=excluded)
    store.tick()
    assert out(store) == ["t000", "t003"]
    assert store.job("j").excluded_targets == excluded
    assert store.job("j").targets == ("thinggroup/g",)
    with pytest.raises(UnknownTarget, match="excludedTargets: there is no thing 'nobody'"):
        store.create("k", "t000", excluded_targets=("nobody",))
    store.do(jobs.associate, "j", ["t002", "t009"], policy=AUTO, at=store.now)
    store.tick()
    assert out(store) == ["t000", "t003", "t009"]


def test_exclusions_follow_their_groups_like_targets_do(store: SyncStore) -> None:
    store.group("g", *things(3))
    store.group("barred")
    store.create("j", "thinggroup/g", continuous=True, excluded_targets=("thinggroup/barred",))
    store.tick()
    assert counts(store, "j") == {"QUEUED": 3}
    store.do(groups.add, "barred", ["t001", "t007"], policy=AUTO, at=store.now)
    store.tick()
    assert counts(store, "j") == {"QUEUED": 2, "REMOVED": 1}
    assert store.execution("j", "t001").status == "REMOVED"
    store.do(groups.add, "g", ["t007", "t008"], policy=AUTO, at=store.now)
    store.tick()
    assert out(store) == [*things(3), "t008"]
    store.do(groups.remove, "barred", ["t001", "t007"], at=store.now)
    store.tick()
    assert out(store) == [*things(3), "t007", "t008"]
    assert counts(store, "j") == {"QUEUED": 5}


def test_a_rule_may_pause_instead_of_cancel_and_counts_anew_after_a_resume(store: SyncStore) -> None:
    rule = {
        "failureType": "FAILED",
        "action": "PAUSE",
        "thresholdPercentage": 50,
        "minNumberOfExecutedThings": 2,
    }
    store.create("j", *things(9), pacing=paced(abortConfig={"criteriaList": [rule]}))
    fail(store, "t000", "t001")
    job = store.job("j")
    assert (job.status, job.reason_code) == ("PAUSED", "JOB_ABORT_CRITERIA_MET")
    assert job.comment == "Paused: 2 of 2 executions ended as FAILED; the limit is 50 % after 2"
    steer(store, "resume")
    fail(store, "t002")
    assert store.job("j").status == "IN_PROGRESS"
    fail(store, "t003")
    assert store.job("j").status == "PAUSED"


def test_an_abort_by_hand_takes_back_what_has_not_begun(store: SyncStore) -> None:
    store.create("j", *things(4), pacing=staged({"count": 2}))
    store.tick()
    report(store, "t000", "j", "IN_PROGRESS")
    steer(store, "abort", comment="wrong image")
    job = store.job("j")
    assert (job.status, job.reason_code, job.comment) == ("CANCELED", "ABORTED_BY_OPERATOR", "wrong image")
    assert counts(store, "j") == {"IN_PROGRESS": 1, "CANCELED": 1}


def test_a_paused_job_goes_on_where_it_was_and_its_windows_and_rates_still_hold(store: SyncStore) -> None:
    pacing = paced(jobExecutionsRolloutConfig={"maximumPerMinute": 2})
    store.create("j", *things(6), pacing=pacing)
    store.tick()
    steer(store, "pause", comment="lunch")
    for _ in range(5):
        store.later(minutes=1)
        store.tick()
    assert len(out(store)) == 2
    assert store.job("j").status == "PAUSED"
    steer(store, "resume")
    assert len(out(store)) == 4
    store.later(minutes=1)
    store.tick()
    assert len(out(store)) == 6


def test_how_the_waves_stand_is_told(store: SyncStore) -> None:
    store.create("j", *things(5), pacing=staged({"count": 2}))
    succeed(store, "t000")
    found = store.do(steering.standings, "j")
    assert [(w["number"], w["open"], w["things"], w["waiting"], w["succeeded"]) for w in found] == [
        (1, True, 2, 0, 1),
        (2, False, 3, 3, 0),
    ]
