"""The devices' plane with boto3: the same answers as over MQTT, in HTTP's forms (contract 4.5, 7)."""

import pytest
from asking import body, refused, told
from aws_fleet import DOCUMENT
from sites import BOTH

DIALECTS = BOTH


# --- the four operations ---


def test_start_next_begins_the_first_job_and_says_again_what_runs(data, thing, make, shared_site):
    job = make(timeoutConfig={"inProgressTimeoutInMinutes": 30})
    now = int(shared_site.door.at.timestamp())
    first = data.start_next_pending_job_execution(
        thingName=thing, statusDetails={"step": "download"}, stepTimeoutInMinutes=10
    )
    assert body(first) == {
        "execution": {
            "jobId": job,
            "thingName": thing,
            "status": "IN_PROGRESS",
            "statusDetails": {"step": "download"},
            "queuedAt": now,
            "startedAt": now,
            "lastUpdatedAt": now,
            "approximateSecondsBeforeTimedOut": 600,
            "versionNumber": 2,
            "executionNumber": 1,
            "jobDocument": DOCUMENT,
        }
    }
    again = data.start_next_pending_job_execution(thingName=thing, statusDetails={"step": "other"})
    assert body(again) == body(first)


def test_nothing_pending_is_an_empty_answer(data, thing, shared_site):
    shared_site.door.ok("POST", "/things", {"thingName": thing})
    assert body(data.start_next_pending_job_execution(thingName=thing)) == {}
    assert body(data.describe_job_execution(thingName=thing, jobId="$next")) == {}
    assert body(data.get_pending_job_executions(thingName=thing)) == {
        "inProgressJobs": [],
        "queuedJobs": [],
    }
    for method, path in (("PUT", "$next"), ("GET", "$next"), ("GET", "%24next"), ("PUT", "%24next")):
        assert told(shared_site, method, f"/things/{thing}/jobs/{path}") == (200, {})


def test_pending_jobs_are_listed_by_what_they_are(data, thing, make, shared_site):
    first, second = make(), make()
    now = int(shared_site.door.at.timestamp())
    data.start_next_pending_job_execution(thingName=thing)
    queued = {"queuedAt": now, "lastUpdatedAt": now, "versionNumber": 1, "executionNumber": 1}
    assert body(data.get_pending_job_executions(thingName=thing)) == {
        "inProgressJobs": [{**queued, "jobId": first, "startedAt": now, "versionNumber": 2}],
        "queuedJobs": [{**queued, "jobId": second}],
    }


def test_describe_tells_the_document_unless_it_is_not_wanted(data, thing, make):
    job = make()
    named = data.describe_job_execution(thingName=thing, jobId=job)["execution"]
    assert (named["status"], named["jobDocument"], named["versionNumber"]) == ("QUEUED", DOCUMENT, 1)
    assert "startedAt" not in named
    assert "statusDetails" not in named
    following = data.describe_job_execution(thingName=thing, jobId="$next", executionNumber=77)["execution"]
    assert following == named
    without = data.describe_job_execution(
        thingName=thing, jobId=job, includeJobDocument=False, executionNumber=1
    )["execution"]
    assert without == {name: value for name, value in named.items() if name != "jobDocument"}


def test_an_update_says_no_more_than_it_is_asked_for(data, thing, make):
    job = make()
    assert body(data.update_job_execution(thingName=thing, jobId=job, status="IN_PROGRESS")) == {}
    answer = data.update_job_execution(
        thingName=thing,
        jobId=job,
        status="IN_PROGRESS",
        statusDetails={"percent": "40"},
        expectedVersion=2,
        executionNumber=1,
        includeJobExecutionState=True,
        includeJobDocument=True,
    )
    assert body(answer) == {
        "executionState": {
            "status": "IN_PROGRESS",
            "statusDetails": {"percent": "40"},
            "versionNumber": 3,
        },
        "jobDocument": DOCUMENT,
    }


# --- vectors of contract 7 ---


def test_v10_v11_an_expected_version_is_checked_however_it_is_spelled(data, thing, make, shared_site):
    job = make()
    data.start_next_pending_job_execution(thingName=thing)
    path = f"/things/{thing}/jobs/{job}"
    said = {"status": "IN_PROGRESS", "expectedVersion": "2", "includeJobExecutionState": "true"}
    assert told(shared_site, "POST", path, said) == (
        200,
        {"executionState": {"status": "IN_PROGRESS", "versionNumber": 3}},
    )
    late = refused(
        data.update_job_execution, thingName=thing, jobId=job, status="IN_PROGRESS", expectedVersion=2
    )
    assert late == ("InvalidStateTransitionException", 409, "Expected version 2 but found version 3")


