"""Lifecycle events switched over REST: off at first, each kind alone, and the same for every dialect."""

import pytest

from domain.event_kinds import EventKind
from storage import event_configurations

PATH = "/event-configurations"


def switches(answer):
    return answer["job"], answer["jobExecution"]


def test_all_is_off_until_somebody_says_otherwise(door):
    assert door.ok("GET", PATH) == {
        "job": False,
        "jobExecution": False,
        "createdAt": None,
        "lastModifiedAt": None,
    }


def test_each_kind_is_switched_alone_and_what_is_left_out_stays(door):
    assert switches(door.ok("PUT", PATH, {"job": True})) == (True, False)
    assert switches(door.ok("PUT", PATH, {"jobExecution": True})) == (True, True)
    assert switches(door.ok("PUT", PATH, {"job": False, "jobExecution": None})) == (False, True)
    found = door.ok("GET", PATH)
    assert switches(found) == (False, True)
    assert None not in (found["createdAt"], found["lastModifiedAt"])


def test_it_is_what_the_publisher_reads(door):
    door.ok("PUT", PATH, {"job": False, "jobExecution": True})
    assert door.run(door.store.read(event_configurations.enabled)) == {EventKind.JOB_EXECUTION}


@pytest.mark.parametrize("body", [{"thing": True}, {"job": "yes"}, {"job": 1}, [True]])
def test_what_cannot_be_switched_is_refused_by_name(door, body):
    reply = door("PUT", PATH, body)
    assert reply.status == 422
    if isinstance(body, dict):
        assert next(iter(body)) in reply.body["error"]
