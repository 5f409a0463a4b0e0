"""A job: what it is, what states it has, when it is complete (contract 1.4, 2.1, 2.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from domain.details import first_control
from domain.errors import InvalidRequest, NeedsForce, WrongJobState
from domain.execution import PENDING, Status
from domain.timeout_config import UNLIMITED, TimeoutConfig

if TYPE_CHECKING:
    from domain.pacing import Pacing
    from domain.values import Values

MAX_TEXT: Final = 2028
MAX_TARGETS: Final = 10_000
MAX_REASON: Final = 128
_REASON: Final = re.compile(r"[A-Z0-9_]+")


class JobStatus(StrEnum):
    """Where a job stands. PAUSED and WAITING_FOR_APPROVAL are not AWS's."""

    IN_PROGRESS = "IN_PROGRESS"
    SCHEDULED = "SCHEDULED"
    PAUSED = "PAUSED"
    WAITING_FOR_APPROVAL = "WAITING_FOR_APPROVAL"
    CANCELED = "CANCELED"
    COMPLETED = "COMPLETED"
    DELETION_IN_PROGRESS = "DELETION_IN_PROGRESS"


class TargetSelection(StrEnum):
    """Whether the set of targets is latched at creation or followed."""

    SNAPSHOT = "SNAPSHOT"
    CONTINUOUS = "CONTINUOUS"


#: Work is still being handed out and taken back, or will be again.
OPEN: Final = frozenset(
    {JobStatus.IN_PROGRESS, JobStatus.SCHEDULED, JobStatus.PAUSED, JobStatus.WAITING_FOR_APPROVAL}
)

#: What the contract, which knows five of them, calls each status (2.1).
CONTRACT_STATUS: Final[Mapping[JobStatus, JobStatus]] = {
    **{status: status for status in JobStatus},
    JobStatus.PAUSED: JobStatus.IN_PROGRESS,
    JobStatus.WAITING_FOR_APPROVAL: JobStatus.IN_PROGRESS,
}

