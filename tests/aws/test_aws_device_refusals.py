"""What the devices' plane refuses: what is not there, and words that no client would say."""

import pytest
from asking import refused, told

# --- what is not there, and what no client would say ---


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("get_pending_job_executions", {}),
        ("start_next_pending_job_execution", {}),
        ("describe_job_execution", {"jobId": "j"}),
        ("describe_job_execution", {"jobId": "$next"}),
        ("update_job_execution", {"jobId": "j", "status": "SUCCEEDED"}),
    ],
)
def test_a_thing_that_is_not_there_is_not_found_and_one_that_cannot_be_is_refused(data, operation, said):
    call = getattr(data, operation)
    code, status, message = refused(call, thingName="nobody", **said)
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert "nobody" in message
    code, status, message = refused(call, thingName="no body", **said)
    assert (code, status) == ("InvalidRequestException", 400)
    assert "'no body'" in message


def test_a_job_or_number_that_the_thing_has_not_is_not_found(data, thing, make, shared_site):
    job = make()
    elsewhere = shared_site.door.job(f"{thing}-other")
    for said in ({"jobId": "never"}, {"jobId": elsewhere}, {"jobId": job, "executionNumber": 2}):
        for call, more in (
            (data.describe_job_execution, {}),
            (data.update_job_execution, {"status": "SUCCEEDED"}),
        ):
            code, status, message = refused(call, thingName=thing, **said, **more)
            assert (code, status) == ("ResourceNotFoundException", 404)
            assert thing in message


def test_next_is_no_job_to_update(data, thing, make):
    make()
    assert refused(data.update_job_execution, thingName=thing, jobId="$next", status="SUCCEEDED")[:2] == (
        "InvalidRequestException",
        400,
    )
    assert refused(data.describe_job_execution, thingName=thing, jobId="a:b")[:2] == (
        "InvalidRequestException",
        400,
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, "status is required"),
        ({"status": None}, "status is required"),
        ({"status": 1}, "status '1'"),
        ({"status": "SUCCEEDED", "expectedVersion": -1}, "expectedVersion '-1'"),
        ({"status": "SUCCEEDED", "expectedVersion": 1.5}, "expectedVersion '1.5'"),
        ({"status": "SUCCEEDED", "executionNumber": True}, "executionNumber 'True'"),
        ({"status": "SUCCEEDED", "includeJobDocument": 1}, "includeJobDocument '1'"),
        ([], "JSON object"),
    ],
)
def test_words_of_the_wrong_kind_are_refused_by_name(shared_site, thing, make, said, reason):
    status, answer = told(shared_site, "POST", f"/things/{thing}/jobs/{make()}", said)
    assert status == 400
    assert reason in answer["message"]


def test_a_flag_in_a_query_is_true_or_false(shared_site, thing, make):
    path = f"/things/{thing}/jobs/{make()}"
    for said, reason in (
        ("includeJobDocument=yes", "includeJobDocument 'yes'"),
        ("executionNumber=one", "executionNumber 'one'"),
    ):
        status, answer = told(shared_site, "GET", f"{path}?{said}")
        assert status == 400
        assert reason in answer["message"]


def test_what_firmware_says_besides_is_ignored_and_a_token_is_no_memory(shared_site, thing, make):
    job = make()
    said = {
        "status": "IN_PROGRESS",
        "clientToken": "c",
        "thingName": "another",
        "jobId": "another",
        "colour": "red",
        "expectedVersion": None,
        "includeJobExecutionState": True,
    }
    versions = [
        told(shared_site, "POST", f"/things/{thing}/jobs/{job}?colour=red", said)[1]["executionState"][
            "versionNumber"
        ]
        for _ in range(2)
    ]
    assert versions == [2, 3]
