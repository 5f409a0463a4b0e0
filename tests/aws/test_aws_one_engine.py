"""One engine behind all dialects: what one makes, the others see and steer (contract 0, architecture 2)."""

import json

import pytest
from asking import refused
from aws_fleet import Fleet
from aws_site import arn, opened_site

from storage import sweeps
from storage.policy import Policy, Quotas

EXTENSIONS = {
    "timeoutConfig": {"inProgressTimeoutInMinutes": 10, "queuedTimeoutInMinutes": 60},
    "abortConfig": {
        "criteriaList": [
            {
                "failureType": "ALL",
                "action": "PAUSE",
                "thresholdPercentage": 50,
                "minNumberOfExecutedThings": 2,
            }
        ]
    },
    "retryPolicyConfig": {"retryable": {"numberOfRetries": 2}},
    "schedulingConfig": {
        "maintenanceWindows": [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}],
        "timeZone": "thing",
        "blackoutDates": ["2024-06-12"],
        "closeBehavior": "TIME_OUT",
    },
    "stagedRolloutConfig": {"waves": [{"percent": 50}], "maximumInFlight": 5},
    "priority": 7,
    "exclusiveGroup": "radio",
    "parameters": {"n": 1},
    "document": '{"n":"${thingjobs:parameter:n}"}',
}


def test_a_job_of_boto3_is_seen_and_steered_by_the_rest_api(fleet):
    job = fleet.job("j", *fleet.things("t"), description="from boto3")
    door = fleet.site.door
    seen = door.ok("GET", f"/jobs/{job}")["job"]
    assert (seen["description"], seen["targets"]) == ("from boto3", [arn(f"thing/{fleet.name('t')}")])
    door.ok("POST", f"/jobs/{job}/pause", {"comment": "wait"})
    assert door.ok("GET", f"/jobs/{job}?extended=true")["job"]["status"] == "PAUSED"
    shown = fleet.described(job)
    assert (shown["status"], shown["comment"]) == ("IN_PROGRESS", "wait")
    listed = fleet.iot.list_jobs(status="IN_PROGRESS")["jobs"]
    assert {each["jobId"]: each["status"] for each in listed}[job] == "IN_PROGRESS"
    pending = fleet.site.jobs_data.get_pending_job_executions(thingName=fleet.name("t"))
    assert pending["queuedJobs"] == []
    door.ok("POST", f"/jobs/{job}/resume", {})
    pending = fleet.site.jobs_data.get_pending_job_executions(thingName=fleet.name("t"))
    assert [each["jobId"] for each in pending["queuedJobs"]] == [job]
    fleet.iot.cancel_job(jobId=job, comment="enough", reasonCode="ENOUGH")
    seen = door.ok("GET", f"/jobs/{job}")["job"]
    assert (seen["status"], seen["comment"], seen["reasonCode"]) == ("CANCELED", "enough", "ENOUGH")
    said = [
        (entry.get("act"), entry.get("comment"))
        for entry in door.ok("GET", f"/jobs/{job}/events")["events"]
        if entry.get("act")
    ]
    assert ("PAUSE", "wait") in said
    assert ("CANCEL", "enough") in said


def test_a_job_of_the_rest_api_is_seen_and_steered_by_boto3(fleet):
    fleet.things("t")
    fleet.group("g", "t")
    door = fleet.site.door
    job = door.job(fleet.name("t"), fleet.name("g"), targetSelection="CONTINUOUS", description="by hand")
    shown = fleet.described(job)
    assert shown["targets"] == [arn(f"thing/{fleet.name('t')}"), arn(f"thinggroup/{fleet.name('g')}")]
    assert (shown["description"], fleet.counts(job)) == ("by hand", {"Queued": 1})
    fleet.iot.update_job(jobId=job, description="by boto3")
    fleet.iot.associate_targets_with_job(jobId=job, targets=fleet.things("u"))
    seen = door.ok("GET", f"/jobs/{job}")["job"]
    assert (seen["description"], len(seen["targets"])) == ("by boto3", 3)
    fleet.iot.cancel_job_execution(jobId=job, thingName=fleet.name("u"), statusDetails={"why": "gone"})
    execution = door.ok("GET", f"/jobs/{job}/things/{fleet.name('u')}")["execution"]
    assert (execution["status"], execution["statusDetails"]) == ("CANCELED", {"detailsMap": {"why": "gone"}})
    fleet.iot.delete_job(jobId=job, force=True)
    assert door("GET", f"/jobs/{job}").status == 404


def test_what_aws_does_not_have_is_shown_as_far_as_it_has_words_for_it(fleet):
    fleet.things("t")
    job = fleet.site.door.job(fleet.name("t"), targetSelection="CONTINUOUS", **EXTENSIONS)
    shown = fleet.described(job)
    assert shown["status"] == "SCHEDULED"
    assert shown["timeoutConfig"] == {"inProgressTimeoutInMinutes": 10}
    assert shown["schedulingConfig"] == {
        "maintenanceWindows": EXTENSIONS["schedulingConfig"]["maintenanceWindows"]
    }
    assert shown["abortConfig"] == EXTENSIONS["abortConfig"]
    days = [11, 13, 14, 15, 16, 17, 18]
    assert [each["startTime"] for each in shown["scheduledJobRollouts"]] == [
        f"2024-06-{d} 02:00" for d in days
    ]
    assert fleet.iot.get_job_document(jobId=job)["document"] == '{"n":1}'
    before = fleet.iot.get_job_document(jobId=job, beforeSubstitution=True)["document"]
    assert before == EXTENSIONS["document"]
    assert job in [each["jobId"] for each in fleet.iot.list_jobs(status="SCHEDULED")["jobs"]]
    fleet.iot.delete_job(jobId=job, force=True)


