"""Executions as operators see them: look up, list, cancel, delete. Devices go through ``storage.device``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from pydantic_core import to_json
from sqlalchemy import Connection, text

from domain import planner
from domain.acts import Act
from domain.errors import InvalidStateTransition, NotFound
from domain.execution import PENDING, Cause, Execution, Status
from domain.timeouts import expire, is_due
from storage import (
    acts,
    changes,
    execution_lists,
    jobs,
    lifecycle_notes,
    marks,
    paces,
    rollouts,
    rows,
    things,
)
from storage.pages import Page
from storage.rows import Stored


def get(
    connection: Connection, job_id: str, thing_name: str, *, execution_number: int | None = None
) -> Execution:
    """Return the numbered or the latest execution of a job on a thing, or raise ``NotFound``."""
    return _find(connection, job_id, thing_name, execution_number).execution


def _find(connection: Connection, job_id: str, thing_name: str, number: int | None) -> Stored:
    job_key = jobs.key_of(connection, job_id)
    thing_key = things.key_of(connection, thing_name)
    found = rows.select(
        connection,
        "e.job = :job AND e.thing = :thing "
        f"{'' if number is None else 'AND e.number = :number '}ORDER BY e.number DESC LIMIT 1",
        {"job": job_key, "thing": thing_key, "number": number},
    )
    if not found:
        which = "" if number is None else f" number {number}"
        raise NotFound(f"There is no execution{which} of job {job_id} on thing {thing_name}")
    return found[0]


def page_for_job(
    connection: Connection,
    job_id: str,
    *,
    status: Status | None = None,
    max_results: int = 250,
    next_token: str | None = None,
) -> Page[Execution]:
    """Return a job's executions, every attempt, oldest first. Raises ``NotFound``."""
    return _plain(
        execution_lists.of_job(
            connection, job_id, status=status, max_results=max_results, next_token=next_token
        )
    )


def page_for_thing(
    connection: Connection,
    thing_name: str,
    *,
    status: Status | None = None,
    max_results: int = 250,
    next_token: str | None = None,
) -> Page[Execution]:
    """Return a thing's executions, every attempt, newest first. Raises ``NotFound``."""
    return _plain(
        execution_lists.on_thing(
            connection, thing_name, status=status, max_results=max_results, next_token=next_token
        )
    )


def _plain(found: Page[Stored]) -> Page[Execution]:
    return Page(tuple(entry.execution for entry in found.items), found.next_token)


def cancel(
    connection: Connection,
    job_id: str,
    thing_name: str,
    *,
    expected_version: int | None = None,
    status_details: Mapping[str, str] | None = None,
    force: bool = False,
    actor: str = "",
    at: datetime,
) -> Execution:
    """Cancel the latest execution; one that is IN_PROGRESS only with force (contract 2.3).

    Raises ``NotFound``, ``VersionMismatch``, ``InvalidStateTransition``, in this order.
    """
    entry = _find(connection, job_id, thing_name, None)
    # A deadline that has passed comes first, although the clock has not come by yet (contract 2.8).
    due = is_due(entry.execution, at=at)
    execution = expire(entry.execution, at=at) if due else entry.execution
    execution.expect(expected_version)
    if execution.status is Status.IN_PROGRESS and not force:
        raise InvalidStateTransition(
            f"The execution of job {job_id} on thing {thing_name} is IN_PROGRESS; canceling it needs force",
            execution.state,
        )
    cause = Cause.FORCED_CANCEL if force else Cause.CANCEL
    after = execution.advance(Status.CANCELED, cause=cause, at=at, status_details=status_details)
    changes.write(connection, [changes.single(entry, after, cause)], actor=actor, at=at)
    return after


def delete(
    connection: Connection,
    job_id: str,
    thing_name: str,
    *,
    execution_number: int | None = None,
    force: bool = False,
    namespace_id: str | None = None,
    actor: str = "",
    at: datetime,
) -> None:
    """Delete one execution; one that is IN_PROGRESS only with force. Its events stay.

    Raises ``NotFound`` (also if its job is of another namespace), ``InvalidStateTransition``. Deleting the
    last pending one completes a job.
    """
    if namespace_id is not None:
        jobs.get(connection, job_id, namespace_id=namespace_id)
    entry = _find(connection, job_id, thing_name, execution_number)
    status = entry.execution.status
    if status is Status.IN_PROGRESS and not force:
        raise InvalidStateTransition(
            f"The execution of job {job_id} on thing {thing_name} is IN_PROGRESS; deleting it needs force",
            entry.execution.state,
        )
    latest = _find(connection, job_id, thing_name, None)
    lifecycle_notes.note_deleted(connection, [entry.key], at=at)
    connection.execute(text("DELETE FROM executions WHERE id = :key"), {"key": entry.key})
    gone = {"executionNumber": str(entry.execution.execution_number), "status": status.value, "forced": force}
    acts.note(
        connection,
        entry.job_key,
        Act.DELETE_EXECUTION,
        actor=actor,
        details=gone,
        thing_key=entry.thing_key,
        at=at,
    )
    if status in PENDING:
        marks.mark(connection, [entry.thing_key])
    if entry.key != latest.key:
        rollouts.supersede(connection, entry.job_key, {status: -1})
        _look_anew(connection, entry.job_key)
        return
    moved = {(entry.job_key, entry.wave): Counter({status: -1})}
    before = connection.execute(
        text(
            "SELECT status, wave FROM executions WHERE job = :job AND thing = :thing "
            "ORDER BY number DESC LIMIT 1"
        ),
        {"job": entry.job_key, "thing": entry.thing_key},
    ).one_or_none()
    if before is not None:
        # The one before counts again.
        moved.setdefault((entry.job_key, before.wave), Counter())[Status(before.status)] += 1
        rollouts.supersede(connection, entry.job_key, {Status(before.status): -1})
    changes.count(connection, moved, at=at)
    _look_anew(connection, entry.job_key)


def _look_anew(connection: Connection, job_key: int) -> None:
    """Have a gate or a rule judge without what was deleted; that is forgiven no more, and no other for it."""
    row = connection.execute(
        text(f"SELECT {paces.COLUMNS} FROM jobs WHERE id = :job"), {"job": job_key}
    ).one()
    job = paces.pace(row)
    left = planner.forgiven(job, paces.counts_of(row))
    kept = {status.value: min(count, left.get(status, 0)) for status, count in job.forgiven.items()}
    connection.execute(
        text("UPDATE jobs SET forgiven = :kept WHERE id = :job"),
        {"job": job_key, "kept": to_json(kept).decode()},
    )
    changes.look_soon(connection, [job_key])
