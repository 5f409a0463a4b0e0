"""Releases: turns waiting targets into QUEUED executions, in bounded chunks that survive a kill."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from domain.execution import Status
from domain.rollout import Minute
from storage import changes
from storage.millis import to_millis
from storage.signals import Signal, raise_after_commit
from storage.tables import SUPERSEDED

#: Small enough that other writers wait for a fraction of a second only.
CHUNK: Final = 5000

_CHUNK_END: Final = text(
    "SELECT max(thing) FROM (SELECT thing FROM waiting WHERE job = :job ORDER BY thing LIMIT :limit) w"
)
_RELEASE: Final = text(
    "INSERT INTO executions (job, thing, number, attempt, status, queued_at, last_updated_at) "
    "SELECT w.job, w.thing, "
    "COALESCE((SELECT max(e.number) FROM executions e WHERE e.job = w.job AND e.thing = w.thing), 0) + 1, "
    "w.attempt, 'QUEUED', :at, :at FROM waiting w WHERE w.job = :job AND w.thing <= :last ORDER BY w.thing"
)
_EVENTS: Final = text(
    "INSERT INTO execution_events (at, job, thing, number, version, to_status, cause) "
    "SELECT :at, e.job, e.thing, e.number, e.version, e.status, 'RELEASE' FROM waiting w "
    "JOIN executions e ON e.job = w.job AND e.thing = w.thing AND e.status = 'QUEUED' "
    "WHERE w.job = :job AND w.thing <= :last ORDER BY e.id"
)
_MARK: Final = text(
    "UPDATE things SET notify_seq = notify_seq + 1 "
    "WHERE id IN (SELECT thing FROM waiting WHERE job = :job AND thing <= :last)"
)
_DONE: Final = text("DELETE FROM waiting WHERE job = :job AND thing <= :last")
_COUNT: Final = text(
    "UPDATE jobs SET waiting = waiting - :now, released = released + :now, minute_at = :minute_at, "
    "minute_released = :minute_released WHERE id = :job"
)
#: The executions that those of a chunk replace, by status.
_REPLACED: Final = text(
    "SELECT e.status, count(*) FROM waiting w JOIN executions e ON e.job = w.job AND e.thing = w.thing "
    "WHERE w.job = :job AND w.thing <= :last AND e.number = (SELECT max(l.number) FROM executions l "
    "WHERE l.job = w.job AND l.thing = w.thing) GROUP BY e.status"
)
_SUPERSEDE: Final = text(
    "UPDATE jobs SET "
    + ", ".join(f"{column} = {column} + :{column}" for column in SUPERSEDED.values())
    + " WHERE id = :job"
)


def release(
    connection: Connection,
    job_key: int,
    *,
    limit: int = CHUNK,
    minute: Minute | None = None,
    planned: int | None = None,
    at: datetime,
) -> int:
    """Create QUEUED executions for up to ``limit`` waiting things of a job; return how many.

    ``minute`` is the running one after ``planned`` went out; None where the job has no rate. Counters then
    count the new executions and no longer those that they replace.
    """
    last = connection.execute(_CHUNK_END, {"job": job_key, "limit": limit}).scalar()
    if last is None:
        return 0
    chunk = {"job": job_key, "last": last, "at": to_millis(at)}
    replaced = {Status(row[0]): row[1] for row in connection.execute(_REPLACED, chunk)}
    released = connection.execute(_RELEASE, chunk).rowcount
    connection.execute(_EVENTS, chunk)
    connection.execute(_MARK, chunk)
    connection.execute(_DONE, chunk)
    connection.execute(
        _COUNT,
        {
            "job": job_key,
            "now": released,
            "minute_at": None if minute is None else to_millis(minute.began_at),
            "minute_released": 0 if minute is None else minute.released - (planned or 0) + released,
        },
    )
    if replaced:
        supersede(connection, job_key, replaced)
    moved = {Status.QUEUED: released} | {status: -number for status, number in replaced.items()}
    changes.count(connection, {job_key: moved}, at=at)
    raise_after_commit(connection, Signal.MARKS)
    raise_after_commit(connection, Signal.EVENTS)
    return int(released)


def supersede(connection: Connection, job_key: int, ended: Mapping[Status, int]) -> None:
    """Note that so many ended executions were replaced by later ones (negative: that those are gone)."""
    connection.execute(
        _SUPERSEDE,
        {"job": job_key, **{column: ended.get(status, 0) for status, column in SUPERSEDED.items()}},
    )


def wait_for_release(connection: Connection, job_key: int, added: int) -> None:
    """Note that so many more things wait; the clock takes it from there."""
    if added:
        connection.execute(
            text("UPDATE jobs SET waiting = waiting + :added, look_at = 0 WHERE id = :job"),
            {"job": job_key, "added": added},
        )
        raise_after_commit(connection, Signal.AGENDA)


def stop(connection: Connection, job_key: int) -> None:
    """Let nothing more go out: who waits, for a first execution or for a retry, waits no longer."""
    connection.execute(text("DELETE FROM waiting WHERE job = :job"), {"job": job_key})
    connection.execute(text("UPDATE jobs SET waiting = 0 WHERE id = :job"), {"job": job_key})
