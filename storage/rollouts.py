"""Releases: turns waiting targets into QUEUED executions, in bounded chunks that survive a kill."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from domain.execution import Status
from storage import changes
from storage.millis import to_millis
from storage.signals import Signal, raise_after_commit

#: Small enough that other writers wait for a fraction of a second only.
CHUNK: Final = 5000

_CHUNK_END: Final = text(
    "SELECT max(thing) FROM (SELECT thing FROM waiting WHERE job = :job ORDER BY thing LIMIT :limit) w"
)
_RELEASE: Final = text(
    "INSERT INTO executions (job, thing, number, status, queued_at, last_updated_at) "
    "SELECT w.job, w.thing, "
    "COALESCE((SELECT max(e.number) FROM executions e WHERE e.job = w.job AND e.thing = w.thing), 0) + 1, "
    "'QUEUED', :at, :at FROM waiting w WHERE w.job = :job AND w.thing <= :last ORDER BY w.thing"
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
_COUNT: Final = text("UPDATE jobs SET waiting = waiting - :released WHERE id = :job")


def release(connection: Connection, job_key: int, *, limit: int = CHUNK, at: datetime) -> int:
    """Create QUEUED executions for up to ``limit`` waiting things of a job; return how many.

    The job becomes COMPLETED here if nothing was waiting and nothing is pending (contract 2.4).
    """
    last = connection.execute(_CHUNK_END, {"job": job_key, "limit": limit}).scalar()
    if last is None:
        changes.complete(connection, [job_key], at=at)
        return 0
    chunk = {"job": job_key, "last": last, "at": to_millis(at)}
    released = connection.execute(_RELEASE, chunk).rowcount
    connection.execute(_EVENTS, chunk)
    connection.execute(_MARK, chunk)
    connection.execute(_DONE, chunk)
    connection.execute(_COUNT, {"job": job_key, "released": released})
    changes.count(connection, {job_key: {Status.QUEUED: released}}, at=at)
    raise_after_commit(connection, Signal.MARKS)
    raise_after_commit(connection, Signal.EVENTS)
    return int(released)


def wait_for_release(connection: Connection, job_key: int, added: int) -> None:
    """Note that so many more things wait; the scheduler takes it from there."""
    if added:
        connection.execute(
            text("UPDATE jobs SET waiting = waiting + :added WHERE id = :job"),
            {"job": job_key, "added": added},
        )
        raise_after_commit(connection, Signal.AGENDA)
