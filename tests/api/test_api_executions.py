"""A story per operation on executions, through real HTTP; the contract's decisions are named A1 to A37."""

import pytest
from http_door import Operation
from sites import BOTH

from domain.execution import Status

DIALECTS = BOTH

ARN = "arn:aws:iot:us-east-1:123456789012"


def test_get_execution_shows_strings_numbers_and_times_as_decided_a16_a17_a18_a19(door):
    job = door.job("t1", timeoutConfig={"inProgressTimeoutInMinutes": 10})
    before = door.ok("GET", f"/jobs/{job}/things/t1")["execution"]
    assert before == {
        "jobId": job,
        "status": "QUEUED",
        "statusDetails": {"detailsMap": {}},
        "thingArn": f"{ARN}:thing/t1",
        "queuedAt": "2024-06-10T06:13:20.123Z",
        "startedAt": None,
        "lastUpdatedAt": "2024-06-10T06:13:20.123Z",
        "executionNumber": "1",
        "versionNumber": 1,
        "forceCanceled": False,
        "approximateSecondsBeforeTimedOut": None,
    }
    door.later(seconds=1)
    details = {"action": "install", "progress": "50%", "more": "pairs"}
    door.device("t1", Operation.UPDATE, job, status=Status.IN_PROGRESS, status_details=details)
    after = door.ok("GET", f"/jobs/{job}/things/t1")["execution"]
    assert after["statusDetails"] == {"detailsMap": details}
    assert (after["status"], after["versionNumber"], after["executionNumber"]) == ("IN_PROGRESS", 2, "1")
    assert after["startedAt"] == "2024-06-10T06:13:21.123Z"
    assert after["approximateSecondsBeforeTimedOut"] == 600


def test_list_executions_for_job_with_the_keys_of_the_document_a3(door):
    job = door.job("t1", "t2")
    page = door.ok("GET", f"/jobs-executions/jobs/{job}")
    assert set(page) == {"jobExecutions", "nextToken"}
    assert page["nextToken"] is None
    assert page["jobExecutions"][0] == {
        "thingArn": f"{ARN}:thing/t1",
        "jobExecution": {
            "status": "QUEUED",
            "queuedAt": "2024-06-10T06:13:20.123Z",
            "startedAt": None,
            "lastUpdatedAt": "2024-06-10T06:13:20.123Z",
            "executionNumber": "1",
        },
    }


def test_list_executions_for_thing_has_the_singular_key_and_the_plural_a3(door):
    first, second = door.job("t1"), door.job("t1")
    page = door.ok("GET", "/jobs-executions/things/t1")
    assert set(page) == {"jobExecution", "jobExecutions", "nextToken"}
    assert page["jobExecution"] == page["jobExecutions"]
    assert [entry["jobId"] for entry in page["jobExecution"]] == [second, first]
    assert set(page["jobExecution"][0]["jobExecution"]) == {
        "status",
        "queuedAt",
        "startedAt",
        "lastUpdatedAt",
        "executionNumber",
    }


def test_both_spellings_of_the_lists_are_served_a29(door):
    job = door.job("t1")
    for tail in (f"jobs/{job}", "things/t1"):
        assert door.ok("GET", f"/jobs-executions/{tail}") == door.ok("GET", f"/job-executions/{tail}")


def test_lists_filter_by_the_status_of_executions_a24(door):
    job = door.job("t1", "t2")
    door.device("t1", Operation.UPDATE, job, status=Status.FAILED)
    for tail, count in (("jobs/" + job, 1), ("things/t1", 1), ("things/t2", 0)):
        page = door.ok("GET", f"/jobs-executions/{tail}?status=FAILED")
        assert len(page["jobExecutions"]) == count
    for status in ("COMPLETED", "failed", ""):
        assert door("GET", f"/jobs-executions/jobs/{job}?status={status}").status == 422


def test_lists_of_executions_are_paged_a6(door):
    job = door.job(*(f"t{n}" for n in range(5)))
    seen, token = [], ""
    while token is not None:
        page = door.ok("GET", f"/jobs-executions/jobs/{job}?maxResults=2&nextToken={token}")
        seen += [entry["thingArn"][-2:] for entry in page["jobExecutions"]]
        token = page["nextToken"]
    assert seen == [f"t{n}" for n in range(5)]


def test_a_next_token_of_another_list_is_refused(door):
    job = door.job(*(f"t{n}" for n in range(3)))
    token = door.ok("GET", f"/jobs-executions/jobs/{job}?maxResults=1")["nextToken"]
    for path in ("/jobs", f"/jobs-executions/jobs/{job}?status=QUEUED", "/jobs-executions/things/t1"):
        reply = door("GET", f"{path}{'&' if '?' in path else '?'}nextToken={token}")
        assert reply.status == 422
        assert "nextToken" in reply.error


def test_thing_and_job_exist_but_no_execution_is_404_a26(door):
    job = door.job("t1")
    door.ok("POST", "/things", {"thingName": "t2"})
    reply = door("GET", f"/jobs/{job}/things/t2")
    assert (reply.status, reply.error) == (404, f"There is no execution of job {job} on thing t2")


