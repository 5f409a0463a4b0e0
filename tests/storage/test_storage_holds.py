"""Caps, exclusions, pauses and rules that pause: what keeps a rollout back beside its waves."""

import pytest
from paced_jobs import counts, paced, report, things
from staged_jobs import fail, out, staged, steer, succeed
from sync_store import AUTO, SyncStore

from domain.errors import InvalidRequest, UnknownTarget, WrongJobState
from storage import groups, jobs


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


def test_a_wave_that_names_nobody_is_refused(store: SyncStore) -> None:
    store.group("g")
    with pytest.raises(UnknownTarget, match=r"waves\[1\].things: there is no thing 'cannary'"):
        store.create("j", "canary", pacing=staged({"groups": ["g"]}, {"things": ["canary", "cannary"]}))
    with pytest.raises(UnknownTarget, match=r"waves\[0\].groups: there is no thing group 'north'"):
        store.create("j", "canary", pacing=staged({"groups": ["north"]}))


def test_nothing_is_tried_again_after_the_end(store: SyncStore) -> None:
    pacing = paced(schedulingConfig={"endTime": "2026-03-01 13:00"})
    store.create("j", "a", "b", pacing=pacing)
    fail(store, "a")
    store.later(hours=2)
    store.tick()
    with pytest.raises(WrongJobState, match="has come to its endTime"):
        steer(store, "retry_failed")
