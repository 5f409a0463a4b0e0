"""Lifecycle events of jobs and executions, for those who watch: what each says and where (contract 3.6).

Nothing in one depends on when it is published: a second publication is the first one, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid5

from pydantic_core import to_json

from domain.event_kinds import EventKind
from domain.execution import TERMINAL, Status
from domain.names import Arns, Target
from domain.topics import Topics


class JobOperation(StrEnum):
    """What happens to a job."""

    COMPLETED = "completed"
    CANCELLATION_IN_PROGRESS = "cancellation_in_progress"
    CANCELED = "canceled"
    DELETION_IN_PROGRESS = "deletion_in_progress"
    DELETED = "deleted"


#: What happens to an execution besides that it ends.
DELETED: Final = "deleted"
#: How an execution's end is called in topics.
ENDS: Final[Mapping[Status, str]] = {status: status.value.lower() for status in TERMINAL}
#: As many targets of a job are named.
MOST_TARGETS: Final = 100

#: Of our making; together with what names one event it makes its id.
_NAMESPACE: Final = UUID("2d60aec8-5ea7-4af6-99d6-3fd1b79d8fc2")
_COUNTED: Final = {
    "numberOfCanceledThings": Status.CANCELED,
    "numberOfRejectedThings": Status.REJECTED,
    "numberOfFailedThings": Status.FAILED,
    "numberOfRemovedThings": Status.REMOVED,
    "numberOfSucceededThings": Status.SUCCEEDED,
    "numberOfTimedOutThings": Status.TIMED_OUT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Something happened to a job; all else is what the job was like right then.

    ``source`` tells the record of the event from every other in this store, and stays with it.
    """

    source: str
    at: datetime
    operation: JobOperation
    job_id: str
    target_selection: str
    targets: tuple[Target, ...]
    created_at: datetime
    last_updated_at: datetime
    completed_at: datetime | None = None
    description: str | None = None
    comment: str | None = None
    counts: Mapping[Status, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionEvent:
    """An execution has ended or was deleted; ``source`` as in ``JobEvent``."""

    source: str
    at: datetime
    operation: str
    job_id: str
    thing_name: str
    execution_number: int
    status_details: Mapping[str, str]


LifecycleEvent = JobEvent | ExecutionEvent


def topic(topics: Topics, event: LifecycleEvent) -> str:
    """Return where an event is published."""
    what = "job" if isinstance(event, JobEvent) else "jobExecution"
    return f"{topics.events}/{what}/{event.job_id}/{event.operation}"


def payload(arns: Arns, event: LifecycleEvent) -> bytes:
    """Return what is published: ``timestamp`` in seconds, a job's own times in milliseconds."""
    said = _job(arns, event) if isinstance(event, JobEvent) else _execution(arns, event)
    return to_json({name: value for name, value in said.items() if value is not None})


def _job(arns: Arns, event: JobEvent) -> dict[str, Any]:
    said = {
        **_head(EventKind.JOB, event),
        "jobId": event.job_id,
        "status": event.operation.value.upper(),
        "targetSelection": event.target_selection,
        "targets": [
            arns.group(target.name) if target.kind == "thinggroup" else arns.thing(target.name)
            for target in event.targets
        ],
        "description": event.description,
        "comment": event.comment,
        "createdAt": _millis(event.created_at),
        "lastUpdatedAt": _millis(event.last_updated_at),
    }
    if event.operation is JobOperation.COMPLETED:
        said["completedAt"] = _millis(event.completed_at or event.at)
        said["jobProcessDetails"] = {name: event.counts.get(status, 0) for name, status in _COUNTED.items()}
    return said


def _execution(arns: Arns, event: ExecutionEvent) -> dict[str, Any]:
    return {
        **_head(EventKind.JOB_EXECUTION, event),
        "jobId": event.job_id,
        "thingArn": arns.thing(event.thing_name),
        "status": event.operation.upper(),
        "statusDetails": dict(event.status_details),
        "executionNumber": event.execution_number,
    }


def _head(kind: EventKind, event: LifecycleEvent) -> dict[str, Any]:
    # The moment is in it because another store may have a record of the same number, of the same job's name.
    named = "\n".join((kind, event.source, event.job_id, event.operation, str(_millis(event.at))))
    return {
        "eventType": kind.value,
        "eventId": str(uuid5(_NAMESPACE, named)),
        "timestamp": int(event.at.timestamp()),
        "operation": str(event.operation),
    }


def _millis(at: datetime) -> int:
    return round(at.timestamp() * 1000)
