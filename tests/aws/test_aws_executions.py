"""Job executions with boto3's control plane: seen, canceled and deleted (contract 1.6, 2.3, 4.2, 4.7)."""

import json

import pytest
from asking import body, refused
from aws_fleet import Fleet
from aws_site import arn
from sites import BOTH

DIALECTS = BOTH

AT = 1718000000.123
TIMEOUT = {"timeoutConfig": {"inProgressTimeoutInMinutes": 30}}


def test_the_example_of_the_contract_to_the_letter(site):
    fleet = Fleet(site)
    job = fleet.job("j", *fleet.things("t"), **TIMEOUT)
    thing = fleet.name("t")
    summary = {"status": "QUEUED", "queuedAt": AT, "lastUpdatedAt": AT, "executionNumber": 1}
    _, _, raw = site.exchange("GET", f"/aws/iot/jobs/{job}/things")
    entry = {"thingArn": arn(f"thing/{thing}"), "jobExecutionSummary": summary}
    assert json.loads(raw) == {"executionSummaries": [entry]}
    _, _, raw = site.exchange("GET", f"/aws/iot/things/{thing}/jobs")
    assert json.loads(raw) == {"executionSummaries": [{"jobId": job, "jobExecutionSummary": summary}]}
    site.door.later(seconds=10)
    fleet.report(job, "t", "IN_PROGRESS")
    site.door.later(seconds=10.5)
    fleet.report(job, "t", "IN_PROGRESS", statusDetails={"progress": "40"})
    _, _, raw = site.exchange("GET", f"/aws/iot/things/{thing}/jobs/{job}")
    assert json.loads(raw) == {
        "execution": {
            "jobId": job,
            "status": "IN_PROGRESS",
            "statusDetails": {"detailsMap": {"progress": "40"}},
            "thingArn": arn(f"thing/{thing}"),
            "queuedAt": AT,
            "startedAt": 1718000010.123,
            "lastUpdatedAt": 1718000020.623,
            "executionNumber": 1,
            "versionNumber": 3,
            "approximateSecondsBeforeTimedOut": 1790,
        }
    }


def test_an_execution_is_described_in_all_its_numbers_although_it_is_over(fleet):
    retry = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}
    job = fleet.job("j", *fleet.things("t"), jobExecutionsRetryConfig=retry)
    fleet.report(job, "t", "FAILED")
    fleet.tick()
    latest = fleet.execution(job, "t")
    assert (latest["status"], latest["executionNumber"], latest["versionNumber"]) == ("QUEUED", 2, 1)
    assert "startedAt" not in latest
    first = fleet.execution(job, "t", executionNumber=1)
    assert (first["status"], first["executionNumber"]) == ("FAILED", 1)
    assert first["startedAt"] == first["lastUpdatedAt"]
    asked = {"jobId": job, "thingName": fleet.name("t")}
    code, status, message = refused(fleet.iot.describe_job_execution, **asked, executionNumber=3)
    assert (code, status, "number 3" in message) == ("ResourceNotFoundException", 404, True)


def test_a_colon_in_a_name_is_one_v40(fleet):
    job = fleet.job("j", *fleet.things("a:b"))
    name = fleet.name("a:b")
    assert fleet.execution(job, "a:b")["thingArn"] == arn(f"thing/{name}")
    for spelled in (name, name.replace(":", "%3A")):
        assert fleet.site.exchange("GET", f"/aws/iot/things/{spelled}/jobs/{job}")[0] == 200
    fleet.iot.cancel_job_execution(jobId=job, thingName=name)
    fleet.iot.delete_job_execution(jobId=job, thingName=name, executionNumber=1)


# --- cancel ---


def test_a_cancel_takes_what_is_queued_and_by_force_what_is_at_work(fleet):
    job = fleet.job("j", *fleet.things("a", "b"), **TIMEOUT)
    asked = {"jobId": job, "thingName": fleet.name("b")}
    assert body(fleet.iot.cancel_job_execution(jobId=job, thingName=fleet.name("a"))) == {}
    assert fleet.execution(job, "a")["status"] == "CANCELED"
    assert "forceCanceled" not in fleet.execution(job, "a")
    fleet.report(job, "b", "IN_PROGRESS", statusDetails={"step": "1"})
    with pytest.raises(fleet.iot.exceptions.InvalidStateTransitionException) as caught:
        fleet.iot.cancel_job_execution(**asked)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    fleet.iot.cancel_job_execution(**asked, force=True)
    execution = fleet.execution(job, "b")
    assert (execution["status"], execution["forceCanceled"]) == ("CANCELED", True)
    assert execution["statusDetails"] == {"detailsMap": {"step": "1"}}
    assert "approximateSecondsBeforeTimedOut" not in execution
    for force in (False, True):
        code, status, _ = refused(fleet.iot.cancel_job_execution, **asked, force=force)
        assert (code, status) == ("InvalidStateTransitionException", 409)


def test_canceling_the_last_one_ends_the_job_v2(fleet):
    job = fleet.job("j", *fleet.things("a", "b"))
    fleet.report(job, "a", "SUCCEEDED")
    fleet.iot.cancel_job_execution(jobId=job, thingName=fleet.name("b"))
    assert fleet.described(job)["status"] == "COMPLETED"
    assert fleet.counts(job) == {"Succeeded": 1, "Canceled": 1}


