"""The three lists with boto3 and its paginators: order, filters, pages (contract 4.1, 4.2)."""

import json

import pytest
from asking import body, refused
from aws_fleet import Fleet
from aws_site import arn, opened_site
from sites import BOTH

DIALECTS = BOTH

ORDER = ["IN_PROGRESS", "SCHEDULED", "COMPLETED", "CANCELED", "DELETION_IN_PROGRESS"]
LATER = {"schedulingConfig": {"startTime": "2024-06-10 08:00"}}
RETRY = {"jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 2}]}}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Give a server with jobs in all statuses that two things and two groups have, made in turns."""
    with opened_site(tmp_path_factory.mktemp("listing") / "data") as site:
        fleet = Fleet(site)
        a, b = fleet.things("a", "b")
        groups = [fleet.group("g"), fleet.group("h")]
        for number in range(3):
            fleet.job(f"open{number}", a, b, groups[0], targetSelection="CONTINUOUS", namespaceId="edge")
            done = fleet.job(f"done{number}", a)
            fleet.report(done, "a", "SUCCEEDED")
            fleet.job(f"later{number}", a, **LATER)
            gone = fleet.job(f"gone{number}", b, groups[1])
            fleet.iot.cancel_job(jobId=gone)
            paused = fleet.job(f"paused{number}", b, groups[0], groups[1])
            site.door.ok("POST", f"/jobs/{paused}/pause", {})
            site.door.later(seconds=1)
        yield fleet


def ids(answer):
    return [job["jobId"].rpartition("-")[0] for job in answer["jobs"]]


def test_jobs_come_by_status_and_the_newest_first(many):
    found = many.iot.list_jobs()
    statuses = [job["status"] for job in found["jobs"]]
    assert statuses == sorted(statuses, key=ORDER.index)
    assert ids(found) == [
        *("paused2", "open2", "paused1", "open1", "paused0", "open0"),
        *("later2", "later1", "later0"),
        *("done2", "done1", "done0"),
        *("gone2", "gone1", "gone0"),
    ]
    assert "nextToken" not in found


def test_a_summary_says_what_aws_says(many):
    status, _, raw = many.site.exchange("GET", "/aws/iot/jobs?status=COMPLETED&maxResults=1")
    (job,) = json.loads(raw)["jobs"]
    made = 1718000002.123
    name = many.name("done2")
    assert (status, job) == (
        200,
        {
            "jobArn": arn(f"job/{name}"),
            "jobId": name,
            "targetSelection": "SNAPSHOT",
            "status": "COMPLETED",
            "createdAt": made,
            "lastUpdatedAt": made,
            "completedAt": made,
            "isConcurrent": False,
        },
    )


def test_the_one_group_of_a_job_is_told(many):
    found = {job["jobId"].rpartition("-")[0]: job.get("thingGroupId") for job in many.iot.list_jobs()["jobs"]}
    described = many.site.door.ok("GET", f"/thing-groups/{many.name('g')}")["thingGroup"]
    assert found["open0"] == described["thingGroupId"]
    assert found["gone0"] not in (None, found["open0"])
    assert (found["done0"], found["paused0"]) == (None, None)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"status": "IN_PROGRESS"}, ["paused2", "open2", "paused1", "open1", "paused0", "open0"]),
        ({"status": "SCHEDULED"}, ["later2", "later1", "later0"]),
        ({"status": "DELETION_IN_PROGRESS"}, []),
        ({"targetSelection": "CONTINUOUS"}, ["open2", "open1", "open0"]),
        ({"status": "COMPLETED", "targetSelection": "CONTINUOUS"}, []),
        ({"namespaceId": "edge"}, ["open2", "open1", "open0"]),
        ({"namespaceId": "other"}, []),
        ({"thingGroupName": "h"}, ["paused2", "paused1", "paused0", "gone2", "gone1", "gone0"]),
        ({"thingGroupName": "h", "status": "CANCELED"}, ["gone2", "gone1", "gone0"]),
    ],
    ids=str,
)
def test_filters_hold_together(many, asked, expected):
    group = asked.get("thingGroupName")
    said = asked if group is None else {**asked, "thingGroupName": many.name(group)}
    assert ids(many.iot.list_jobs(**said)) == expected
    paged = many.iot.get_paginator("list_jobs").paginate(**said, PaginationConfig={"PageSize": 2})
    assert [name for page in paged for name in ids(page)] == expected


