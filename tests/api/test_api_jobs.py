"""A story per operation on jobs, through real HTTP; the decisions of the contract are named A1 to A37."""

import json

import pytest
from http_door import Operation

from domain.execution import Status

ARN = "arn:aws:iot:us-east-1:123456789012"
NEW = {"targets": ["t1", "t2"], "targetSelection": "SNAPSHOT", "document": '{"operation":"echo"}'}


def test_create_job_then_every_target_has_an_execution(door):
    made = door("POST", "/jobs", {**NEW, "jobId": "first", "description": "hello"})
    assert made.status == 200
    assert made.body == {"created": True, "jobId": "first", "jobArn": f"{ARN}:job/first"}
    assert made.headers["Location"] == "/jobs/first"
    executions = door.ok("GET", "/jobs-executions/jobs/first")["jobExecutions"]
    assert [entry["thingArn"] for entry in executions] == [f"{ARN}:thing/t1", f"{ARN}:thing/t2"]


def test_create_job_names_it_when_the_caller_does_not_a7(door):
    made = door.ok("POST", "/jobs", NEW)
    assert len(made["jobId"]) == 36
    assert door.ok("GET", f"/jobs/{made['jobId']}")["job"]["jobId"] == made["jobId"]


def test_create_answers_200_not_201_a8(door):
    assert door("POST", "/jobs", NEW).status == 200
    assert door("POST", "/job-templates", {"document": "{}", "description": "d"}).status == 200


def test_create_job_again_with_the_same_id_and_body_answers_the_same(door):
    first = door.ok("POST", "/jobs", {**NEW, "jobId": "one"})
    assert door.ok("POST", "/jobs", {**NEW, "jobId": "one"}) == first
    assert len(door.ok("GET", "/jobs")["jobs"]) == 1


def test_create_job_again_with_the_same_id_and_another_body_is_409(door):
    door.ok("POST", "/jobs", {**NEW, "jobId": "one"})
    reply = door("POST", "/jobs", {**NEW, "jobId": "one", "description": "other"})
    assert reply.status == 409
    assert "one" in reply.error


def test_create_job_with_a_client_token_is_retry_safe(door):
    first = door.ok("POST", "/jobs", {**NEW, "clientToken": "try-1"})
    assert door.ok("POST", "/jobs", {**NEW, "clientToken": "try-1"}) == first
    assert door("POST", "/jobs", {**NEW, "clientToken": "try-1", "targets": ["t9"]}).status == 409
    assert len(door.ok("GET", "/jobs")["jobs"]) == 1


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


def test_targets_are_names_or_paths_or_arns_a9(door):
    door.ok("POST", "/thing-groups", {"thingGroupName": "g"})
    door.ok("PUT", "/thing-groups/g/things", {"things": ["t4"]})
    spelled = ["t1", "thing/t2", f"{ARN}:thing/t3", "thinggroup/g"]
    job = door.job(*spelled)
    listed = door.ok("GET", f"/jobs-executions/jobs/{job}")["jobExecutions"]
    assert {entry["thingArn"].rpartition("/")[2] for entry in listed} == {"t1", "t2", "t3", "t4"}
    assert door.ok("GET", f"/jobs/{job}")["job"]["targets"] == spelled


def test_an_unknown_thing_as_target_is_registered_by_that_v33(door):
    assert door("GET", "/things/new-one").status == 404
    door.job("new-one")
    assert door.ok("GET", "/things/new-one")["thing"]["thingName"] == "new-one"


def test_an_unknown_group_or_a_foreign_arn_is_422_a9_a13(door):
    for target in ("thinggroup/none", f"{ARN}:thinggroup/none", "arn:aws:s3:::bucket/t"):
        reply = door("POST", "/jobs", {**NEW, "targets": [target]})
        assert reply.status == 422
        assert "targets" in reply.error


def test_target_selection_is_required_a11(door):
    reply = door("POST", "/jobs", {"targets": ["t"], "document": "{}"})
    assert (reply.status, reply.error) == (422, "targetSelection is required")


@pytest.mark.parametrize(
    "document",
    ['{"a": [1, 2.50, "\\u00e4"],\n "b": null}', "{}", ' {"x":1} ', '{"big":123456789012345678901234567890}'],
)
def test_a_document_that_is_a_string_comes_back_to_the_letter_a12(door, document):
    job = door.job("t", document=document)
    assert door.ok("GET", f"/jobs/{job}/document") == {"document": document}


def test_a_document_that_is_an_object_comes_back_with_the_same_content_a12(door):
    given = {"steps": [{"runCommand": ["a", "ä", "\U0001f600"]}], "n": 1.5e-9, "i": 2**70, "e": {}, "z": None}
    job = door.job("t", document=given)
    assert json.loads(door.ok("GET", f"/jobs/{job}/document")["document"]) == given


