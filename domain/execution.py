"""The life of one job execution: which status may follow which, and who may say so (contract 2.2, 2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from domain.errors import InvalidStateTransition, VersionMismatch


class Status(StrEnum):
    """The eight words of the contract."""

    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    REJECTED = "REJECTED"
    REMOVED = "REMOVED"
    CANCELED = "CANCELED"


class Cause(StrEnum):
    """Why an execution changes. Only ``DEVICE`` comes over MQTT."""

    DEVICE = "DEVICE"
    CANCEL = "CANCEL"
    FORCED_CANCEL = "FORCED_CANCEL"
    REMOVAL = "REMOVAL"
    TIMEOUT = "TIMEOUT"
    #: Its document cannot be filled in for its thing.
    UNDELIVERABLE = "UNDELIVERABLE"


class Rule(NamedTuple):
    """From any of ``sources`` to any of ``targets``."""

    sources: frozenset[Status]
    targets: frozenset[Status]


PENDING: Final = frozenset({Status.QUEUED, Status.IN_PROGRESS})
TERMINAL: Final = frozenset(Status) - PENDING
REPORTED: Final = frozenset({Status.IN_PROGRESS, Status.SUCCEEDED, Status.FAILED, Status.REJECTED})

#: The whole state machine: a step that no row allows does not happen.
RULES: Final[Mapping[Cause, Rule]] = {
    Cause.DEVICE: Rule(PENDING, REPORTED),
    Cause.CANCEL: Rule(frozenset({Status.QUEUED}), frozenset({Status.CANCELED})),
    Cause.FORCED_CANCEL: Rule(PENDING, frozenset({Status.CANCELED})),
    Cause.REMOVAL: Rule(PENDING, frozenset({Status.REMOVED})),
    # While QUEUED, only by a timer that the contract does not know.
    Cause.TIMEOUT: Rule(PENDING, frozenset({Status.TIMED_OUT})),
    Cause.UNDELIVERABLE: Rule(PENDING, frozenset({Status.REJECTED})),
}


class ExecutionState(NamedTuple):
    """The part of an execution that replies to a device may carry."""

    status: Status
    status_details: Mapping[str, str]
    version_number: int


_NO_DETAILS: Final[Mapping[str, str]] = MappingProxyType({})


class Execution(NamedTuple):
    """One job on one thing, as it stands at ``version_number``."""

    job_id: str
    thing_name: str
    status: Status
    queued_at: datetime
    last_updated_at: datetime
    started_at: datetime | None = None
    execution_number: int = 1
    version_number: int = 1
    status_details: Mapping[str, str] = _NO_DETAILS
    queued_deadline_at: datetime | None = None
    in_progress_deadline_at: datetime | None = None
    step_deadline_at: datetime | None = None
    force_canceled: bool = False
    attempt: int = 0

    @property
    def state(self) -> ExecutionState:
        return ExecutionState(self.status, self.status_details, self.version_number)

    @property
    def deadline_at(self) -> datetime | None:
        """When this execution times out, None if no timer runs.

        While QUEUED by a timer of its own; once IN_PROGRESS by the earlier of the two others.
        """
        if self.status is Status.QUEUED:
            return self.queued_deadline_at
        one, other = self.in_progress_deadline_at, self.step_deadline_at
        if one is None or other is None:
            return one or other
        return min(one, other)

    def expect(self, version: int | None) -> None:
        """Raise ``VersionMismatch`` unless ``version`` is None or the current one."""
        if version is not None and version != self.version_number:
            raise VersionMismatch(version, self.state)

    def advance(
        self,
        to: Status,
        *,
        cause: Cause,
        at: datetime,
        status_details: Mapping[str, str] | None = None,
        expected_version: int | None = None,
    ) -> Execution:
        """Return the next version; ``status_details`` replaces the old map, None keeps it.

        Raises ``VersionMismatch`` first, then ``InvalidStateTransition``. Time never runs backwards:
        ``last_updated_at`` is the later of ``at`` and the old one. Timers end with the execution.
        """
        self.expect(expected_version)
        rule = RULES[cause]
        if self.status not in rule.sources or to not in rule.targets:
            raise InvalidStateTransition(
                f"An execution that is {self.status} cannot become {to} by {cause}", self.state
            )
        at = max(at, self.last_updated_at)
        ended = to in TERMINAL
        # By place: every update makes one of these, and names cost it thrice as much.
        return Execution(
            self.job_id,
            self.thing_name,
            to,
            self.queued_at,
            at,
            self.started_at or (at if cause is Cause.DEVICE else None),
            self.execution_number,
            self.version_number + 1,
            self.status_details if status_details is None else dict(status_details),
            None,
            None if ended else self.in_progress_deadline_at,
            None if ended else self.step_deadline_at,
            self.force_canceled or cause is Cause.FORCED_CANCEL,
            self.attempt,
        )
