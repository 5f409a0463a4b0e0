"""What an unkind reader tried on rollouts: ends that coincide, failures that are gone, windows at the end."""

from datetime import timedelta
from typing import Any

import pytest
from paced_jobs import counts, paced, report
from staged_jobs import fail, out, staged, steer, succeed
from sync_store import SyncStore

from domain.job import JobStatus
from storage import executions, explains, groups
from storage.policy import Policy

SOON = Policy(schedule_lead=timedelta(0))


def scheduled(store: SyncStore, *targets: str, continuous: bool = False, **more: Any) -> None:
    pacing = paced(schedulingConfig=more.pop("schedule"), **more.pop("paces", {}))
    store.create("j", *targets, continuous=continuous, pacing=pacing, policy=SOON, **more)
    store.tick()


def delete(store: SyncStore, thing: str) -> None:
    store.do(executions.delete, "j", thing, force=True, at=store.now)
    store.tick()


def sees(store: SyncStore, name: str) -> list[str]:
    answer = store.ask(name, "get")[1]
    return [entry["jobId"] for entry in (*answer["inProgressJobs"], *answer["queuedJobs"])]


def test_a_job_whose_last_timer_runs_out_while_nobody_looks_ends_when_its_blackout_is_over(
    store: SyncStore,
) -> None:
    scheduled(
        store,
        "a",
        schedule={"blackoutDates": ["2026-03-02"]},
        timeout_config={"inProgressTimeoutInMinutes": 60 * 24},
    )
    report(store, "a", "j", "IN_PROGRESS")
    store.later(hours=13)
    store.tick()
    assert store.job("j").status == JobStatus.SCHEDULED
    store.later(hours=30)
    store.tick()
    assert (store.job("j").status, counts(store, "j")) == (JobStatus.COMPLETED, {"TIMED_OUT": 1})


def test_what_is_queued_when_a_job_ends_in_a_shut_window_comes_into_sight_and_goes_on(
    store: SyncStore,
) -> None:
    windows = [{"startTime": "cron(0 12 * * ? *)", "durationInMinutes": 60}]
    schedule = {"endTime": "2026-03-01 15:00", "maintenanceWindows": windows}
    scheduled(store, "a", "b", continuous=True, schedule=schedule)
    store.later(hours=2)
    store.tick()
    assert (store.job("j").status, sees(store, "a")) == (JobStatus.SCHEDULED, [])
    store.later(hours=2)
    store.tick()
    assert (store.job("j").status, sees(store, "a")) == (JobStatus.IN_PROGRESS, ["j"])
    succeed(store, "a", "b")
    assert store.job("j").status == JobStatus.COMPLETED


def test_a_gate_that_waits_for_a_person_waits_no_longer_once_the_end_has_come(store: SyncStore) -> None:
    gate = {"successPercentage": 50, "approval": True}
    paces = {"stagedRolloutConfig": {"waves": [{"count": 2, "gate": gate}]}}
    scheduled(store, "a", "b", "c", schedule={"endTime": "2026-03-01 15:00"}, paces=paces)
    succeed(store, "a")
    assert store.job("j").status == JobStatus.WAITING_FOR_APPROVAL
    store.later(hours=4)
    store.tick()
    assert store.job("j").status == JobStatus.IN_PROGRESS
    succeed(store, "b")
    assert (store.job("j").status, out(store)) == (JobStatus.COMPLETED, ["a", "b"])


def test_a_job_by_the_clocks_of_things_that_are_not_there_ends(store: SyncStore) -> None:
    store.group("empty")
    scheduled(store, "thinggroup/empty", schedule={"timeZone": "thing", "blackoutDates": ["2026-03-09"]})
    assert store.job("j").status == JobStatus.COMPLETED


def test_a_gate_is_looked_at_when_an_operator_deletes_what_had_failed(store: SyncStore) -> None:
    store.create("j", *"abcde", pacing=staged({"count": 4, "gate": {"successPercentage": 50}}))
    succeed(store, "a")
    fail(store, "b", "c")
    assert out(store) == [*"abcd"]
    delete(store, "b")
    delete(store, "c")
    assert out(store) == ["a", "d", "e"]


def test_a_failure_that_was_forgiven_and_is_deleted_forgives_no_other(store: SyncStore) -> None:
    store.create("j", *"abcd", pacing=staged({"count": 3}))
    fail(store, "a")
    steer(store, "resume")
    delete(store, "a")
    fail(store, "b")
    assert (store.job("j").status, store.job("j").reason_code) == (JobStatus.PAUSED, "GATE_FAILED")


