"""Starts, ends and maintenance windows on a real store, on a clock that is set."""

from datetime import timedelta
from typing import Any

import pytest
from paced_jobs import counts, paced, released, report
from sync_store import SyncStore, listed

from domain.errors import InvalidRequest
from domain.job import JobStatus
from storage import groups
from storage.policy import Policy

SOON = Policy(schedule_lead=timedelta(0))


def scheduled(store: SyncStore, job: str, *targets: str, continuous: bool = False, **schedule: Any) -> None:
    store.create(job, *targets, continuous=continuous, pacing=paced(schedulingConfig=schedule), policy=SOON)


def at(store: SyncStore, **delta: float) -> str:
    return f"{store.now + timedelta(**delta):%Y-%m-%d %H:%M}"


def test_a_job_waits_for_its_start_v36(store: SyncStore) -> None:
    scheduled(store, "j", "a", startTime=at(store, minutes=31))
    assert store.job("j").status == JobStatus.SCHEDULED
    store.later(minutes=30)
    store.tick()
    assert (released(store, "j"), store.ask("a", "get")[1]["queuedJobs"]) == (0, [])
    store.later(minutes=1)
    store.tick()
    assert store.job("j").status == JobStatus.IN_PROGRESS
    assert store.execution("j", "a").status == "QUEUED"


@pytest.mark.parametrize(
    ("behavior", "status", "left"),
    [
        (None, JobStatus.IN_PROGRESS, {"QUEUED": 1, "IN_PROGRESS": 1}),
        ("STOP_ROLLOUT", JobStatus.IN_PROGRESS, {"QUEUED": 1, "IN_PROGRESS": 1}),
        ("CANCEL", JobStatus.CANCELED, {"CANCELED": 1, "IN_PROGRESS": 1}),
        ("FORCE_CANCEL", JobStatus.CANCELED, {"CANCELED": 2}),
    ],
)
def test_the_end_does_what_it_was_told(store: SyncStore, behavior, status, left) -> None:
    more = {} if behavior is None else {"endBehavior": behavior}
    scheduled(store, "j", "a", "b", endTime=at(store, hours=1), **more)
    report(store, "a", "j", "IN_PROGRESS")
    store.later(hours=1)
    store.tick()
    assert (store.job("j").status, counts(store, "j")) == (status, left)


def test_after_its_end_a_continuous_job_completes_when_all_is_over_and_takes_nobody_in(
    store: SyncStore,
) -> None:
    store.group("g", "a")
    scheduled(store, "j", "thinggroup/g", continuous=True, endTime=at(store, hours=1))
    store.later(hours=1)
    store.do(groups.add, "g", ["late"], policy=Policy(), at=store.now)
    store.tick()
    assert released(store, "j") == 1
    report(store, "a", "j", "SUCCEEDED")
    assert store.job("j").status == JobStatus.COMPLETED


NIGHT = [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}]


def test_a_window_hides_what_is_queued_and_lets_go_on_what_runs_v37(store: SyncStore) -> None:
    store.group("g", "a", "b")
    scheduled(store, "j", "thinggroup/g", continuous=True, maintenanceWindows=NIGHT)
    assert (store.job("j").status, released(store, "j")) == (JobStatus.SCHEDULED, 0)
    store.later(hours=14)  # it is noon: 02:00 of the next day
    store.tick()
    assert store.job("j").status == JobStatus.IN_PROGRESS
    assert listed(store.tell()["a"]["notify"]) == {"QUEUED": ["j"]}
    report(store, "b", "j", "IN_PROGRESS")
    store.tell()
    store.later(hours=1)
    store.tick()
    assert store.job("j").status == JobStatus.SCHEDULED
    told = store.tell()
    assert (listed(told["a"]["notify"]), told.keys()) == ({}, {"a"})
    assert store.ask("a", "get")[1]["queuedJobs"] == []
    assert [entry["jobId"] for entry in store.ask("b", "get")[1]["inProgressJobs"]] == ["j"]
    report(store, "a", "j", "SUCCEEDED")
    store.later(hours=23)
    store.tick()
    assert store.job("j").status == JobStatus.IN_PROGRESS


def test_a_retry_owed_while_the_window_is_shut_waits_for_the_next_one(store: SyncStore) -> None:
    store.group("g", "a")
    pacing = paced(
        schedulingConfig={"maintenanceWindows": NIGHT},
        jobExecutionsRetryConfig={"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]},
    )
    store.create("j", "thinggroup/g", continuous=True, pacing=pacing)
    store.later(hours=14)
    store.tick()
    store.ask("a", "start-next")
    store.later(hours=2)
    store.tick()
    report(store, "a", "j", "FAILED")
    store.tick()
    assert released(store, "j") == 1
    store.later(hours=22)
    store.tick()
    assert (released(store, "j"), store.execution("j", "a").attempt) == (2, 1)


def test_a_schedule_that_does_not_suit_is_refused_before_anything_is_written(store: SyncStore) -> None:
    with pytest.raises(InvalidRequest, match="startTime"):
        store.create("j", "a", pacing=paced(schedulingConfig={"startTime": at(store, minutes=29)}))
    assert store.rows("SELECT count(*) FROM jobs") == [(0,)]
