"""Stories of jobs that are there: read, listed, changed, canceled, deleted, given targets (A1 to A37)."""

import pytest
from http_door import Operation

from domain.execution import Status

ARN = "arn:aws:iot:us-east-1:123456789012"
NEW = {"targets": ["t1", "t2"], "targetSelection": "SNAPSHOT", "document": '{"operation":"echo"}'}


def test_get_job_shows_what_the_document_prints_and_more_a4_a10_a32(door):
    door.ok("POST", "/jobs", {**NEW, "jobId": "j", "targets": ["thing/t1", "t2", f"{ARN}:thing/t3"]})
    assert door.ok("GET", "/jobs/j")["job"] == {
        "jobArn": f"{ARN}:job/j",
        "jobId": "j",
        "targets": ["thing/t1", "t2", f"{ARN}:thing/t3"],
        "targetSelection": "SNAPSHOT",
        "description": None,
        "status": "IN_PROGRESS",
        "createdAt": "2024-06-10T06:13:20.123Z",
        "lastUpdatedAt": "2024-06-10T06:13:20.123Z",
        "completedAt": None,
        "comment": None,
        "reasonCode": None,
        "forceCanceled": False,
        "isConcurrent": False,
        "timeoutConfig": {},
        "jobExecutionsRolloutConfig": {},
        "abortConfig": {},
        "jobExecutionsRetryConfig": {},
        "schedulingConfig": {},
        "stagedRolloutConfig": {},
        "retryPolicyConfig": {},
        "presignedUrlConfig": {},
        "excludedTargets": [],
        "priority": 0,
        "exclusiveGroup": None,
        "jobTemplateId": None,
        "templateVersion": None,
        "parameters": {},
        "jobProcessDetails": {
            "numberOfQueuedThings": 3,
            "numberOfInProgressThings": 0,
            "numberOfSucceededThings": 0,
            "numberOfFailedThings": 0,
            "numberOfTimedOutThings": 0,
            "numberOfRejectedThings": 0,
            "numberOfRemovedThings": 0,
            "numberOfCanceledThings": 0,
        },
    }


def test_get_job_tells_when_it_is_completed(door):
    job = door.job("t1")
    door.later(seconds=5)
    door.device("t1", Operation.UPDATE, job, status=Status.SUCCEEDED)
    shown = door.ok("GET", f"/jobs/{job}")["job"]
    assert (shown["status"], shown["completedAt"]) == ("COMPLETED", "2024-06-10T06:13:25.123Z")
    assert shown["jobProcessDetails"]["numberOfSucceededThings"] == 1


@pytest.mark.parametrize("extended", ["", "?extended=true", "?extended=false"])
def test_scheduled_is_shown_as_in_progress_unless_extended_a22(door, extended):
    job = door.job("t1")
    assert door.ok("GET", f"/jobs/{job}{extended}")["job"]["status"] == "IN_PROGRESS"
    assert door.ok("GET", f"/jobs{extended}")["jobs"][0]["status"] == "IN_PROGRESS"


def test_update_job_changes_the_description_a25(door):
    job = door.job("t")
    assert door.ok("PUT", f"/jobs/{job}", {"description": "new"}) == {"updated": True}
    assert door.ok("GET", f"/jobs/{job}")["job"]["description"] == "new"


def test_update_job_accepts_the_time_out_too_a25(door):
    job = door.job("t")
    assert door.ok("PUT", f"/jobs/{job}", {"timeoutConfig": {"inProgressTimeoutInMinutes": 9}})
    shown = door.ok("GET", f"/jobs/{job}")["job"]
    assert (shown["timeoutConfig"], shown["description"]) == ({"inProgressTimeoutInMinutes": 9}, None)


@pytest.mark.parametrize("body", [{}, {"description": None}, {"description": 3}, None])
def test_update_job_without_anything_to_update_is_422_a25(door, body):
    reply = door("PUT", f"/jobs/{door.job('t')}", body)
    assert reply.status == 422
    assert "description" in reply.error


def test_cancel_job_ends_what_is_queued_and_leaves_what_is_in_progress(door):
    job = door.job("t1", "t2")
    door.device("t1", Operation.START_NEXT)
    assert door.ok("PUT", f"/jobs/{job}/cancel", {"comment": "no more"}) == {"canceled": True}
    shown = door.ok("GET", f"/jobs/{job}")["job"]
    assert (shown["status"], shown["comment"]) == ("CANCELED", "no more")
    assert door.ok("GET", f"/jobs/{job}/things/t1")["execution"]["status"] == "IN_PROGRESS"
    assert door.ok("GET", f"/jobs/{job}/things/t2")["execution"]["status"] == "CANCELED"


def test_cancel_job_by_force_ends_what_is_in_progress(door):
    job = door.job("t1")
    door.device("t1", Operation.START_NEXT)
    door.ok("PUT", f"/jobs/{job}/cancel", {"force": True})
    execution = door.ok("GET", f"/jobs/{job}/things/t1")["execution"]
    assert (execution["status"], execution["forceCanceled"]) == ("CANCELED", True)