@pytest.mark.parametrize(
    ("details", "left"),
    [({"why": "late", "n": "1"}, {"why": "late", "n": "1"}), ({}, None), (None, {"step": "1"})],
)
def test_details_of_a_cancel_replace_those_that_are_there(fleet, details, left):
    job = fleet.job("j", *fleet.things("a"))
    fleet.report(job, "a", "IN_PROGRESS", statusDetails={"step": "1"})
    more = {} if details is None else {"statusDetails": details}
    fleet.iot.cancel_job_execution(jobId=job, thingName=fleet.name("a"), force=True, **more)
    shown = fleet.execution(job, "a").get("statusDetails")
    assert shown == (None if left is None else {"detailsMap": left})


def test_the_version_is_looked_at_before_the_state(fleet):
    job = fleet.job("j", *fleet.things("a"))
    fleet.report(job, "a", "IN_PROGRESS")
    asked = {"jobId": job, "thingName": fleet.name("a")}
    with pytest.raises(fleet.iot.exceptions.VersionConflictException) as caught:
        fleet.iot.cancel_job_execution(**asked, expectedVersion=1)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert "Expected version 1 but found version 2" in str(caught.value)
    code, _, _ = refused(fleet.iot.cancel_job_execution, **asked, expectedVersion=2)
    assert code == "InvalidStateTransitionException"
    fleet.iot.cancel_job_execution(**asked, expectedVersion=2, force=True)


@pytest.mark.parametrize(
    "details",
    [{f"k{number}": "v" for number in range(11)}, {"a b": "v"}, {"k": "x" * 1025}, {"k": "\x00"}],
    ids=["many", "name", "long", "control"],
)
def test_details_have_their_limits(fleet, details):
    job = fleet.job("j", *fleet.things("a"))
    asked = {"jobId": job, "thingName": fleet.name("a"), "statusDetails": details}
    code, status, message = refused(fleet.iot.cancel_job_execution, **asked)
    assert (code, status) == ("InvalidRequestException", 400)
    assert "statusDetails" in message
    assert fleet.execution(job, "a")["status"] == "QUEUED"


# --- delete ---


def test_a_delete_takes_all_but_what_is_at_work(fleet):
    job = fleet.job("j", *fleet.things("a", "b", "c"))
    fleet.report(job, "a", "IN_PROGRESS")
    fleet.report(job, "b", "SUCCEEDED")
    asked = {"jobId": job, "thingName": fleet.name("a"), "executionNumber": 1}
    with pytest.raises(fleet.iot.exceptions.InvalidStateTransitionException):
        fleet.iot.delete_job_execution(**asked)
    assert body(fleet.iot.delete_job_execution(**asked, force=True)) == {}
    with pytest.raises(fleet.site.jobs_data.exceptions.ResourceNotFoundException):
        fleet.report(job, "a", "SUCCEEDED")
    for word in ("b", "c"):
        fleet.iot.delete_job_execution(jobId=job, thingName=fleet.name(word), executionNumber=1)
    assert fleet.iot.list_job_executions_for_job(jobId=job)["executionSummaries"] == []
    assert fleet.described(job)["status"] == "COMPLETED"
    assert refused(fleet.iot.delete_job_execution, **asked)[:2] == ("ResourceNotFoundException", 404)


def test_what_is_not_there_is_not_found_by_any_operation(fleet):
    job = fleet.job("j", *fleet.things("a"))
    fleet.things("idle")
    for thing, named in (
        (fleet.name("a"), "nobody"),
        ("nobody", job),
        (fleet.name("idle"), job),
    ):
        asked = {"jobId": named, "thingName": thing}
        for call, more in (
            (fleet.iot.describe_job_execution, {}),
            (fleet.iot.cancel_job_execution, {}),
            (fleet.iot.delete_job_execution, {"executionNumber": 1}),
        ):
            code, status, message = refused(call, **asked, **more)
            assert (code, status) == ("ResourceNotFoundException", 404)
            assert named in message or thing in message


def test_bad_names_and_numbers_are_refused(fleet):
    job = fleet.job("j", *fleet.things("a"))
    for call, said in (
        (fleet.iot.describe_job_execution, {"jobId": "a b", "thingName": fleet.name("a")}),
        (fleet.iot.describe_job_execution, {"jobId": job, "thingName": "a b"}),
        (
            fleet.iot.describe_job_execution,
            {"jobId": job, "thingName": fleet.name("a"), "executionNumber": -1},
        ),
        (fleet.iot.cancel_job_execution, {"jobId": job, "thingName": fleet.name("a"), "expectedVersion": -1}),
        (
            fleet.iot.cancel_job_execution,
            {"jobId": job, "thingName": fleet.name("a"), "expectedVersion": 2**63},
        ),
        (
            fleet.iot.delete_job_execution,
            {"jobId": job, "thingName": fleet.name("a"), "executionNumber": 10**18},
        ),
    ):
        assert refused(call, **said)[:2] == ("InvalidRequestException", 400)
    status, _, raw = fleet.site.exchange(
        "GET", f"/aws/iot/things/{fleet.name('a')}/jobs/{job}?executionNumber=x"
    )
    assert (status, "executionNumber" in json.loads(raw)["message"]) == (400, True)
