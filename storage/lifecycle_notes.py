"""Notes of what lifecycle events are to be published of: all that the log of transitions does not say itself.

Written in the transaction of what they tell of, and only of kinds that are on. They say everything, so that
a job may be gone when its events go out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import Connection, text

from domain.event_kinds import EventKind
from domain.execution import TERMINAL
from domain.lifecycle import DELETED, MOST_TARGETS, JobOperation
from domain.names import parse_target
from storage import event_configurations, positions
from storage.lists import bound, ints
from storage.millis import to_millis
from storage.signals import Signal, raise_after_commit
from storage.tables import COUNTERS

#: A transition's row: that it ends an execution.
ENDED_SQL: Final = f"to_status IN ({', '.join(sorted(repr(status.value) for status in TERMINAL))})"

_JOB: Final = text(
    "SELECT job_id, target_selection, description, comment, created_at, last_updated_at, completed_at, "
    f"{', '.join(COUNTERS.values())} FROM jobs WHERE id = :job"
)
_TARGETS: Final = text(
    'SELECT x.text, t.name AS thing, g.name AS "group" FROM job_targets x '
    'LEFT JOIN things t ON t.id = x.thing LEFT JOIN thing_groups g ON g.id = x."group" '
    "WHERE x.job = :job AND NOT x.excluded ORDER BY x.position LIMIT :limit"
)
_NOTE_JOB: Final = text(
    "INSERT INTO lifecycle_notes (at, place, kind, operation, job_id, details) "
    "VALUES (:at, :place, 'JOB', :operation, :job_id, :details)"
)
_NOTE_DELETED: Final = (
    "INSERT INTO lifecycle_notes (at, place, kind, operation, job_id, thing_name, number, details) "
    f"SELECT :at, :place, 'JOB_EXECUTION', '{DELETED}', j.job_id, t.name, e.number, e.status_details "
    "FROM {keys} k CROSS JOIN executions e JOIN jobs j ON j.id = e.job JOIN things t ON t.id = e.thing "
    "WHERE e.id = k.v ORDER BY e.id"
)
_KEEP: Final = (
    "INSERT INTO lifecycle_notes (at, place, behind, kind, operation, job_id, thing_name, number, details) "
    "SELECT v.at, v.id, 0, 'JOB_EXECUTION', lower(v.to_status), j.job_id, t.name, v.number, "
    "v.status_details FROM {keys} k CROSS JOIN execution_events v JOIN jobs j ON j.id = v.job "
    f"JOIN things t ON t.id = v.thing WHERE v.id = k.v AND v.id > :position AND v.{ENDED_SQL} ORDER BY v.id"
)


def note_job(connection: Connection, job_key: int, operation: JobOperation, *, at: datetime) -> None:
    """Note what has happened to a job, with what the job is like now."""
    if EventKind.JOB not in event_configurations.enabled(connection):
        return
    row = connection.execute(_JOB, {"job": job_key}).one()
    named = connection.execute(_TARGETS, {"job": job_key, "limit": MOST_TARGETS})
    details = {
        "targetSelection": row.target_selection,
        "targets": [_target(target) for target in named],
        "description": row.description,
        "comment": row.comment,
        "createdAt": row.created_at,
        "lastUpdatedAt": row.last_updated_at,
        "completedAt": row.completed_at,
        "counts": {status.value: getattr(row, column) for status, column in COUNTERS.items()},
    }
    connection.execute(
        _NOTE_JOB,
        {
            "at": to_millis(at),
            "place": positions.newest(connection),
            "operation": operation.value,
            "job_id": row.job_id,
            "details": to_json(details).decode(),
        },
    )
    raise_after_commit(connection, Signal.EVENTS)


def _target(row: Any) -> tuple[str, str]:
    if row.thing is not None:
        return "thing", row.thing
    # Of a group that is gone, its name is in what the operator wrote.
    return "thinggroup", row.group or parse_target(row.text).name


def note_deleted(connection: Connection, executions: Sequence[int], *, at: datetime) -> None:
    """Note that these executions are deleted; they are still there."""
    if EventKind.JOB_EXECUTION in event_configurations.enabled(connection):
        values = {"at": to_millis(at), "place": positions.newest(connection)}
        _write(connection, _NOTE_DELETED, executions, **values)


def keep(connection: Connection, transitions: Sequence[int]) -> None:
    """Keep of these transitions, which are about to be deleted, what is not published yet."""
    if EventKind.JOB_EXECUTION in event_configurations.enabled(connection):
        _write(connection, _KEEP, transitions, position=positions.position(connection))


def _write(connection: Connection, statement: str, keys: Sequence[int], **values: int) -> None:
    text_ = text(statement.format(keys=ints(connection, "keys")))
    connection.execute(text_, {"keys": bound(connection, keys), **values})
    raise_after_commit(connection, Signal.EVENTS)
