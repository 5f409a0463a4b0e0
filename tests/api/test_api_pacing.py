"""Rollout, abort, retry and schedule over HTTP: taken as the contract has them, refused by name."""

import pytest
from sites import BOTH

DIALECTS = BOTH

NEW = {"targets": ["t"], "targetSelection": "SNAPSHOT", "document": "{}"}
RATE = {
    "maximumPerMinute": 500,
    "exponentialRate": {
        "baseRatePerMinute": 50,
        "incrementFactor": 2.5,
        "rateIncreaseCriteria": {"numberOfNotifiedThings": 1000},
    },
}
RULE = {
    "failureType": "FAILED",
    "action": "CANCEL",
    "thresholdPercentage": 20.5,
    "minNumberOfExecutedThings": 5,
}
WINDOW = {"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}
#: The server's clock stands at 2024-06-10 06:13.
CONFIGS = {
    "jobExecutionsRolloutConfig": RATE,
    "abortConfig": {"criteriaList": [RULE]},
    "jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 3}]},
    "schedulingConfig": {
        "startTime": "2024-06-10 07:00",
        "endTime": "2024-06-11 07:00",
        "endBehavior": "CANCEL",
        "maintenanceWindows": [],
        "timeZone": "Europe/Berlin",
        "blackoutDates": ["2024-12-24/2024-12-26", "2025-01-01"],
        "closeBehavior": "TIME_OUT",
    },
}


def test_every_configuration_is_kept_and_shown(door):
    door.ok("POST", "/jobs", {**NEW, **CONFIGS, "jobId": "j"})
    job = door.ok("GET", "/jobs/j?extended=true")["job"]
    assert {name: job[name] for name in CONFIGS} == CONFIGS
    assert job["status"] == "SCHEDULED"


def test_what_a_configuration_leaves_out_is_shown_with_the_value_that_holds(door):
    job = door.job("t", jobExecutionsRolloutConfig={})
    shown = door.ok("GET", f"/jobs/{job}")["job"]
    assert shown["jobExecutionsRolloutConfig"] == {"maximumPerMinute": 1000}


def rate(**changes):
    return {"jobExecutionsRolloutConfig": {**RATE, **changes}}


def exponential(**changes):
    return rate(exponentialRate={**RATE["exponentialRate"], **changes})


def rule(**changes):
    return {"abortConfig": {"criteriaList": [{**RULE, **changes}]}}


def retries(*criteria):
    listed = [{"failureType": kind, "numberOfRetries": count} for kind, count in criteria]
    return {"jobExecutionsRetryConfig": {"criteriaList": listed}}


def schedule(**members):
    return {"schedulingConfig": members}


def windows(**changes):
    return {
        "targetSelection": "CONTINUOUS",
        "schedulingConfig": {"maintenanceWindows": [{**WINDOW, **changes}]},
    }


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (rate(maximumPerMinute=0), ["jobExecutionsRolloutConfig.maximumPerMinute", "0"]),
        (rate(maximumPerMinute=1001), ["maximumPerMinute", "1001"]),
        (rate(maximumPerMinute="5"), ["maximumPerMinute", "whole number"]),
        (rate(maximumPerMinute=1.5), ["maximumPerMinute", "whole number"]),
        (rate(maximumPerHour=5), ["maximumPerHour"]),
        (exponential(baseRatePerMinute=0), ["baseRatePerMinute"]),
        (exponential(incrementFactor=1), ["incrementFactor"]),
        (exponential(incrementFactor=5.1), ["incrementFactor", "5.1"]),
        (exponential(incrementFactor=2.55), ["incrementFactor", "2.55", "one decimal"]),
        (exponential(rateIncreaseCriteria={}), ["rateIncreaseCriteria", "numberOfNotifiedThings"]),
        (exponential(rateIncreaseCriteria={"numberOfSucceededThings": 0}), ["numberOfSucceededThings"]),
        (rate(exponentialRate={}), ["exponentialRate.baseRatePerMinute is required"]),
        ({"abortConfig": {}}, ["abortConfig.criteriaList is required"]),
        ({"abortConfig": {"criteriaList": []}}, ["abortConfig.criteriaList"]),
        (rule(failureType="CANCELED"), ["failureType", "CANCELED"]),
        (rule(action="PAUSED"), ["action", "PAUSED"]),
        (rule(thresholdPercentage=0), ["thresholdPercentage"]),
        (rule(thresholdPercentage=100.01), ["thresholdPercentage"]),
        (rule(thresholdPercentage=1.234), ["thresholdPercentage", "two decimals"]),
        (rule(minNumberOfExecutedThings=0), ["minNumberOfExecutedThings"]),
        (retries(), ["jobExecutionsRetryConfig.criteriaList"]),
        (retries(("REJECTED", 1)), ["failureType", "REJECTED"]),
        (retries(("FAILED", 11)), ["numberOfRetries", "11"]),
        (retries(("FAILED", 1), ("FAILED", 1)), ["FAILED twice"]),
        (retries(("ALL", 1), ("FAILED", 1)), ["ALL stands alone"]),
        (retries(("FAILED", 6), ("TIMED_OUT", 5)), ["11 retries"]),
        (schedule(startTime="soon"), ["startTime", "soon"]),
        (schedule(startTime="2024-06-10 06:43"), ["startTime 2024-06-10 06:43"]),
        (schedule(startTime="2025-07-01 00:00"), ["startTime 2025-07-01 00:00"]),
        (schedule(endTime="2024-06-10 06:43"), ["endTime 2024-06-10 06:43"]),
        (schedule(endBehavior="CANCEL"), ["endBehavior CANCEL needs endTime"]),
        (schedule(endTime="2024-06-11 00:00", endBehavior="STOP"), ["endBehavior", "STOP"]),
        ({**windows(), "targetSelection": "SNAPSHOT"}, ["maintenanceWindows", "CONTINUOUS"]),
        (windows(startTime="cron(0 2 * * * *)"), ["maintenanceWindows[0].startTime", "exactly one"]),
        (windows(startTime="cron(0 25 * * ? *)"), ["bad hour"]),
        (windows(durationInMinutes=1431), ["durationInMinutes", "1431"]),
        (windows(durationInMinutes=0), ["durationInMinutes"]),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_by_member_and_value(shared_door, body, named):
    reply = shared_door("POST", "/jobs", {**NEW, **body})
    assert reply.status == 422
    for words in named:
        assert words in reply.error


def test_a_job_takes_what_it_does_not_say_from_its_template_member_by_member(door):
    template = {**CONFIGS, "maintenanceWindows": [WINDOW]}
    del template["schedulingConfig"]
    door.ok(
        "POST", "/job-templates", {**template, "document": "{}", "description": "d", "jobTemplateId": "x"}
    )
    shown = door.ok("GET", "/job-templates/x")["jobTemplate"]
    assert {name: shown[name] for name in template} == template
    asked = {
        "targets": ["t"],
        "targetSelection": "CONTINUOUS",
        "jobTemplateId": "x",
        "jobId": "j",
        "abortConfig": {"criteriaList": [{**RULE, "failureType": "ALL"}]},
    }
    door.ok("POST", "/jobs", asked)
    job = door.ok("GET", "/jobs/j")["job"]
    assert job["abortConfig"] == asked["abortConfig"]
    assert job["jobExecutionsRolloutConfig"] == RATE
    assert job["schedulingConfig"]["maintenanceWindows"] == [WINDOW]


def test_an_update_changes_a_rate_and_can_only_give_up_retries(door):
    job = door.job("t", **{**CONFIGS, "schedulingConfig": {}})
    change = {"jobExecutionsRolloutConfig": {"maximumPerMinute": 7}, **retries(("ALL", 0))}
    door.ok("PUT", f"/jobs/{job}", change)
    shown = door.ok("GET", f"/jobs/{job}")["job"]
    assert shown["jobExecutionsRolloutConfig"] == {"maximumPerMinute": 7}
    assert shown["jobExecutionsRetryConfig"] == change["jobExecutionsRetryConfig"]
    assert shown["abortConfig"] == CONFIGS["abortConfig"]
    reply = door("PUT", f"/jobs/{job}", retries(("ALL", 2)))
    assert (reply.status, "can only be changed to 0, not 2" in reply.error) == (422, True)


def test_a_job_that_has_ended_keeps_its_configuration(door):
    job = door.job("t")
    door.ok("PUT", f"/jobs/{job}/cancel", {})
    assert door("PUT", f"/jobs/{job}", {"jobExecutionsRolloutConfig": {}}).status == 409
    door.ok("PUT", f"/jobs/{job}", {"description": "still"})
