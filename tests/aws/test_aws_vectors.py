"""Conformance vectors of the contract (section 7) in AWS's dialect, on a clock that is set."""

import itertools
import json
from datetime import timedelta

import pytest
from asking import refused
from aws_configs import RULE
from aws_site import arn


def attempts(fleet, job):
    found = fleet.iot.list_job_executions_for_job(jobId=job)["executionSummaries"]
    summaries = [entry["jobExecutionSummary"] for entry in found]
    return [(each["executionNumber"], each.get("retryAttempt"), each["status"]) for each in summaries]


def at(fleet, **later):
    return f"{fleet.site.door.at + timedelta(**later):%Y-%m-%d %H:%M}"


def test_v1_a_job_ends_with_its_last_execution(fleet):
    job = fleet.job("j", *fleet.things("t1", "t2"))
    fleet.report(job, "t1", "SUCCEEDED")
    assert fleet.described(job)["status"] == "IN_PROGRESS"
    fleet.report(job, "t2", "SUCCEEDED")
    shown = fleet.described(job)
    assert (shown["status"], "completedAt" in shown) == ("COMPLETED", True)
    assert fleet.counts(job) == {"Succeeded": 2}


def test_v3_to_v5_a_continuous_job_follows_its_group(fleet):
    fleet.things("t1")
    job = fleet.job("j", fleet.group("g"), targetSelection="CONTINUOUS")
    assert (fleet.described(job)["status"], fleet.counts(job)) == ("IN_PROGRESS", {})
    fleet.join("g", "t1")
    first = fleet.execution(job, "t1")
    assert (first["status"], first["executionNumber"]) == ("QUEUED", 1)
    fleet.leave("g", "t1")
    assert fleet.execution(job, "t1")["status"] == "REMOVED"
    assert fleet.counts(job) == {"Removed": 1}
    fleet.join("g", "t1")
    again = fleet.execution(job, "t1")
    assert (again["executionNumber"], again["versionNumber"], again["status"]) == (2, 1, "QUEUED")
    fleet.report(job, "t1", "SUCCEEDED")
    assert fleet.described(job)["status"] == "IN_PROGRESS"


def test_v6_and_v7_groups_inside_groups_and_every_thing_once(fleet):
    (thing,) = fleet.things("t1")
    parent = fleet.group("g")
    child = fleet.group("c", "t1", parent="g")
    assert fleet.counts(fleet.job("parent", parent)) == {"Queued": 1}
    assert fleet.counts(fleet.job("all", thing, parent, child)) == {"Queued": 1}
    assert fleet.described(fleet.name("all"))["targets"] == [thing, parent, child]


def test_v20_a_failure_is_tried_again_as_often_as_its_job_says(fleet):
    retry = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 2}]}
    job = fleet.job("j", *fleet.things("t"), jobExecutionsRetryConfig=retry)
    for number in range(3):
        fleet.report(job, "t", "FAILED")
        fleet.tick()
        assert fleet.counts(job) == ({"Queued": 1} if number < 2 else {"Failed": 1})
    assert attempts(fleet, job) == [(1, 0, "FAILED"), (2, 1, "FAILED"), (3, 2, "FAILED")]
    assert fleet.described(job)["status"] == "COMPLETED"


def test_v21_a_rejection_is_never_tried_again(fleet):
    retry = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 2}]}
    job = fleet.job("j", *fleet.things("t"), jobExecutionsRetryConfig=retry)
    fleet.report(job, "t", "REJECTED")
    fleet.tick()
    assert (attempts(fleet, job), fleet.described(job)["status"]) == ([(1, 0, "REJECTED")], "COMPLETED")


def test_v24_too_many_failures_end_a_job(fleet):
    things = fleet.things(*(f"t{number}" for number in range(8)))
    rule = {**RULE, "thresholdPercentage": 20.0}
    job = fleet.job("j", *things, abortConfig={"criteriaList": [rule]})
    fleet.report(job, "t6", "IN_PROGRESS")
    for number in range(5):
        assert fleet.described(job)["status"] == "IN_PROGRESS"
        fleet.report(job, f"t{number}", "FAILED" if number == 0 else "SUCCEEDED")
        fleet.tick()
    shown = fleet.described(job)
    assert (shown["status"], shown["reasonCode"]) == ("CANCELED", "JOB_ABORT_CRITERIA_MET")
    assert "1 of 5" in shown["comment"]
    assert fleet.counts(job) == {"Succeeded": 4, "Failed": 1, "InProgress": 1, "Canceled": 2}


