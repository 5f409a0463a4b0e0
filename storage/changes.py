"""Writes changed executions: the one place where versions advance.

One UPDATE with the version that was read in its WHERE, one event per version, one counter update per job,
marks for the things whose pending list may look different. All of it in the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text

from domain.actions import Complete
from domain.acts import Act
from domain.execution import TERMINAL, Cause, Execution, Status
from domain.lifecycle import JobOperation
from domain.planner import plan
from domain.quarantine import NO_QUARANTINE, Quarantine
from storage import acts, lifecycle_notes, marks, retries, rows, waves
from storage.lists import bound, ints
from storage.locks import log_locks, require_hit
from storage.many import Many, many
from storage.millis import to_millis
from storage.paces import COLUMNS, counts_of, ended, pace
from storage.quarantine import count_failures
from storage.rows import Stored
from storage.signals import Signal, raise_after_commit
from storage.tables import COUNTERS, OPEN_SQL
from storage.together import Asked, together


class Step(NamedTuple):
    """One version of an execution: what it became and why."""

    before: Status
    after: Execution
    cause: Cause


class Change(NamedTuple):
    """An execution as it was read, every version it went through since, and its ring of replies."""

    stored: Stored
    steps: tuple[Step, ...]
    after: Execution
    replies: str


#: The columns a change writes, as PostgreSQL knows them.
_WRITTEN: Final = {
    "status": "text",
    "version": "bigint",
    "status_details": "text",
    "started_at": "bigint",
    "last_updated_at": "bigint",
    "queued_deadline_at": "bigint",
    "in_progress_deadline_at": "bigint",
    "step_deadline_at": "bigint",
    "deadline_at": "bigint",
    "force_canceled": "boolean",
    "replies": "text",
}
_UPDATE: Final = many(
    f"UPDATE executions SET {', '.join(f'{name} = :{name}' for name in _WRITTEN)} "
    "WHERE id = :key AND version = :seen",
    f"UPDATE executions AS e SET {', '.join(f'{name} = v.{name}' for name in _WRITTEN)} "
    "FROM {rows} WHERE e.id = v.key AND e.version = v.seen",
    key="bigint",
    seen="bigint",
    **_WRITTEN,
)
#: The same where an execution only goes on: no index has to be looked at for these columns.
_GOES_ON: Final = ("version", "status_details", "last_updated_at", "replies")
_UPDATE_PROGRESS: Final = _UPDATE._replace(
    each=f"UPDATE executions SET {', '.join(f'{name} = :{name}' for name in _GOES_ON)} "
    "WHERE id = :key AND version = :seen"
)
_TOLD: Final = {
    "at": "bigint",
    "job": "bigint",
    "thing": "bigint",
    "number": "bigint",
    "version": "bigint",
    "from_status": "text",
    "to_status": "text",
    "cause": "text",
    "status_details": "text",
}


def _insert(**columns: str) -> Many:
    into = f"INSERT INTO execution_events ({', '.join(columns)}) "
    return many(
        f"{into}VALUES ({', '.join(f':{name}' for name in columns)})",
        f"{into}SELECT {', '.join(f'v.{name}' for name in columns)} FROM {{rows}} ORDER BY v.ordinality",
        **columns,
    )


_EVENT: Final = _insert(**_TOLD)
#: The same by an operator; what devices report does not pay for it.
_EVENT_BY: Final = _insert(**_TOLD, actor="text")


def write(
    connection: Connection,
    changes: Sequence[Change],
    *,
    actor: str = "",
    quarantine: Quarantine = NO_QUARANTINE,
    at: datetime,
) -> None:
    """Write the changes; jobs that end by them become COMPLETED. ``actor`` is the operator who made them.

    Raises ``Overtaken`` if another writer was faster (never with one writer): nothing is written then.
    """
    if not changes:
        return
    details = [rows.details_text(change.after.status_details) for change in changes]
    updates = _updates(connection, changes, details)
    events = [
        _event(change.stored, step, text_ if step.after is change.after else None)
        for change, text_ in zip(changes, details, strict=True)
        for step in change.steps
    ]
    if events and actor:
        told = [Asked(_EVENT_BY, [{**event, "actor": actor} for event in events])]
    else:
        told = [Asked(_EVENT, events)] if events else []
    found = together(connection, *updates, *(log_locks(connection) if told else ()), *told)
    for update, hit in zip(updates, found, strict=False):
        require_hit(hit, len(update.values))
    if events:
        raise_after_commit(connection, Signal.EVENTS)
    if any(change.after.deadline_at is not None for change in changes):
        raise_after_commit(connection, Signal.AGENDA)
    moves = [c for c in changes if c.after.status is not c.stored.execution.status]
    marks.mark(connection, (change.stored.thing_key for change in moves))
    # Before the counters: a job that owes a retry is not complete.
    terminal = [(change.stored, change.after) for change in moves if change.after.status in TERMINAL]
    count_failures(connection, terminal, quarantine=quarantine, at=at)
    retries.owe(connection, terminal, at=at)
    count(connection, tally(moves), at=at)


def tally(changes: Iterable[Change]) -> dict[tuple[int, int], Counter[Status]]:
    """Return by how much the counters move, by job and wave."""
    deltas: dict[tuple[int, int], Counter[Status]] = {}
    for change in changes:
        delta = deltas.setdefault((change.stored.job_key, change.stored.wave), Counter())
        delta[change.stored.execution.status] -= 1
        delta[change.after.status] += 1
    return deltas


def count(
    connection: Connection, moved: Mapping[tuple[int, int], Mapping[Status, int]], *, at: datetime
) -> None:
    """Move the counters, given by job and wave, and complete the jobs that have nothing left to do."""
    if not moved:
        return
    waves.count(connection, moved)
    deltas: dict[int, Counter[Status]] = {}
    for (job, _), delta in moved.items():
        deltas.setdefault(job, Counter()).update(delta)
    connection.execute(
        _COUNT,
        [
            {"key": key, **{column: deltas[key].get(status, 0) for status, column in COUNTERS.items()}}
            for key in sorted(deltas)
        ],
    )
    look_soon(connection, [key for key in sorted(deltas) if ended(deltas[key])])
    complete(connection, sorted(deltas), at=at)


def look_soon(connection: Connection, job_keys: Sequence[int]) -> None:
    """Have the clock look at jobs whose abort, gate, rate or cap depends on how executions end."""
    if not job_keys:
        return
    looked = connection.execute(_LOOK_SOON, [{"key": key} for key in job_keys])
    if looked.rowcount:
        raise_after_commit(connection, Signal.AGENDA)


_LOOK_SOON: Final = text(
    "UPDATE jobs SET look_at = 0 WHERE id = :key AND pacing <> '{}' "
    f"AND (waiting > 0 OR wave > 0 OR pacing LIKE '%\"abortConfig\"%') AND {OPEN_SQL}"
)


def complete(connection: Connection, job_keys: Sequence[int], *, at: datetime) -> None:
    """Mark those of the jobs COMPLETED for which the planner says so."""
    statement = text(
        f"SELECT {COLUMNS} FROM jobs "
        f"WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k) "
        "AND queued = 0 AND in_progress = 0 AND waiting = 0"
    )
    done = [
        row.id
        for row in connection.execute(statement, {"keys": bound(connection, job_keys)})
        if Complete() in plan(pace(row), counts_of(row), at).actions
    ]
    if done:
        connection.execute(
            text(
                "UPDATE jobs SET status = 'COMPLETED', completed_at = :at, last_updated_at = :at "
                f"WHERE id = :key AND {OPEN_SQL}"
            ),
            [{"key": key, "at": to_millis(at)} for key in done],
        )
        acts.note_each(connection, done, Act.COMPLETE, at=at)
        for key in done:
            lifecycle_notes.note_job(connection, key, JobOperation.COMPLETED, at=at)
        raise_after_commit(connection, Signal.EVENTS)


def _updates(connection: Connection, changes: Sequence[Change], details: Sequence[str]) -> list[Asked]:
    """Return what writes the rows. PostgreSQL sees by itself what stays, and has one order of locks."""
    rest: list[dict[str, Any]] = []
    progress: list[dict[str, Any]] = []
    splits = connection.dialect.name == "sqlite"
    for change, text_ in zip(changes, details, strict=True):
        before, after = change.stored.execution, change.after
        if splits and _FIXED(before) == _FIXED(after):
            progress.append(_progress(change, text_))
        else:
            rest.append({**rows.columns(after, text_), **_progress(change, text_)})
    found = [Asked(_UPDATE, rest), Asked(_UPDATE_PROGRESS, progress)]
    return [each for each in found if each.values]


#: What stays as it is while an execution only goes on.
_FIXED: Final = attrgetter(
    "status",
    "started_at",
    "queued_deadline_at",
    "in_progress_deadline_at",
    "step_deadline_at",
    "force_canceled",
)


def _progress(change: Change, details: str) -> dict[str, Any]:
    after = change.after
    return {
        "version": after.version_number,
        "status_details": details,
        "last_updated_at": to_millis(after.last_updated_at),
        "replies": change.replies,
        "key": change.stored.key,
        "seen": change.stored.execution.version_number,
    }


def _event(stored: Stored, step: Step, details: str | None) -> dict[str, Any]:
    return {
        "at": to_millis(step.after.last_updated_at),
        "job": stored.job_key,
        "thing": stored.thing_key,
        "number": step.after.execution_number,
        "version": step.after.version_number,
        "from_status": step.before.value,
        "to_status": step.after.status.value,
        "cause": step.cause.value,
        "status_details": rows.details_text(step.after.status_details) if details is None else details,
    }


_COUNT: Final = text(
    "UPDATE jobs SET "
    + ", ".join(f"{column} = {column} + :{column}" for column in COUNTERS.values())
    + " WHERE id = :key"
)


def single(entry: Stored, after: Execution, cause: Cause) -> Change:
    """Return the change of one step, its ring of replies untouched."""
    return Change(entry, (Step(entry.execution.status, after, cause),), after, entry.replies)