def test_every_operation_on_jobs_runs_to_the_end_in_one_story_v31(fleet):
    iot, data = fleet.iot, fleet.site.jobs_data
    thing, other = fleet.things("t", "u")
    name = fleet.name("t")
    job = fleet.job("j", thing, targetSelection="CONTINUOUS", timeoutConfig={"inProgressTimeoutInMinutes": 5})
    assert iot.describe_job(jobId=job)["job"]["status"] == "IN_PROGRESS"
    assert iot.list_jobs(targetSelection="CONTINUOUS")["jobs"]
    iot.update_job(jobId=job, description="d")
    iot.associate_targets_with_job(jobId=job, targets=[other])
    started = data.start_next_pending_job_execution(thingName=name)["execution"]
    assert json.loads(started["jobDocument"]) == json.loads(iot.get_job_document(jobId=job)["document"])
    assert iot.describe_job_execution(jobId=job, thingName=name)["execution"]["status"] == "IN_PROGRESS"
    data.update_job_execution(jobId=job, thingName=name, status="SUCCEEDED", expectedVersion=2)
    iot.cancel_job_execution(jobId=job, thingName=fleet.name("u"))
    of_job = iot.list_job_executions_for_job(jobId=job)["executionSummaries"]
    assert [each["jobExecutionSummary"]["status"] for each in of_job] == ["SUCCEEDED", "CANCELED"]
    iot.delete_job_execution(jobId=job, thingName=fleet.name("u"), executionNumber=1)
    assert len(iot.list_job_executions_for_thing(thingName=name)["executionSummaries"]) == 1
    iot.cancel_job(jobId=job)
    iot.delete_job(jobId=job)
    assert refused(iot.describe_job, jobId=job)[0] == "ResourceNotFoundException"


# --- quotas ---


@pytest.fixture
def narrow(tmp_path):
    policy = Policy(quotas=Quotas(targets=2, open_jobs=2, leaving_jobs=1))
    with opened_site(tmp_path / "data", policy=policy) as site:
        yield Fleet(site)


def test_there_is_an_end_to_how_many_jobs_are_open(narrow):
    things = narrow.things("t", "u", "v")
    first = narrow.job("a", things[0])
    narrow.job("b", things[0])
    asked = {"jobId": "c", "targets": things[:1], "document": "{}"}
    with pytest.raises(narrow.iot.exceptions.LimitExceededException) as caught:
        narrow.iot.create_job(**asked)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410
    # Ours knows no such end.
    narrow.site.door.job("t")
    narrow.iot.cancel_job(jobId=first)
    assert refused(narrow.iot.create_job, **asked)[0] == "LimitExceededException"
    narrow.iot.cancel_job(jobId=narrow.name("b"))
    narrow.iot.create_job(**asked)
    code, _, message = refused(narrow.iot.create_job, jobId="d", targets=things, document="{}")
    assert (code, "at most 2 are allowed" in message) == ("InvalidRequestException", True)


def test_there_is_an_end_to_how_many_jobs_are_being_deleted(narrow, monkeypatch):
    things = narrow.things("t")
    first, second = narrow.job("a", *things), narrow.job("b", *things)
    with monkeypatch.context() as slow:
        # Nothing is swept at once, as of a job that is large.
        slow.setattr(sweeps, "go_on", lambda *_, **__: True)
        narrow.iot.delete_job(jobId=first, force=True)
    assert narrow.described(first)["status"] == "DELETION_IN_PROGRESS"
    assert narrow.iot.list_jobs(status="DELETION_IN_PROGRESS")["jobs"][0]["jobId"] == first
    with pytest.raises(narrow.iot.exceptions.LimitExceededException):
        narrow.iot.delete_job(jobId=second, force=True)
    for call, said in (
        (narrow.iot.delete_job, {}),
        (narrow.iot.cancel_job, {}),
        (narrow.iot.update_job, {"description": "d"}),
    ):
        assert refused(call, jobId=first, **said)[:2] == ("InvalidRequestException", 400)
    code, _, _ = refused(narrow.iot.create_job, jobId=first, targets=things, document="{}")
    assert code == "ResourceAlreadyExistsException"
    narrow.tick()
    narrow.iot.delete_job(jobId=second, force=True)
    narrow.job("a", *things)


# --- a server that cannot serve ---

CALLS = {
    "create_job": {"jobId": "j", "targets": [arn("thing/t")], "document": "{}"},
    "describe_job": {"jobId": "j"},
    "get_job_document": {"jobId": "j"},
    "update_job": {"jobId": "j", "description": "d"},
    "cancel_job": {"jobId": "j"},
    "delete_job": {"jobId": "j"},
    "list_jobs": {},
    "associate_targets_with_job": {"jobId": "j", "targets": [arn("thing/t")]},
    "list_job_executions_for_job": {"jobId": "j"},
    "list_job_executions_for_thing": {"thingName": "t"},
    "describe_job_execution": {"jobId": "j", "thingName": "t"},
    "cancel_job_execution": {"jobId": "j", "thingName": "t"},
    "delete_job_execution": {"jobId": "j", "thingName": "t", "executionNumber": 1},
}


def test_without_its_store_every_operation_says_that_it_may_be_tried_again(tmp_path):
    with opened_site(tmp_path / "data", insecure=True) as site:
        site.door.run(site.door.store.close())
        for name, said in CALLS.items():
            code, status, message = refused(getattr(site.iot, name), **said)
            assert (code, status) == ("ServiceUnavailableException", 503), name
            assert message == "the store is closed"