def test_v25_a_job_goes_out_at_its_rate_and_says_what_is_left(fleet):
    names = [f"t{number:02}" for number in range(25)]
    things = fleet.things(*names)
    group = fleet.group("g", *names[1:])
    one, rest = things[0], group
    job = fleet.job("j", one, rest, jobExecutionsRolloutConfig={"maximumPerMinute": 10})
    seen = []
    for _ in range(4):
        shown = fleet.described(job)
        left = shown["jobProcessDetails"].get("processingTargets")
        seen.append((fleet.counts(job)["Queued"], shown["isConcurrent"], left))
        fleet.tick(minutes=1)
    assert seen == [(10, True, [group]), (20, True, [group]), (25, False, None), (25, False, None)]


def test_v26_an_exponential_rate_grows_at_its_thresholds(fleet):
    names = [f"t{number:03}" for number in range(120)]
    fleet.things(*names)
    group = fleet.group("g", *names)
    criteria = {"numberOfNotifiedThings": 20, "numberOfSucceededThings": 1000}
    rate = {"baseRatePerMinute": 5, "incrementFactor": 2.0, "rateIncreaseCriteria": criteria}
    job = fleet.job(
        "j", group, jobExecutionsRolloutConfig={"maximumPerMinute": 1000, "exponentialRate": rate}
    )
    seen = []
    for _ in range(8):
        seen.append(fleet.counts(job)["Queued"])
        fleet.tick(minutes=1)
    steps = [second - first for first, second in itertools.pairwise(seen)]
    assert (seen[0], steps) == (5, [5, 5, 5, 10, 10, 20, 40])


def test_v36_a_job_with_a_start_waits_for_it(fleet):
    things = fleet.things("t", "u")
    job = fleet.job(
        "j", things[0], targetSelection="CONTINUOUS", schedulingConfig={"startTime": at(fleet, minutes=32)}
    )
    shown = fleet.described(job)
    assert (shown["status"], shown["isConcurrent"], fleet.counts(job)) == ("SCHEDULED", False, {})
    assert fleet.iot.list_job_executions_for_job(jobId=job)["executionSummaries"] == []
    seen = fleet.site.door.ok("GET", f"/jobs/{job}")["job"]
    assert seen["status"] == "IN_PROGRESS"
    code, status, _ = refused(fleet.iot.associate_targets_with_job, jobId=job, targets=[things[1]])
    assert (code, status) == ("InvalidRequestException", 400)
    fleet.tick(minutes=32)
    assert (fleet.described(job)["status"], fleet.counts(job)) == ("IN_PROGRESS", {"Queued": 1})
    fleet.iot.associate_targets_with_job(jobId=job, targets=[things[1]])
    assert fleet.counts(job) == {"Queued": 2}


@pytest.mark.parametrize(
    ("behavior", "status", "counts"),
    [
        ("STOP_ROLLOUT", "IN_PROGRESS", {"Queued": 1, "InProgress": 1}),
        ("CANCEL", "CANCELED", {"Canceled": 1, "InProgress": 1}),
        ("FORCE_CANCEL", "CANCELED", {"Canceled": 2}),
    ],
)
def test_an_end_does_what_it_says(fleet, behavior, status, counts):
    schedule = {"endTime": at(fleet, minutes=31), "endBehavior": behavior}
    job = fleet.job("j", *fleet.things("a", "b"), schedulingConfig=schedule)
    fleet.report(job, "a", "IN_PROGRESS")
    fleet.tick(minutes=31)
    assert (fleet.described(job)["status"], fleet.counts(job)) == (status, counts)


def test_an_execution_times_out_and_says_so(fleet):
    job = fleet.job("j", *fleet.things("a"), timeoutConfig={"inProgressTimeoutInMinutes": 5})
    fleet.report(job, "a", "IN_PROGRESS")
    fleet.tick(minutes=4)
    assert fleet.execution(job, "a")["approximateSecondsBeforeTimedOut"] == 60
    fleet.tick(minutes=1)
    assert fleet.execution(job, "a")["status"] == "TIMED_OUT"
    assert fleet.described(job)["status"] == "COMPLETED"


def test_v35_the_same_request_creates_here_and_changes_at_the_root(fleet):
    name = fleet.name("j")
    said = json.dumps({"description": "d"}).encode()
    status, headers, raw = fleet.site.exchange("PUT", f"/aws/iot/jobs/{name}", said)
    assert (status, headers["x-amzn-errortype"]) == (400, "InvalidRequestException")
    assert "targets is required" in json.loads(raw)["message"]
    assert fleet.site.door("PUT", f"/jobs/{name}", {"description": "d"}).status == 404
    fleet.job("j", arn(f"thing/{fleet.things('t')[0].rpartition('/')[2]}"))
    assert fleet.site.door("PUT", f"/jobs/{name}", {"description": "d"}).status == 200
    assert fleet.described(name)["description"] == "d"