def test_cancel_execution_that_is_queued(door):
    job = door.job("t1")
    assert door.ok("PUT", f"/jobs/{job}/things/t1/cancel", {}) == {"canceled": True}
    assert door.ok("GET", f"/jobs/{job}/things/t1")["execution"]["status"] == "CANCELED"


def test_cancel_execution_in_progress_needs_force_a23(door):
    job = door.job("t1")
    door.device("t1", Operation.START_NEXT)
    refused = door("PUT", f"/jobs/{job}/things/t1/cancel")
    assert refused.status == 409
    assert "force" in refused.error
    assert door.ok("PUT", f"/jobs/{job}/things/t1/cancel", {"force": True}) == {"canceled": True}


def test_cancel_execution_that_has_ended_is_409_even_with_force_a23(door):
    job = door.job("t1")
    door.device("t1", Operation.UPDATE, job, status=Status.SUCCEEDED)
    assert door("PUT", f"/jobs/{job}/things/t1/cancel", {"force": True}).status == 409


@pytest.mark.parametrize("version", [1, "1", 1.0])
def test_expected_version_may_be_a_numeric_string_a15(door, version):
    job = door.job("t1")
    reply = door("PUT", f"/jobs/{job}/things/t1/cancel", {"expectedVersion": version})
    assert reply.status == 200


@pytest.mark.parametrize("version", [2, "2", 0, 999999999999999999])
def test_another_expected_version_is_409_a15(door, version):
    reply = door("PUT", f"/jobs/{door.job('t1')}/things/t1/cancel", {"expectedVersion": version})
    assert reply.status == 409
    assert "found version 1" in reply.error


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        ({"statusDetails": {"detailsMap": {"a": "1"}}}, {"a": "1"}),
        ({"statusDetails": {"detailsMap": {"a": "1", "b": "1"}, "a": "2"}}, {"a": "2", "b": "1"}),
        ({"statusDetails": {"a": "1"}, "detailsMap": {"a": "2"}}, {"a": "2"}),
        ({"detailsMap": {"progress": "1"}, "progress": "2"}, {"progress": "2"}),
        ({"action": "stop", "progress": 50}, {"action": "stop", "progress": "50"}),
        ({"detailsMap": {"n": 1.5, "b": True}}, {"n": "1.5", "b": "true"}),
        ({"statusDetails": {}}, {"was": "there"}),
        ({"detailsMap": {}, "statusDetails": {"detailsMap": {}}}, {"was": "there"}),
        ({}, {"was": "there"}),
    ],
)
def test_the_four_ways_to_say_details_are_one_map_a14(door, body, stored):
    job = door.job("t1")
    door.device("t1", Operation.UPDATE, job, status=Status.IN_PROGRESS, status_details={"was": "there"})
    door.ok("PUT", f"/jobs/{job}/things/t1/cancel", {**body, "force": True})
    shown = door.ok("GET", f"/jobs/{job}/things/t1")["execution"]
    assert shown["statusDetails"] == {"detailsMap": stored}


def test_delete_execution_by_number_as_string_or_as_number_a16(door):
    for number in ("1", 1):
        job = door.job("t1")
        assert door("DELETE", f"/jobs/{job}/things/t1", {"executionNumber": 2}).status == 404
        gone = door.ok("DELETE", f"/jobs/{job}/things/t1", {"executionNumber": number, "force": True})
        assert gone == {"deleted": True}
        assert door("GET", f"/jobs/{job}/things/t1").status == 404


def test_delete_execution_by_the_query_which_wins_a20(door):
    job = door.job("t1")
    path = f"/jobs/{job}/things/t1"
    assert door("DELETE", f"{path}?executionNumber=7", {"executionNumber": "1"}).status == 404
    door.device("t1", Operation.START_NEXT)
    assert door("DELETE", f"{path}?force=false", {"force": True}).status == 409
    assert door.ok("DELETE", f"{path}?executionNumber=1&force=true", {"executionNumber": "7", "force": False})


def test_delete_execution_in_progress_needs_force(door):
    job = door.job("t1")
    door.device("t1", Operation.START_NEXT)
    refused = door("DELETE", f"/jobs/{job}/things/t1")
    assert refused.status == 409
    assert "force" in refused.error
    assert door.ok("DELETE", f"/jobs/{job}/things/t1?force=true") == {"deleted": True}


def test_a_colon_in_a_thing_name_may_be_percent_encoded(door):
    job = door.job("site:1:pump")
    plain = door.ok("GET", f"/jobs/{job}/things/site:1:pump")
    assert door.ok("GET", f"/jobs/{job}/things/site%3A1%3apump") == plain
    assert plain["execution"]["thingArn"] == f"{ARN}:thing/site:1:pump"
    assert door.ok("GET", "/jobs-executions/things/site%3a1:%70ump")["jobExecution"]
