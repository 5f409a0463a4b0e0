"""Creating is retry-safe: by id or by client token, one after the other or all at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sites import BOTH

DIALECTS = BOTH

NEW = {"targets": ["t1", "t2"], "targetSelection": "SNAPSHOT", "document": '{"operation":"echo"}'}


def at_once(door, bodies):
    with ThreadPoolExecutor(len(bodies)) as callers:
        return list(callers.map(lambda body: door("POST", "/jobs", body), bodies))


def test_create_job_again_with_the_same_id_and_body_answers_the_same(door):
    first = door.ok("POST", "/jobs", {**NEW, "jobId": "one"})
    assert door.ok("POST", "/jobs", {**NEW, "jobId": "one"}) == first
    assert len(door.ok("GET", "/jobs")["jobs"]) == 1


def test_create_job_again_with_the_same_id_and_another_body_is_409(door):
    door.ok("POST", "/jobs", {**NEW, "jobId": "one"})
    reply = door("POST", "/jobs", {**NEW, "jobId": "one", "description": "other"})
    assert reply.status == 409
    assert "one" in reply.error


@pytest.mark.parametrize(
    "other",
    [
        {"targets": ["t1"]},
        {"targets": ["t2", "t1"]},
        {"targetSelection": "CONTINUOUS"},
        {"document": "{}"},
        {"description": ""},
        {"timeoutConfig": {"inProgressTimeoutInMinutes": 1}},
        {"clientToken": "other"},
    ],
)
def test_whatever_differs_makes_it_another_body(door, other):
    door.ok("POST", "/jobs", {**NEW, "jobId": "one"})
    assert door("POST", "/jobs", {**NEW, "jobId": "one", **other}).status == 409


def test_the_same_content_said_otherwise_is_the_same_body(door):
    first = door.ok("POST", "/jobs", {**NEW, "jobId": "one"})
    again = {"jobId": "one", "document": {"operation": "echo"}, "description": None, "timeoutConfig": {}}
    assert door.ok("POST", "/jobs", {**NEW, **again}) == first


def test_create_job_with_a_client_token_is_retry_safe(door):
    first = door.ok("POST", "/jobs", {**NEW, "clientToken": "try-1"})
    assert door.ok("POST", "/jobs", {**NEW, "clientToken": "try-1"}) == first
    assert door("POST", "/jobs", {**NEW, "clientToken": "try-1", "targets": ["t9"]}).status == 409
    assert len(door.ok("GET", "/jobs")["jobs"]) == 1


def test_a_retry_answers_the_same_when_the_job_has_moved_on(door):
    first = door.ok("POST", "/jobs", {**NEW, "jobId": "one"})
    door.ok("PUT", "/jobs/one", {"description": "changed since"})
    door.ok("PUT", "/jobs/one/cancel", {"force": True})
    assert door.ok("POST", "/jobs", {**NEW, "jobId": "one"}) == first
    assert door.ok("GET", "/jobs/one")["job"]["status"] == "CANCELED"


def test_an_id_is_free_again_once_its_job_is_deleted(door):
    door.ok("POST", "/jobs", {**NEW, "jobId": "one"})
    door.ok("DELETE", "/jobs/one?force=true")
    door.ok("POST", "/jobs", {**NEW, "jobId": "one", "description": "another"})


@pytest.mark.parametrize("mark", ["jobId", "clientToken"])
def test_identical_calls_at_once_create_one_job(door, mark):
    replies = at_once(door, [{**NEW, mark: "one"}] * 12)
    assert {reply.status for reply in replies} == {200}
    assert len({reply.raw for reply in replies}) == 1
    assert len(door.ok("GET", "/jobs")["jobs"]) == 1
    job = replies[0].body["jobId"]
    assert len(door.ok("GET", f"/jobs-executions/jobs/{job}")["jobExecutions"]) == 2


def test_different_calls_at_once_for_one_id_create_one_job_and_refuse_the_others(door):
    replies = at_once(door, [{**NEW, "jobId": "one", "description": f"number {n}"} for n in range(12)])
    assert sorted(reply.status for reply in replies) == [200] + [409] * 11
    assert len(door.ok("GET", "/jobs")["jobs"]) == 1


def test_identical_registrations_at_once_make_one_thing(door):
    with ThreadPoolExecutor(8) as callers:
        made = list(callers.map(lambda _: door.ok("POST", "/things", {"thingName": "t"}), range(8)))
    assert len({entry["thingId"] for entry in made}) == 1
