"""Decisions of the contract that concern no single operation, or take a longer story to show (A1 to A37)."""

import json

import pytest
from http_door import Operation, opened
from sqlalchemy import text

from domain.errors import InvalidStateTransition
from domain.execution import Status
from storage import jobs, rollouts

ARN = "arn:aws:iot:us-east-1:123456789012"
NEW = {"targets": ["t"], "targetSelection": "SNAPSHOT", "document": "{}"}


def test_every_answer_is_json_by_the_letter_a5(door):
    job = door.job("t", description='quotes " and \\ and ü')
    for path in (
        "/jobs",
        f"/jobs/{job}",
        f"/jobs/{job}/document",
        f"/jobs/{job}/things/t",
        "/job-templates",
        "/no",
    ):
        reply = door("GET", path)
        assert reply.headers["Content-Type"] == "application/json"
        assert json.loads(reply.raw.decode("utf-8"), parse_constant=pytest.fail)


def test_a_plain_name_is_a_thing_before_it_is_a_group_a9(door):
    door.ok("POST", "/thing-groups", {"thingGroupName": "both"})
    door.ok("POST", "/thing-groups", {"thingGroupName": "only-group"})
    door.ok("PUT", "/thing-groups/both/things", {"things": ["inside"]})
    door.ok("PUT", "/thing-groups/only-group/things", {"things": ["member"]})
    door.ok("POST", "/things", {"thingName": "both"})
    for target, thing in (("both", "both"), ("thinggroup/both", "inside"), ("only-group", "member")):
        job = door.job(target)
        (entry,) = door.ok("GET", f"/jobs-executions/jobs/{job}")["jobExecutions"]
        assert entry["thingArn"] == f"{ARN}:thing/{thing}"


def test_an_arn_of_another_partition_and_account_is_read_a9(door):
    job = door.job("arn:aws-cn:iot:cn-north-1:000000000001:thing/t")
    assert door.ok("GET", f"/jobs/{job}/things/t")["execution"]["thingArn"] == f"{ARN}:thing/t"


def test_without_a_number_the_latest_execution_is_meant_a16(door):
    door.ok("POST", "/thing-groups", {"thingGroupName": "g"})
    job = door.job("thinggroup/g", targetSelection="CONTINUOUS")

    def clock(connection):
        rollouts.release(connection, jobs.key_of(connection, job), at=door.at)

    for method in ("PUT", "DELETE", "PUT"):
        door.ok(method, "/thing-groups/g/things", {"things": ["t"]})
        door.run(door.store.write(clock))
    listed = door.ok("GET", "/jobs-executions/things/t")["jobExecution"]
    numbers = {entry["jobExecution"]["executionNumber"]: entry["jobExecution"]["status"] for entry in listed}
    assert numbers == {"1": "REMOVED", "2": "QUEUED"}
    path = f"/jobs/{job}/things/t"
    assert door.ok("GET", path)["execution"]["executionNumber"] == "2"
    door.ok("DELETE", path)
    assert door.ok("GET", path)["execution"]["executionNumber"] == "1"
    door.ok("DELETE", path, {"executionNumber": "1"})
    assert door("GET", path).status == 404


def test_a_scheduled_job_is_shown_as_in_progress_unless_extended_a22(door):
    job = door.job("t")
    door.run(
        door.store.write(lambda connection: connection.execute(text("UPDATE jobs SET status = 'SCHEDULED'")))
    )
    for query, status in (
        ("", "IN_PROGRESS"),
        ("?extended=false", "IN_PROGRESS"),
        ("?extended=true", "SCHEDULED"),
    ):
        assert door.ok("GET", f"/jobs/{job}{query}")["job"]["status"] == status
        assert door.ok("GET", f"/jobs{query}")["jobs"][0]["status"] == status


