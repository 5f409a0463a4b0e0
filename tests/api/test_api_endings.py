"""Time-outs, retries by class and quarantine over HTTP: kept and shown, refused by name."""

from datetime import timedelta

import pytest
from http_door import opened
from sites import BOTH

from domain.execution import Status
from domain.quarantine import Quarantine
from domain.topics import Operation
from storage.policy import Policy

DIALECTS = BOTH

NEW = {"targets": ["t"], "targetSelection": "SNAPSHOT", "document": "{}"}
BACK_OFF = {"initialSeconds": 60, "factor": 2.0, "maxSeconds": 3600, "jitter": 0.5}
POLICY = {
    "retryable": {"numberOfRetries": 3, "backOff": BACK_OFF},
    "busy": {"numberOfRetries": 100, "backOff": {**BACK_OFF, "initialSeconds": 0}},
    "codes": {"E42": "permanent", "E 7": "busy"},
    "budget": {"percent": 12.5},
}
TIMEOUTS = {"inProgressTimeoutInMinutes": 10080, "queuedTimeoutInMinutes": 525600}
AWS = {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 0}]}


def test_a_policy_and_both_time_outs_are_kept_and_shown(door):
    door.ok("POST", "/jobs", {**NEW, "jobId": "j", "retryPolicyConfig": POLICY, "timeoutConfig": TIMEOUTS})
    job = door.ok("GET", "/jobs/j")["job"]
    assert (job["retryPolicyConfig"], job["timeoutConfig"]) == (POLICY, TIMEOUTS)
    assert job["jobExecutionsRetryConfig"] == {}


def test_what_a_policy_leaves_out_is_shown_with_the_value_that_holds(door):
    job = door.job("t", retryPolicyConfig={"busy": {"numberOfRetries": 1}})
    shown = door.ok("GET", f"/jobs/{job}")["job"]["retryPolicyConfig"]
    assert shown == {"busy": {"numberOfRetries": 1, "backOff": {**BACK_OFF, "jitter": 0.0}}, "codes": {}}


def retryable(**members):
    return {"retryPolicyConfig": {"retryable": {"numberOfRetries": 1, **members}}}


def back_off(**members):
    return retryable(backOff=members)


def codes(found):
    return {"retryPolicyConfig": {"codes": found}}


def budget(**members):
    return {"retryPolicyConfig": {"budget": members}}


def queued(minutes):
    return {"timeoutConfig": {"queuedTimeoutInMinutes": minutes}}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (queued(0), ["timeoutConfig.queuedTimeoutInMinutes 0"]),
        (queued(525_601), ["queuedTimeoutInMinutes", "525601", "525600"]),
        (queued(1.5), ["queuedTimeoutInMinutes", "whole number"]),
        (queued("60"), ["queuedTimeoutInMinutes", "whole number"]),
        (queued(None), ["queuedTimeoutInMinutes", "must not be null"]),
        ({"retryPolicyConfig": 5}, ["retryPolicyConfig must be an object"]),
        ({"retryPolicyConfig": {"permanent": {"numberOfRetries": 1}}}, ["retryPolicyConfig.permanent"]),
        (
            {"retryPolicyConfig": {"retryable": {}}},
            ["retryPolicyConfig.retryable.numberOfRetries is required"],
        ),
        (retryable(numberOfRetries=-1), ["retryable.numberOfRetries", "-1"]),
        (retryable(numberOfRetries=101), ["numberOfRetries", "101"]),
        (retryable(numberOfRetries="1"), ["numberOfRetries", "whole number"]),
        (retryable(failureType="ALL"), ["retryable.failureType"]),
        (back_off(initialSeconds=-1), ["backOff.initialSeconds"]),
        (back_off(initialSeconds=86_401), ["backOff.initialSeconds", "86401"]),
        (back_off(factor=0.99), ["backOff.factor", "0.99"]),
        (back_off(factor=10.5), ["backOff.factor", "10.5"]),
        (back_off(maxSeconds=0), ["backOff.maxSeconds"]),
        (back_off(maxSeconds=604_801), ["backOff.maxSeconds", "604801"]),
        (back_off(jitter=-0.1), ["backOff.jitter"]),
        (back_off(jitter=1.1), ["backOff.jitter", "1.1"]),
        (back_off(minutes=1), ["backOff.minutes"]),
        (codes({"E42": "never"}), ["codes.E42", "never"]),
        (codes({"": "busy"}), ["codes"]),
        (codes({"x" * 65: "busy"}), ["codes"]),
        (codes({"ü": "busy"}), ["codes"]),
        (codes({f"E{number}": "busy" for number in range(101)}), ["codes", "100"]),
        (budget(), ["budget", "exactly one of count and percent"]),
        (budget(count=1, percent=1), ["budget", "exactly one of count and percent"]),
        (budget(count=-1), ["budget.count"]),
        (budget(count=2**31), ["budget.count"]),
        (budget(percent=100.1), ["budget.percent"]),
        ({**retryable(), "jobExecutionsRetryConfig": AWS}, ["retryPolicyConfig", "exclude each other"]),
    ],
)
def test_what_cannot_be_is_refused_by_member_and_value(shared_door, body, named):
    reply = shared_door("POST", "/jobs", {**NEW, **body})
    assert reply.status == 422
    for words in named:
        assert words in reply.error


