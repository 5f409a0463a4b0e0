"""What lifecycle events say and where they are published (contract 3.6)."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.execution import TERMINAL, Status
from domain.lifecycle import ENDS, ExecutionEvent, JobEvent, JobOperation, payload, topic
from domain.names import Arns, Target
from domain.permissions import may_subscribe
from domain.topics import Topics

AT = datetime(2026, 3, 1, 12, 0, 0, 750_000, tzinfo=UTC)
EARLIER = datetime(2026, 3, 1, 11, 0, 0, 123_000, tzinfo=UTC)
ARNS = Arns("aws-cn", "cn-north-1", "111122223333")
HERE = "arn:aws-cn:iot:cn-north-1:111122223333"

JOB = JobEvent(
    source="note 7",
    at=AT,
    operation=JobOperation.COMPLETED,
    job_id="j",
    target_selection="SNAPSHOT",
    targets=(Target("thing", "lamp:1"), Target("thinggroup", "hall")),
    created_at=EARLIER,
    last_updated_at=AT,
    completed_at=AT,
    description="new firmware",
    comment="at last",
    counts={Status.SUCCEEDED: 4, Status.FAILED: 2, Status.TIMED_OUT: 1},
)
EXECUTION = ExecutionEvent(
    source="transition 9",
    at=AT,
    operation="timed_out",
    job_id="j",
    thing_name="lamp:1",
    execution_number=3,
    status_details={"step": "flashing"},
)


def said(event):
    return json.loads(payload(ARNS, event))


def test_a_completed_job_says_how_its_things_fared():
    body = said(JOB)
    UUID(body.pop("eventId"))
    assert body == {
        "eventType": "JOB",
        "timestamp": 1772366400,
        "operation": "completed",
        "jobId": "j",
        "status": "COMPLETED",
        "targetSelection": "SNAPSHOT",
        "targets": [f"{HERE}:thing/lamp:1", f"{HERE}:thinggroup/hall"],
        "description": "new firmware",
        "comment": "at last",
        "createdAt": 1772362800123,
        "lastUpdatedAt": 1772366400750,
        "completedAt": 1772366400750,
        "jobProcessDetails": {
            "numberOfCanceledThings": 0,
            "numberOfRejectedThings": 0,
            "numberOfFailedThings": 2,
            "numberOfRemovedThings": 0,
            "numberOfSucceededThings": 4,
            "numberOfTimedOutThings": 1,
        },
    }


@pytest.mark.parametrize("operation", [each for each in JobOperation if each is not JobOperation.COMPLETED])
def test_every_other_event_of_a_job_says_its_status_and_no_end(operation):
    body = said(replace(JOB, operation=operation, comment=None))
    assert (body["operation"], body["status"]) == (operation.value, operation.value.upper())
    assert not {"completedAt", "jobProcessDetails", "comment"} & set(body)


def test_an_execution_says_its_thing_and_its_details():
    body = said(EXECUTION)
    UUID(body.pop("eventId"))
    assert body == {
        "eventType": "JOB_EXECUTION",
        "timestamp": 1772366400,
        "operation": "timed_out",
        "jobId": "j",
        "thingArn": f"{HERE}:thing/lamp:1",
        "status": "TIMED_OUT",
        "statusDetails": {"step": "flashing"},
        "executionNumber": 3,
    }


@pytest.mark.parametrize("event", [JOB, EXECUTION])
def test_what_is_published_again_is_the_same_and_another_event_has_another_id(event):
    assert payload(ARNS, event) == payload(ARNS, replace(event))
    others = [
        replace(event, source="note 8"),
        replace(event, at=EARLIER),
        replace(event, job_id="k"),
        replace(event, operation=JobOperation.DELETED if event is JOB else "deleted"),
    ]
    assert len({said(each)["eventId"] for each in (event, *others)}) == 5


def test_every_end_has_its_topic():
    found = {topic(Topics(), replace(EXECUTION, operation=word)) for word in (*ENDS.values(), "deleted")}
    assert found == {
        f"$aws/events/jobExecution/j/{word}"
        for word in ("succeeded", "failed", "rejected", "canceled", "timed_out", "removed", "deleted")
    }
    assert set(ENDS) == TERMINAL
    assert {topic(Topics(), replace(JOB, operation=each)) for each in JobOperation} == {
        f"$aws/events/job/j/{word}"
        for word in ("completed", "cancellation_in_progress", "canceled", "deletion_in_progress", "deleted")
    }


@pytest.mark.parametrize(
    ("root", "events"),
    [("$aws/things", "$aws/events"), ("acme/fleet/things", "acme/fleet/events"), ("things", "events")],
)
def test_events_stand_beside_things(root, events):
    assert Topics(root).events == events


@pytest.mark.parametrize("root", ["$aws/things", "acme/things", "things"])
@pytest.mark.parametrize("thing", ["events", "job", "jobExecution", "lamp"])
def test_no_thing_may_hear_events(root, thing):
    topics = Topics(root)
    for rest in ("#", "job/#", "job/+/completed", "jobExecution/j/succeeded", "job/jobs/deleted"):
        assert not may_subscribe(topics, thing, f"{topics.events}/{rest}")