def test_every_success_says_what_was_done_whatever_the_description_calls_it_a31(door):
    job = door.job("t", "u")
    assert door.ok("PUT", f"/jobs/{job}/cancel") == {"canceled": True}
    assert set(door.ok("GET", f"/jobs/{job}/document")) == {"document"}


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/html",
        "nonsense",
        "a/b/c;;=",
    ],
)
def test_a_body_that_parses_is_taken_whatever_it_calls_itself_a33(door, kind):
    """What curl -d sends without a header; a web page that does the same is known by its Origin."""
    raw = json.dumps(NEW).encode()
    assert door("POST", "/jobs", raw=raw, headers={"Content-Type": kind}).status == 200
    assert door("POST", "/jobs", raw=b"targets=t", headers={"Content-Type": kind}).status == 422


def test_there_is_no_authentication_until_a_key_is_set_a37(tmp_path):
    with opened(tmp_path / "open") as door:
        assert door("GET", "/jobs").status == 200
    with opened(tmp_path / "keyed", api_key="k" * 32) as door:
        assert door("GET", "/jobs").status == 401
        assert door("GET", "/jobs", headers={"Authorization": f"Bearer {'k' * 32}"}).status == 200


def test_put_at_the_root_updates_and_never_creates_v35(door):
    assert door("PUT", "/jobs/x", {"description": "d"}).status == 404
    assert door.ok("GET", "/jobs")["jobs"] == []
    door.job("t", jobId="x")
    assert door.ok("PUT", "/jobs/x", {"description": "d"}) == {"updated": True}
    assert door("PUT", "/jobs/x", NEW).status == 422


@pytest.mark.parametrize("colon", [":", "%3A", "%3a"])
def test_a_thing_with_a_colon_works_on_every_path_v40(door, colon):
    thing, group = f"a{colon}b", f"g{colon}h"
    door.ok("POST", "/thing-groups", {"thingGroupName": "g:h"})
    door.ok("POST", "/things", {"thingName": "a:b"})
    for number, target in enumerate(("a:b", "thing/a:b", f"{ARN}:thing/a:b")):
        door.job(target, jobId=f"j{number}")
    assert door.ok("PUT", f"/thing-groups/{group}/things", {"things": ["a:b"]})["added"] == 1
    assert door.ok("GET", f"/thing-groups/{group}/things")["things"] == ["a:b"]
    assert door.ok("GET", f"/things/{thing}")["thing"]["thingName"] == "a:b"
    assert door.ok("GET", f"/things/{thing}/thing-groups")["thingGroups"] == ["g:h"]
    assert door.ok("PUT", f"/things/{thing}", {"timeZone": "UTC"})
    assert door.ok("POST", f"/things/{thing}/tokens")["thingName"] == "a:b"
    assert door.ok("DELETE", f"/things/{thing}/tokens")["revoked"] == 1
    for kind in ("jobs-executions", "job-executions"):
        assert len(door.ok("GET", f"/{kind}/things/{thing}")["jobExecution"]) == 3
    assert door.ok("GET", f"/jobs/j0/things/{thing}")["execution"]["thingArn"] == f"{ARN}:thing/a:b"
    assert door.ok("PUT", f"/jobs/j0/things/{thing}/cancel")
    assert door.ok("DELETE", f"/jobs/j1/things/{thing}")
    assert door.ok("DELETE", f"/things/{thing}")
    assert door("GET", f"/things/{thing}").status == 404


def test_a_canceled_job_may_be_canceled_again_by_force_only_while_somebody_works_on_it_a23(door):
    job = door.job("t", "u")
    door.device("t", Operation.START_NEXT)
    door.ok("PUT", f"/jobs/{job}/cancel")
    assert door("PUT", f"/jobs/{job}/cancel").status == 409
    assert door.ok("PUT", f"/jobs/{job}/cancel", {"force": True}) == {"canceled": True}
    assert door("PUT", f"/jobs/{job}/cancel", {"force": True}).status == 409
    reply = door.device("t", Operation.UPDATE, job, status=Status.SUCCEEDED)
    assert isinstance(reply, InvalidStateTransition)