def test_a_continuous_job_goes_on_after_a_resume_although_all_of_its_wave_had_failed(
    store: SyncStore,
) -> None:
    store.group("g", *"ab")
    store.create("j", "thinggroup/g", continuous=True, pacing=staged({"count": 1}))
    fail(store, "a")
    steer(store, "resume")
    assert out(store) == ["a", "b"]


def test_what_failed_and_is_no_target_any_more_is_not_tried_again(store: SyncStore) -> None:
    store.group("g", *"ab")
    store.create("j", "thinggroup/g", continuous=True)
    fail(store, "a", "b")
    store.do(groups.remove, "g", ["a"], at=store.now)
    assert steer(store, "retry_failed") == 1
    assert counts(store, "j") == {"FAILED": 1, "QUEUED": 1}


def test_asking_for_retries_where_nothing_failed_lets_a_rule_count_what_it_counted(store: SyncStore) -> None:
    rule = {
        "failureType": "ALL",
        "action": "CANCEL",
        "thresholdPercentage": 100,
        "minNumberOfExecutedThings": 2,
    }
    retries = [{"failureType": "FAILED", "numberOfRetries": 1}]
    pacing = paced(
        abortConfig={"criteriaList": [rule]},
        jobExecutionsRetryConfig={"criteriaList": retries},
        stagedRolloutConfig={"maximumInFlight": 1},
    )
    store.create("j", *"ab", pacing=pacing)
    report(store, "a", "j", "FAILED")
    assert steer(store, "retry_failed") == 0
    fail(store, *out(store)[-1:])
    assert store.job("j").status == JobStatus.CANCELED


def test_words_of_a_rule_tell_what_it_has_counted_since_the_resume(store: SyncStore) -> None:
    rule = {
        "failureType": "FAILED",
        "action": "PAUSE",
        "thresholdPercentage": 100,
        "minNumberOfExecutedThings": 1,
    }
    store.create("j", *"abc", pacing=paced(abortConfig={"criteriaList": [rule]}))
    fail(store, "a")
    steer(store, "resume")
    fail(store, "b")
    assert (store.job("j").comment or "").startswith("Paused: 1 of 1 executions"), store.job("j").comment


@pytest.mark.parametrize("verb", ["promote", "resume"])
def test_a_gate_that_bakes_can_be_promoted_or_resumed(store: SyncStore, verb: str) -> None:
    store.create("j", *"abc", pacing=staged({"count": 1, "gate": {"bakeMinutes": 60}}))
    succeed(store, "a")
    if verb == "resume":
        steer(store, "pause")
    steer(store, verb)
    assert out(store) == ([*"abc"] if verb == "promote" else ["a"])
    store.later(hours=2)
    store.tick()
    assert out(store) == [*"abc"]


@pytest.mark.parametrize("held", ["gate", "rule"])
def test_a_job_that_paused_itself_is_canceled_when_its_end_has_come(store: SyncStore, held: str) -> None:
    rule = {
        "failureType": "FAILED",
        "action": "PAUSE",
        "thresholdPercentage": 1,
        "minNumberOfExecutedThings": 1,
    }
    paces: dict[str, Any] = {"gate": {"stagedRolloutConfig": {"waves": [{"count": 2}]}}}
    paces["rule"] = {"abortConfig": {"criteriaList": [rule]}}
    schedule = {"endTime": "2026-03-01 15:00", "endBehavior": "CANCEL"}
    scheduled(store, *"abc", schedule=schedule, paces=paces[held])
    fail(store, "a")
    assert store.job("j").status == JobStatus.PAUSED
    store.later(hours=4)
    store.tick()
    assert store.job("j").status == JobStatus.CANCELED


def test_a_shut_window_is_explained_by_the_zone_that_the_schedule_names(store: SyncStore) -> None:
    windows = [{"startTime": "cron(0 12 * * ? *)", "durationInMinutes": 60}]
    schedule = {"timeZone": "Asia/Tokyo", "maintenanceWindows": windows}
    scheduled(store, "a", continuous=True, schedule=schedule)
    (reason,) = store.do(explains.why, "j", "a", at=store.now).reasons
    assert (reason.why, reason.details) == ("WINDOW", {"zone": "Asia/Tokyo"})


def test_a_rule_forgives_no_other_failure_for_one_that_was_deleted(store: SyncStore) -> None:
    rule = {
        "failureType": "FAILED",
        "action": "PAUSE",
        "thresholdPercentage": 100,
        "minNumberOfExecutedThings": 1,
    }
    store.create("j", *"abc", pacing=paced(abortConfig={"criteriaList": [rule]}))
    fail(store, "a")
    steer(store, "resume")
    delete(store, "a")
    fail(store, "b")
    assert store.job("j").status == JobStatus.PAUSED
