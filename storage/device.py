"""What devices ask, answered in batches: the same verb for MQTT and for every other device door.

Requests are answered in the order given, each as if alone; one that is refused never disturbs another. All
changes of a batch are one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection

from domain.errors import JobsError, NotFound, TerminalStateReached
from domain.execution import TERMINAL, Cause, Execution, ExecutionState, Status
from domain.messages import Request
from domain.opening import time_to_work
from domain.pacing import parse
from domain.timeouts import start_timer, step_timer
from domain.topics import NEXT, Operation
from storage import changes, ring
from storage.beside import beside
from storage.desk import Desk, Sheet, lay_out
from storage.policy import LENIENT, Policy
from storage.rows import Stored

#: Each of the two lists of GetPendingJobExecutions ends here (contract 2.12).
LISTED: Final = 15


class Pending(NamedTuple):
    """The answer of GetPendingJobExecutions."""

    executions: tuple[Execution, ...]


class Described(NamedTuple):
    """The answer of start-next and describe; ``execution`` is None when nothing is pending."""

    execution: Execution | None
    document: str | None


class Updated(NamedTuple):
    """The answer of an update; ``answered_at`` is earlier than now if it was given before."""

    state: ExecutionState | None
    document: str | None
    answered_at: datetime


Answer = Pending | Described | Updated | JobsError


@beside
def answer(
    connection: Connection, requests: Sequence[Request], *, policy: Policy = LENIENT, at: datetime
) -> list[Answer]:
    """Return one answer per request; an error that concerns one request is that request's answer."""
    desk = lay_out(connection, requests, policy=policy, at=at)
    answers = [_answer(desk, request) for request in requests]
    changes.write(connection, desk.changes(), quarantine=policy.quarantine, at=at)
    return answers


def _answer(desk: Desk, request: Request) -> Answer:
    try:
        return _OPERATIONS[request.operation](desk, request)
    except JobsError as error:
        return error


def _get_pending(desk: Desk, request: Request) -> Answer:
    queue = [sheet.execution for sheet in desk.queue(request.thing_name)]
    listed = [
        execution
        for status in (Status.IN_PROGRESS, Status.QUEUED)
        for execution in [e for e in queue if e.status is status][:LISTED]
    ]
    return Pending(tuple(listed))


def _start_next(desk: Desk, request: Request) -> Answer:
    first = _first(desk, request)
    if first is None:
        return Described(None, None)
    sheet, document = first
    if sheet.execution.status is Status.QUEUED:
        _start(desk, sheet, request, Status.IN_PROGRESS)
    else:
        # Already begun: nothing changes but the timer (contract O9).
        sheet.refresh(step_timer(sheet.execution, request.step_timeout_minutes, at=desk.at))
    return Described(sheet.execution, document)


def _first(desk: Desk, request: Request) -> tuple[Sheet, str] | None:
    """Return what is next for the thing; what cannot be handed out is REJECTED and passed over."""
    while queue := desk.queue(request.thing_name):
        document = desk.document(queue[0])
        if document is not None:
            return queue[0], document
    return None


def _describe(desk: Desk, request: Request) -> Answer:
    if request.job_id == NEXT:
        first = _first(desk, request)
        if first is None:
            return Described(None, None)
        sheet, document = first
        return Described(sheet.execution, document if request.include_document else None)
    sheet = desk.execution(request.thing_name, request.job_id or "", request.execution_number)
    if sheet.execution.status not in TERMINAL:
        found = desk.document(sheet) if request.include_document else None
        if sheet.execution.status not in TERMINAL:
            return Described(sheet.execution, found)
    raise TerminalStateReached(
        f"The execution of job {request.job_id} on thing {request.thing_name} is "
        f"{sheet.execution.status}, which is final"
    )


def _update(desk: Desk, request: Request) -> Answer:
    if request.job_id is None or request.status is None:
        raise NotFound("an update names a job and a status")
    sheet = desk.execution(request.thing_name, request.job_id, request.execution_number)
    document = desk.document_if_any(sheet) if request.include_document else None
    before = ring.find(sheet.replies, request.client_token, request.digest)
    if before is not None:
        if before.version == sheet.execution.version_number:
            _sign_of_life(desk, sheet, request)
        return Updated(before.state, document, before.at)
    _start(desk, sheet, request, request.status)
    state = sheet.execution.state if request.include_state else None
    if request.client_token is not None:
        version = sheet.execution.version_number
        entry = ring.Entry(request.client_token, request.digest, desk.at, version, state)
        sheet.replies = ring.remember(sheet.replies, entry)
    return Updated(state, document, desk.at)


def _start(desk: Desk, sheet: Sheet, request: Request, to: Status) -> None:
    """Advance by the device's word and set the timers that go with it."""
    if to is Status.IN_PROGRESS:
        sheet.execution.expect(request.expected_version)
        desk.refuse_start(sheet)
    after = sheet.execution.advance(
        to,
        cause=Cause.DEVICE,
        at=desk.at,
        status_details=request.status_details,
        expected_version=request.expected_version,
    )
    if to is Status.IN_PROGRESS:
        if sheet.execution.status is Status.QUEUED:
            after = start_timer(after, _limit(sheet.stored, at=desk.at), at=desk.at)
        after = step_timer(after, request.step_timeout_minutes, at=desk.at)
    sheet.advance(after, Cause.DEVICE)


def _limit(stored: Stored, *, at: datetime) -> timedelta | None:
    """Return how long it may run: by its job, and until its window closes if that ends work."""
    limits = [stored.in_progress_limit]
    if '"closeBehavior"' in stored.pacing:
        limits.append(time_to_work(parse(stored.pacing).scheduling_config, stored.zone, at))
    return min((limit for limit in limits if limit is not None), default=None)


def _sign_of_life(desk: Desk, sheet: Sheet, request: Request) -> None:
    """A repeat of the last update is no new version, but shows that the device lives."""
    if sheet.execution.status is Status.IN_PROGRESS:
        seen = sheet.execution._replace(last_updated_at=max(desk.at, sheet.execution.last_updated_at))
        sheet.refresh(step_timer(seen, request.step_timeout_minutes, at=desk.at))


_OPERATIONS: Final[Mapping[Operation, Callable[[Desk, Request], Answer]]] = {
    Operation.GET_PENDING: _get_pending,
    Operation.START_NEXT: _start_next,
    Operation.DESCRIBE: _describe,
    Operation.UPDATE: _update,
}