def test_cancel_job_needs_no_body(door):
    assert door.ok("PUT", f"/jobs/{door.job('t')}/cancel") == {"canceled": True}


def test_cancel_of_a_completed_job_is_409_a23(door):
    job = door.job("t1")
    door.device("t1", Operation.UPDATE, job, status=Status.SUCCEEDED)
    reply = door("PUT", f"/jobs/{job}/cancel", {})
    assert reply.status == 409
    assert "COMPLETED" in reply.error


@pytest.mark.parametrize("force", [True, "true"])
def test_force_may_be_a_word_a21(door, force):
    assert door.ok("DELETE", f"/jobs/{door.job('t')}", {"force": force}) == {"deleted": True}


@pytest.mark.parametrize("force", ["yes", 1, "True", "", None, {}, []])
def test_force_that_is_neither_true_nor_false_is_422_a21(door, force):
    reply = door("DELETE", f"/jobs/{door.job('t')}", {"force": force})
    assert reply.status == 422
    assert "force" in reply.error


def test_delete_job_by_the_body_or_by_the_query_which_wins_a20_v34(door):
    in_body, in_query, both = door.job("t"), door.job("t"), door.job("t")
    assert door.ok("DELETE", f"/jobs/{in_body}", {"force": True}) == {"deleted": True}
    assert door.ok("DELETE", f"/jobs/{in_query}?force=true") == {"deleted": True}
    assert door("DELETE", f"/jobs/{both}?force=false", {"force": True}).status == 409
    assert door.ok("DELETE", f"/jobs/{both}?force=true", {"force": False}) == {"deleted": True}
    assert door("GET", f"/jobs/{both}").status == 404


def test_delete_of_a_job_in_progress_without_force_is_409_a35(door):
    reply = door("DELETE", f"/jobs/{door.job('t')}")
    assert reply.status == 409
    assert "force" in reply.error


def test_associate_gives_a_continuous_job_more_targets_a34(door):
    job = door.job("t1", targetSelection="CONTINUOUS")
    for targets in (["t2", "thing/t3"], ["t1", "t2"]):
        assert door.ok("PUT", f"/jobs/{job}/associate", {"targets": targets}) == {"associated": True}
    assert len(door.ok("GET", f"/jobs-executions/jobs/{job}")["jobExecutions"]) == 3
    assert door.ok("GET", f"/jobs/{job}")["job"]["targets"] == ["t1", "t2", "thing/t3"]


def test_associate_with_a_snapshot_job_is_409_a34(door):
    reply = door("PUT", f"/jobs/{door.job('t')}/associate", {"targets": ["t2"]})
    assert reply.status == 409
    assert "CONTINUOUS" in reply.error


def test_list_jobs_newest_first_with_a_token_that_is_null_at_the_end_a6(door):
    made = [door.job("t", jobId=f"j{n}") for n in range(5)]
    seen, token, pages = [], "", 0
    while token is not None:
        page = door.ok("GET", f"/jobs?maxResults=2&nextToken={token}")
        seen += [job["jobId"] for job in page["jobs"]]
        token, pages = page["nextToken"], pages + 1
    assert (seen, pages) == (made[::-1], 3)


def test_list_jobs_by_status_and_selection(door):
    open_, over = door.job("t", targetSelection="CONTINUOUS"), door.job("t")
    door.ok("PUT", f"/jobs/{over}/cancel")

    def ids(query):
        return [job["jobId"] for job in door.ok("GET", f"/jobs?{query}")["jobs"]]

    assert ids("status=CANCELED") == [over]
    assert ids("status=IN_PROGRESS") == [open_]
    assert ids("targetSelection=CONTINUOUS&status=IN_PROGRESS") == [open_]
    assert ids("targetSelection=SNAPSHOT&status=IN_PROGRESS") == []


@pytest.mark.parametrize("query", ["status=DONE", "status=QUEUED", "status="])
def test_an_invalid_status_of_jobs_is_422_a24(door, query):
    reply = door("GET", f"/jobs?{query}")
    assert reply.status == 422
    assert "status" in reply.error


def test_what_is_not_there_is_404_with_a_reason_a30(door):
    for method, path, body in (
        ("GET", "/jobs/none", None),
        ("GET", "/jobs/none/document", None),
        ("PUT", "/jobs/none", {"description": "d"}),
        ("PUT", "/jobs/none/cancel", {}),
        ("PUT", "/jobs/none/associate", {"targets": ["t"]}),
        ("DELETE", "/jobs/none", None),
        ("GET", "/jobs-executions/jobs/none", None),
        ("GET", "/jobs/none/things/t", None),
        ("DELETE", "/jobs/none/things/t", None),
        ("PUT", "/jobs/none/things/t/cancel", {}),
    ):
        reply = door(method, path, body)
        assert (reply.status, reply.error) == (404, "There is no job none"), (method, path)