@pytest.mark.parametrize(
    "placeholder", ["${aws:iot:unknown:x}", "${aws:iot:s3-presigned-url:https://x", "${aws:iot:}"]
)
def test_an_unknown_or_malformed_placeholder_is_422_a13(door, placeholder):
    reply = door("POST", "/jobs", {**NEW, "document": json.dumps({"url": placeholder})})
    assert reply.status == 422
    assert "placeholder" in reply.error


def test_a_known_placeholder_is_kept_a13(door):
    text = '{"url":"${aws:iot:s3-presigned-url:https://s3.amazonaws.com/bucket/key}"}'
    job = door.job("t", document=text)
    assert door.ok("GET", f"/jobs/{job}/document")["document"] == text


def test_document_limits_are_the_contracts_a36(door):
    fits = json.dumps({"x": "y" * (32768 - 9)}, separators=(",", ":"))
    assert len(fits) == 32767
    door.job("t", document=fits)
    reply = door("POST", "/jobs", {**NEW, "document": json.dumps({"x": "y" * 32768})})
    assert reply.status == 422
    assert "32768" in reply.error


def test_a_job_from_a_template_needs_no_document_a28(door):
    kept = door.ok("POST", "/job-templates", {"document": '{"from":"template"}', "description": "d"})
    for by in ("jobTemplateId", "jobTemplateArn"):
        asked = {"targets": ["t"], "targetSelection": "SNAPSHOT", by: kept[by]}
        job = door.ok("POST", "/jobs", asked)["jobId"]
        assert door.ok("GET", f"/jobs/{job}/document")["document"] == '{"from":"template"}'


def test_a_job_from_a_template_that_is_not_there_is_404(door):
    reply = door("POST", "/jobs", {"targets": ["t"], "targetSelection": "SNAPSHOT", "jobTemplateId": "no"})
    assert (reply.status, reply.error) == (404, "There is no job template no")


def test_timeout_config_is_kept_a28(door):
    job = door.job("t", timeoutConfig={"inProgressTimeoutInMinutes": 5})
    assert door.ok("GET", f"/jobs/{job}")["job"]["timeoutConfig"] == {"inProgressTimeoutInMinutes": 5}


@pytest.mark.parametrize(
    "member",
    [
        "abortConfig",
        "jobExecutionsRolloutConfig",
        "jobExecutionsRetryConfig",
        "schedulingConfig",
        "presignedUrlConfig",
        "documentParameters",
        "documentSource",
        "destinationPackageVersions",
        "namespaceId",
        "tags",
    ],
)
def test_a_configuration_that_is_not_honoured_is_refused_and_tolerated_empty_a28(door, member):
    reply = door("POST", "/jobs", {**NEW, member: {"x": 1}})
    assert reply.status == 422
    assert f"this version does not honour {member}" in reply.error
    assert door("POST", "/jobs", {**NEW, member: {}}).status == 200


def test_ten_thousand_targets_fit(door):
    job = door.job(*(f"thing-with-a-rather-long-name-{n:0100}" for n in range(10_000)))
    page = door.ok("GET", f"/jobs-executions/jobs/{job}?maxResults=1")
    assert len(page["jobExecutions"]) == 1
    assert page["nextToken"]


def test_update_job_changes_the_description_a25(door):
    job = door.job("t")
    assert door.ok("PUT", f"/jobs/{job}", {"description": "new"}) == {"updated": True}
    assert door.ok("GET", f"/jobs/{job}")["job"]["description"] == "new"


def test_update_job_accepts_the_time_out_too_a25(door):
    job = door.job("t")
    assert door.ok("PUT", f"/jobs/{job}", {"timeoutConfig": {"inProgressTimeoutInMinutes": 9}})
    shown = door.ok("GET", f"/jobs/{job}")["job"]
    assert (shown["timeoutConfig"], shown["description"]) == ({"inProgressTimeoutInMinutes": 9}, None)


@pytest.mark.parametrize("body", [{}, {"description": None}, {"description": 3}, {"abortConfig": {}}, None])
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


@pytest.mark.parametrize("force", ["yes", 1, "True", {}, []])
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


def test_wrong_content_type_is_tolerated_if_the_body_parses_a33(door):
    raw = json.dumps(NEW).encode()
    for kind in ("text/plain", "application/octet-stream", "application/vnd.x+json; charset=latin-1", ""):
        assert door("POST", "/jobs", raw=raw, headers={"Content-Type": kind}).status == 200
    assert door("POST", "/jobs", raw=b"{", headers={"Content-Type": "application/json"}).status == 422