def test_v12_v13_v14_an_end_is_final_and_is_not_described(data, thing, make, shared_site):
    job = make()
    data.update_job_execution(thingName=thing, jobId=job, status="SUCCEEDED")
    code, status, message = refused(
        data.update_job_execution, thingName=thing, jobId=job, status="FAILED", expectedVersion=2
    )
    assert (code, status) == ("InvalidStateTransitionException", 409)
    assert "SUCCEEDED" in message
    code, status, message = refused(data.describe_job_execution, thingName=thing, jobId=job)
    assert (code, status) == ("TerminalStateException", 410)
    assert job in message
    ended = shared_site.door.ok("GET", f"/jobs/{job}/things/{thing}")["execution"]
    assert (ended["status"], ended["versionNumber"]) == ("SUCCEEDED", 2)
    assert ended["startedAt"] == ended["lastUpdatedAt"]
    assert shared_site.door.ok("GET", f"/jobs/{job}")["job"]["status"] == "COMPLETED"


@pytest.mark.parametrize("status", ["CANCELED", "QUEUED", "TIMED_OUT", "REMOVED", "succeeded", "DONE"])
def test_v15_a_device_reports_only_what_a_device_may(data, thing, make, status):
    job = make()
    code, http_status, message = refused(data.update_job_execution, thingName=thing, jobId=job, status=status)
    assert (code, http_status) == ("InvalidRequestException", 400)
    assert status in message


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({str(number): "x" for number in range(11)}, "statusDetails has 11 pairs"),
        ({"a": "x" * 1025}, "statusDetails.a has 1025 characters"),
        ({"a": {"b": "c"}}, "statusDetails.a must be a string"),
        ({"a": None}, "statusDetails.a must be a string, not null"),
        ({"a!": "b"}, "statusDetails: name 'a!'"),
        ({"a": "b\u0007"}, "U+0007"),
        ([], "statusDetails must be an object"),
    ],
)
def test_v16_details_that_cannot_be_are_refused_by_name(shared_site, thing, make, details, reason):
    path = f"/things/{thing}/jobs/{make()}"
    status, answer = told(shared_site, "POST", path, {"status": "IN_PROGRESS", "statusDetails": details})
    assert (status, set(answer)) == (400, {"message"})
    assert reason in answer["message"]


def test_v16_details_of_a_program_s_output_and_numbers_are_kept(data, shared_site, thing, make):
    job = make()
    said = {"status": "IN_PROGRESS", "statusDetails": {"out": "a\nb\t", "n": 7, "ok": True}}
    assert told(shared_site, "POST", f"/things/{thing}/jobs/{job}", said) == (200, {})
    found = data.describe_job_execution(thingName=thing, jobId=job)["execution"]
    assert found["statusDetails"] == {"out": "a\nb\t", "n": "7", "ok": "true"}


def test_v18_what_is_canceled_by_force_cannot_be_updated(data, shared_site, thing, make):
    job = make()
    data.start_next_pending_job_execution(thingName=thing)
    shared_site.door.ok("PUT", f"/jobs/{job}/cancel", {"force": True})
    code, status, message = refused(data.update_job_execution, thingName=thing, jobId=job, status="SUCCEEDED")
    assert (code, status) == ("InvalidStateTransitionException", 409)
    assert "CANCELED" in message


def test_v40_a_thing_with_a_colon_is_reached_however_the_path_spells_it(data, shared_site):
    job = shared_site.door.job("a:b", document=DOCUMENT)
    assert data.get_pending_job_executions(thingName="a:b")["queuedJobs"][0]["jobId"] == job
    for spelled in ("a:b", "a%3Ab", "a%3ab"):
        status, answer = told(shared_site, "GET", f"/things/{spelled}/jobs/{job}")
        assert (status, answer["execution"]["thingName"]) == (200, "a:b")
    assert data.start_next_pending_job_execution(thingName="a:b")["execution"]["jobId"] == job
    assert body(data.update_job_execution(thingName="a:b", jobId=job, status="REJECTED")) == {}