def test_a_template_and_an_update_refuse_both_ways_to_ask_for_retries(shared_door):
    both = {"retryPolicyConfig": POLICY, "jobExecutionsRetryConfig": AWS}
    job = shared_door.job("t")
    for method, path, body in (
        ("POST", "/job-templates", {"document": "{}", "description": "d", **both}),
        ("PUT", f"/jobs/{job}", both),
    ):
        reply = shared_door(method, path, body)
        assert (reply.status, "exclude each other" in reply.error) == (422, True)


def test_the_way_a_job_asks_for_retries_takes_the_place_of_its_templates(door):
    kept = {"document": "{}", "description": "d", "jobTemplateId": "x", "retryPolicyConfig": POLICY}
    door.ok("POST", "/job-templates", kept)
    assert door.ok("GET", "/job-templates/x")["jobTemplate"]["retryPolicyConfig"] == POLICY
    made = {"targets": ["t"], "targetSelection": "SNAPSHOT", "jobTemplateId": "x"}
    door.ok("POST", "/jobs", {**made, "jobId": "plain"})
    door.ok("POST", "/jobs", {**made, "jobId": "own", "jobExecutionsRetryConfig": AWS})
    plain, own = (door.ok("GET", f"/jobs/{job}")["job"] for job in ("plain", "own"))
    assert (plain["retryPolicyConfig"], plain["jobExecutionsRetryConfig"]) == (POLICY, {})
    assert (own["retryPolicyConfig"], own["jobExecutionsRetryConfig"]) == ({}, AWS)


def test_an_update_changes_the_policy(door):
    job = door.job("t", retryPolicyConfig=POLICY)
    door.ok("PUT", f"/jobs/{job}", {"retryPolicyConfig": {**POLICY, "budget": {"count": 0}}})
    assert door.ok("GET", f"/jobs/{job}")["job"]["retryPolicyConfig"]["budget"] == {"count": 0}
    reply = door("PUT", f"/jobs/{job}", {"retryPolicyConfig": None})
    assert (reply.status, "must not be null" in reply.error) == (422, True)


def test_a_thing_shows_its_failures_and_its_quarantine_and_is_let_out(tmp_path):
    policy = Policy(quarantine=Quarantine(2, timedelta(minutes=30)))
    with opened(tmp_path / "data", policy=policy) as door:
        for _ in range(2):
            job = door.job("t")
            door.device("t", Operation.UPDATE, job, status=Status.FAILED)
        thing = door.ok("GET", "/things/t")["thing"]
        assert (thing["failures"], thing["quarantinedUntil"]) == (2, "2024-06-10T06:43:20.123Z")
        assert door.ok("GET", "/things")["things"] == [thing]
        held = door.job("t")
        assert door.ok("GET", f"/jobs-executions/jobs/{held}")["jobExecutions"] == []
        door.later(minutes=30)
        thing = door.ok("GET", "/things/t")["thing"]
        assert (thing["failures"], thing["quarantinedUntil"]) == (2, None)
        assert door.ok("POST", "/things/t/release-from-quarantine") == {"released": True}
        assert door.ok("GET", "/things/t")["thing"]["failures"] == 0
        assert door("POST", "/things/nobody/release-from-quarantine").status == 404
