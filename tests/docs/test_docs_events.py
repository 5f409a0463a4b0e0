"""The page on lifecycle events says what the code publishes, keeps and waits for."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker.embedded.limits import Limits
from domain.execution import Status
from domain.lifecycle import ENDS, MOST_TARGETS, ExecutionEvent, JobEvent, JobOperation, payload
from domain.names import Arns, Target

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
AT = datetime(2024, 6, 10, tzinfo=UTC)
EXECUTION = ExecutionEvent(
    source="transition 1",
    at=AT,
    operation="succeeded",
    job_id="patch",
    thing_name="lamp-1",
    execution_number=1,
    status_details={"progress": "100"},
)
JOB = JobEvent(
    source="note 1",
    at=AT,
    operation=JobOperation.COMPLETED,
    job_id="patch",
    target_selection="SNAPSHOT",
    targets=(Target("thing", "lamp-1"),),
    created_at=AT,
    last_updated_at=AT,
    completed_at=AT,
    counts={Status.SUCCEEDED: 1},
)
#: What is another one each time.
FLEETING = {"eventId", "timestamp", "createdAt", "lastUpdatedAt", "completedAt"}


def lasting(body):
    return {name: type(value) if name in FLEETING else value for name, value in body.items()}


def test_every_topic_is_told():
    told = set(re.findall(r"^\| `job/\{jobId\}/(\w+)` \|", PAGE, re.MULTILINE))
    assert told == set(JobOperation)
    (row,) = re.findall(r"^\| `jobExecution/\{jobId\}/(succeeded)` \|.*likewise (.*) \|$", PAGE, re.MULTILINE)
    assert {row[0], *re.findall(r"`(\w+)`", row[1])} == set(ENDS.values())


@pytest.mark.parametrize("event", [EXECUTION, JOB])
def test_the_examples_are_what_is_published(event):
    said = json.loads(payload(Arns(), event))
    shown = [json.loads(body) for body in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]
    (example,) = [body for body in shown if body["eventType"] == said["eventType"]]
    assert lasting(example) == lasting(said)


def test_what_is_said_to_be_left_out_is():
    said = json.loads(payload(Arns(), replace(JOB, operation=JobOperation.DELETED)))
    assert not {"completedAt", "jobProcessDetails", "description", "comment"} & set(said)


def test_the_limits_are_those_in_force():
    limits = Limits()
    assert MOST_TARGETS == 100
    assert "the first hundred are named" in PAGE
    assert limits.listeners_return == 30
    assert "half a minute at most" in PAGE
    assert limits.listener_patience == 5
    assert "five seconds each time" in PAGE
    assert (
        f"{limits.listener_messages:,} events and {limits.listener_bytes // 2**20} MiB wait"
        in PAGE.replace("\n  ", " ")
    )