Counts = Mapping[Status, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What an operator asks for. ``targets`` are spelled as the caller spelled them."""

    targets: tuple[str, ...]
    target_selection: TargetSelection
    job_id: str | None = None
    document: str | None = None
    template_id: str | None = None
    #: None: the newest.
    template_version: int | None = None
    description: str | None = None
    #: None: the template's.
    timeout_config: TimeoutConfig | None = None
    pacing: Pacing | None = None
    excluded_targets: tuple[str, ...] = ()
    priority: int | None = None
    exclusive_group: str | None = None
    client_token: str | None = None
    #: What the document's placeholders stand for: the same for all things, and by thing.
    parameters: Mapping[str, Any] = field(default_factory=dict)
    values: Values = field(default_factory=dict)
    #: Whose it is, where the document came from, values of a managed template's parameters: see the contract.
    namespace_id: str | None = None
    document_source: str | None = None
    document_parameters: Mapping[str, str] = field(default_factory=dict)
    #: None: the template's.
    package_versions: tuple[str, ...] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it is stored, with how many of its executions stand where."""

    job_id: str
    targets: tuple[str, ...]
    target_selection: TargetSelection
    status: JobStatus
    created_at: datetime
    last_updated_at: datetime
    counts: Counts
    description: str | None = None
    completed_at: datetime | None = None
    comment: str | None = None
    reason_code: str | None = None
    force_canceled: bool = False
    template_id: str | None = None
    template_version: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    timeout_config: TimeoutConfig = UNLIMITED
    pacing: Pacing | None = None
    excluded_targets: tuple[str, ...] = ()
    priority: int = 0
    exclusive_group: str | None = None
    is_concurrent: bool = False
    namespace_id: str | None = None
    document_source: str | None = None
    document_parameters: Mapping[str, str] = field(default_factory=dict)
    package_versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A kept document with its configuration, to make jobs from. A version of it never changes."""

    template_id: str
    document: str
    description: str
    created_at: datetime
    version: int = 1
    #: JSON Schema of what its document's placeholders stand for.
    parameters: Mapping[str, Any] = field(default_factory=dict)
    timeout_config: TimeoutConfig = UNLIMITED
    pacing: Pacing | None = None
    priority: int = 0
    exclusive_group: str | None = None
    #: Where its document was fetched from, once.
    document_source: str | None = None
    package_versions: tuple[str, ...] = ()


def text(field_name: str, value: object) -> str:
    """Return a description or comment, or raise ``InvalidRequest`` (contract 1.1: no control characters)."""
    if not isinstance(value, str):
        raise InvalidRequest(f"{field_name} must be a string, not {type(value).__name__}")
    if len(value) > MAX_TEXT:
        raise InvalidRequest(f"{field_name} has {len(value)} characters; at most {MAX_TEXT} are allowed")
    bad = first_control(value)
    if bad is not None:
        raise InvalidRequest(f"{field_name} contains the character U+{ord(bad):04X}, which is not allowed")
    return value


def reason_code(value: str) -> str:
    """Return ``value``, or raise ``InvalidRequest`` if it cannot say why a job is canceled."""
    if len(value) > MAX_REASON or not _REASON.fullmatch(value):
        shown = value[:64]
        raise InvalidRequest(
            f"reasonCode {shown!a} is not 1 to {MAX_REASON} upper-case letters, digits and underscores"
        )
    return value


def is_complete(selection: TargetSelection, status: JobStatus, counts: Counts, *, rolled_out: bool) -> bool:
    """Return whether a job ends now: a SNAPSHOT job with everything released and nothing pending.

    CONTINUOUS jobs never end by themselves; canceled and deleted ones stay what they are.
    """
    return (
        selection is TargetSelection.SNAPSHOT
        and status is JobStatus.IN_PROGRESS
        and rolled_out
        and not any(counts.get(pending, 0) for pending in PENDING)
    )


def refuse_cancel(job_id: str, status: JobStatus, counts: Counts, *, force: bool) -> None:
    """Raise ``WrongJobState`` unless the job may be canceled now (contract 2.1).

    A canceled job may be canceled once more only with force, while devices still work on it.
    """
    if status in OPEN:
        return
    if status is JobStatus.CANCELED and force and counts.get(Status.IN_PROGRESS, 0):
        return
    raise WrongJobState(f"Job {job_id} is {status} and cannot be canceled")


#: In which statuses a job can be steered so.
STEERING: Final[Mapping[str, frozenset[JobStatus]]] = {
    "paused": OPEN - {JobStatus.PAUSED},
    "resumed": frozenset({JobStatus.PAUSED}),
    "promoted": OPEN,
    "approved": frozenset({JobStatus.WAITING_FOR_APPROVAL}),
    "aborted": OPEN,
    "retried": OPEN | {JobStatus.COMPLETED},
}


def refuse_steering(job_id: str, status: JobStatus, what: str) -> None:
    """Raise ``WrongJobState`` unless a job in this status can be paused, resumed, … (a word of STEERING)."""
    if status not in STEERING[what]:
        raise WrongJobState(f"Job {job_id} is {status} and cannot be {what}")


def refuse_delete(job_id: str, status: JobStatus, *, force: bool) -> None:
    """Raise ``WrongJobState`` unless the job may be deleted now."""
    if status is JobStatus.DELETION_IN_PROGRESS:
        raise WrongJobState(f"Job {job_id} is already being deleted")
    if status in OPEN and not force:
        raise NeedsForce(f"Job {job_id} is {status}; deleting it needs force")


def refuse_associate(job_id: str, selection: TargetSelection, status: JobStatus) -> None:
    """Raise ``WrongJobState`` unless targets may be added (contract 4.2)."""
    if selection is not TargetSelection.CONTINUOUS:
        raise WrongJobState(
            f"Job {job_id} is a {selection} job; targets can be added to CONTINUOUS jobs only"
        )
    if status not in OPEN - {JobStatus.SCHEDULED}:
        raise WrongJobState(f"Job {job_id} is {status}; targets can be added while IN_PROGRESS only")