def test_a_group_may_be_named_by_its_id_and_by_both_if_they_agree(many):
    one, other = (
        many.site.door.ok("GET", f"/thing-groups/{many.name(word)}")["thingGroup"]["thingGroupId"]
        for word in "gh"
    )
    by_id = ids(many.iot.list_jobs(thingGroupId=one))
    assert by_id == ids(many.iot.list_jobs(thingGroupName=many.name("g"), thingGroupId=one))
    assert by_id == ids(many.iot.list_jobs(thingGroupName=arn(f"thinggroup/{many.name('g')}")))
    code, status, message = refused(many.iot.list_jobs, thingGroupName=many.name("g"), thingGroupId=other)
    assert (code, status) == ("InvalidRequestException", 400)
    assert other in message
    for said in ({"thingGroupName": "nobody"}, {"thingGroupId": "nobody"}):
        assert refused(many.iot.list_jobs, **said)[:2] == ("ResourceNotFoundException", 404)


# --- executions ---


def test_the_executions_of_a_job_come_oldest_first(many):
    job = many.name("open1")
    pages = list(
        many.iot.get_paginator("list_job_executions_for_job").paginate(
            jobId=job, PaginationConfig={"PageSize": 1}
        )
    )
    assert [len(page["executionSummaries"]) for page in pages] == [1, 1]
    things = [entry["thingArn"] for page in pages for entry in page["executionSummaries"]]
    assert things == [arn(f"thing/{many.name('a')}"), arn(f"thing/{many.name('b')}")]
    assert many.iot.list_job_executions_for_job(jobId=job, status="FAILED")["executionSummaries"] == []


def test_the_executions_on_a_thing_come_newest_first(many):
    thing = many.name("a")
    paginator = many.iot.get_paginator("list_job_executions_for_thing")
    pages = list(paginator.paginate(thingName=thing, PaginationConfig={"PageSize": 4}))
    assert [len(page["executionSummaries"]) for page in pages] == [4, 2]
    found = [entry["jobId"].rpartition("-")[0] for page in pages for entry in page["executionSummaries"]]
    assert found == ["done2", "open2", "done1", "open1", "done0", "open0"]
    for asked, expected in (
        ({"status": "SUCCEEDED"}, ["done2", "done1", "done0"]),
        ({"namespaceId": "edge"}, ["open2", "open1", "open0"]),
        ({"jobId": many.name("done1")}, ["done1"]),
        ({"jobId": many.name("done1"), "namespaceId": "edge"}, []),
    ):
        pages = paginator.paginate(thingName=thing, **asked, PaginationConfig={"PageSize": 2})
        listed = [entry["jobId"].rpartition("-")[0] for page in pages for entry in page["executionSummaries"]]
        assert listed == expected


def test_every_attempt_is_listed_and_numbered_if_there_are_retries(many):
    job = many.job("tries", arn(f"thing/{many.name('b')}"), **RETRY)
    for _ in range(2):
        many.report(job, "b", "FAILED")
        many.tick()
    expected = [(1, 0, "FAILED"), (2, 1, "FAILED"), (3, 2, "QUEUED")]
    of_job = many.iot.list_job_executions_for_job(jobId=job)["executionSummaries"]
    on_thing = many.iot.list_job_executions_for_thing(thingName=many.name("b"), jobId=job)
    for entries in (of_job, on_thing["executionSummaries"][::-1]):
        found = [entry["jobExecutionSummary"] for entry in entries]
        assert [(e["executionNumber"], e["retryAttempt"], e["status"]) for e in found] == expected
    plain = many.iot.list_job_executions_for_job(jobId=many.name("open0"))["executionSummaries"]
    assert all("retryAttempt" not in entry["jobExecutionSummary"] for entry in plain)
    many.iot.delete_job(jobId=job, force=True)


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("list_jobs", {}),
        ("list_job_executions_for_job", {"jobId": "open0"}),
        ("list_job_executions_for_thing", {"thingName": "a"}),
    ],
)
def test_pages_have_their_limits_and_tokens_their_lists(many, operation, said):
    asked = {name: many.name(value) for name, value in said.items()}
    call = getattr(many.iot, operation)
    for bad in ({"maxResults": 251}, {"nextToken": "nothing"}, {"status": "NONE"}):
        code, status, message = refused(call, **asked, **bad)
        assert (code, status) == ("InvalidRequestException", 400)
        assert next(iter(bad)) in message
    first = call(**asked, maxResults=1)
    assert body(call(**asked, maxResults=1, nextToken=first["nextToken"]))
    code, _, _ = refused(call, **asked, status="CANCELED", nextToken=first["nextToken"])
    assert code == "InvalidRequestException"


def test_lists_of_what_is_not_there(many):
    for call, said in (
        (many.iot.list_job_executions_for_job, {"jobId": "nobody"}),
        (many.iot.list_job_executions_for_thing, {"thingName": "nobody"}),
        (many.iot.list_job_executions_for_thing, {"thingName": many.name("a"), "jobId": "nobody"}),
    ):
        assert refused(call, **said)[:2] == ("ResourceNotFoundException", 404)
