"""Every error raised on purpose; ``code`` is the word a device reads (aws-iot-jobs contract, section 3.4).

HTTP statuses are not here: each dialect has one table of its own at its border.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from domain.execution import ExecutionState


class JobsError(Exception):
    """An error with a message that is safe to show to the caller; it names the field and the value."""

    code: ClassVar[str] = "InternalError"


class Unavailable(JobsError):
    """The store or broker cannot serve right now; the same call may be tried again."""


class InvalidRequest(JobsError):
    """A member has the wrong type, is out of range, or is missing."""

    code = "InvalidRequest"


class InvalidJson(InvalidRequest):
    """The payload is not a UTF-8 JSON object."""

    code = "InvalidJson"


class InvalidTopic(InvalidRequest):
    """A topic below a thing's jobs that names no operation."""

    code = "InvalidTopic"


class InvalidQuery(InvalidRequest):
    """A query over things cannot be read; says where."""


class MissingParameter(InvalidRequest):
    """A document names a parameter (``name``) that has neither value nor default."""

    def __init__(self, name: str) -> None:
        super().__init__(f"parameters.{name} is required, and has no default")
        self.name = name


class UnknownTarget(InvalidRequest):
    """A target of a job names a group, or (under strict registration) a thing, that is not registered."""


class Undeliverable(InvalidRequest):
    """A job document cannot be filled in for a thing: a value is missing, or it would be too large."""


class BadCertificate(InvalidRequest):
    """A certificate cannot be read, or cannot be what it is to be here."""


class MalformedPolicy(InvalidRequest):
    """A policy document is none."""


class NotFound(JobsError):
    """The noun named in the message does not exist (for this caller)."""

    code = "ResourceNotFound"


class Conflict(JobsError):
    """The call is well formed but the state of its subject forbids it."""

    code = "InvalidRequest"


class AlreadyExists(Conflict):
    """The id is taken by something different."""


class StillAttached(Conflict):
    """What is to be deleted is still in use by something else."""


class WrongCertificateState(Conflict):
    """The status of a certificate forbids it."""


class WrongJobState(Conflict):
    """The job's status or kind forbids the verb (cancel a completed job, associate on SNAPSHOT)."""


class NeedsForce(WrongJobState):
    """The job is not over; the verb takes it only with force."""


class Departing(Conflict):
    """It is being deleted: nobody finds it any more, but its name is not free yet."""


class VersionMismatch(Conflict):
    """The caller's expected version is not the current one; carries the current state."""

    code = "VersionMismatch"

    def __init__(self, expected: int, current: ExecutionState) -> None:
        super().__init__(f"Expected version {expected} but found version {current.version_number}")
        self.expected = expected
        self.current = current


class ThingVersionMismatch(Conflict):
    """The expected version of a thing or group is not the current one."""

    code = "VersionMismatch"


class LimitExceeded(Conflict):
    """There are as many of something as there may be (contract 2.15)."""


class VersionsLimit(LimitExceeded):
    """A policy has as many versions as it may have."""


class InvalidStateTransition(Conflict):
    """The state machine has no row for this step; carries the current state."""

    code = "InvalidStateTransition"

    def __init__(self, message: str, current: ExecutionState | None = None) -> None:
        super().__init__(message)
        self.current = current


class TerminalStateReached(Conflict):
    """A device asked for an execution that has already ended."""

    code = "TerminalStateReached"


class Throttled(JobsError):
    """A limit on rate or on queued work is reached."""

    code = "RequestThrottled"
