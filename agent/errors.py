"""What can go wrong on the devices' side of the wire, and what handlers raise to end a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.execution import ExecutionState, Status


class AgentError(Exception):
    """Any error raised on purpose in this package."""


class LinkDown(AgentError):
    """There is no connection, or it ended before the broker took the message."""


class LinkRefused(LinkDown):
    """The broker answered and said no: wrong token, wrong name, a subscription not granted."""


class NoReply(AgentError):
    """The server stayed silent over all attempts; whether the request was applied is not known."""


class BadReply(AgentError):
    """A message of the server that does not follow the contract."""


class JournalDamaged(AgentError):
    """The journal on disk cannot be understood; the next save keeps it aside under another name."""


class JournalUnreadable(AgentError):
    """The disk does not give the journal; what it says is not known, so nothing may be done until it does."""


class JournalHeld(AgentError):
    """Another process works with this journal: two agents of one thing would run its jobs twice."""


class JournalUnwritable(AgentError):
    """The disk does not take the journal; work waits until it does."""


class Rejected(AgentError):
    """The server said no. ``state`` is the execution as it stands, where the server tells."""

    def __init__(self, code: str, message: str, state: ExecutionState | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.state = state


class RequestInvalid(Rejected):
    """The request itself is at fault; sending it again does not help."""


class NotFound(Rejected):
    """No such job or execution for this thing: it never was, or an operator deleted it."""


class VersionMismatch(Rejected):
    """Somebody changed the execution since ``expected_version``."""


class InvalidStateTransition(Rejected):
    """The execution has ended already, or may not become what was asked."""


class TerminalStateReached(Rejected):
    """The execution asked about has ended."""


class Busy(Rejected):
    """The server asks for patience; the same request may be sent again."""


_BY_CODE: Final[Mapping[str, type[Rejected]]] = {
    "InvalidTopic": RequestInvalid,
    "InvalidJson": RequestInvalid,
    "InvalidRequest": RequestInvalid,
    "ResourceNotFound": NotFound,
    "VersionMismatch": VersionMismatch,
    "InvalidStateTransition": InvalidStateTransition,
    "TerminalStateReached": TerminalStateReached,
    "RequestThrottled": Busy,
    "InternalError": Busy,
}

#: The execution is no longer this thing's to work on.
GONE: Final = (NotFound, InvalidStateTransition, TerminalStateReached)


def rejected(code: str, message: str, state: ExecutionState | None = None) -> Rejected:
    """Return the error class that stands for ``code``; a code from the future is a plain ``Rejected``."""
    return _BY_CODE.get(code, Rejected)(code, message, state)


class JobEnded(AgentError):
    """Raised by a handler to end its job on purpose; ``details`` go to the operator."""

    def __init__(self, reason: str, **details: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.details = details


class JobFailed(JobEnded):
    """The work was tried and did not succeed: FAILED."""


class JobRejected(JobEnded):
    """The work will not be tried here: REJECTED, which the server never retries."""


class ExecutionGone(AgentError):
    """The execution ended without us: canceled, timed out, deleted; ``status`` where the server tells."""

    def __init__(self, status: Status | None) -> None:
        super().__init__(f"the execution is {status or 'no longer pending'}")
        self.status = status


def sole_cause(group: ExceptionGroup[Exception]) -> LinkDown | None:
    """Return what tasks gave up for, None if a group holds anything else as well."""
    given_up, bugs = group.split(LinkDown)
    if given_up is None or bugs is not None:
        return None
    first = given_up.exceptions[0]
    return first if isinstance(first, LinkDown) else None
