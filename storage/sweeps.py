"""Sweeps: what a cancel or delete still has to do to a job's executions, in bounded chunks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, text

from domain.execution import Cause, Status
from domain.lifecycle import JobOperation
from domain.quarantine import NO_QUARANTINE, Quarantine
from storage import acts, changes, lifecycle_notes, marks, tags, waiting
from storage.lists import bound, ints
from storage.millis import to_millis
from storage.rows import Stored, select
from storage.signals import Signal, raise_after_commit

CHUNK: Final = 1000


class Sweep(StrEnum):
    """What is being swept; the empty word is nothing."""

    NONE = ""
    CANCEL = "CANCEL"
    FORCE_CANCEL = "FORCE_CANCEL"
    DELETE = "DELETE"


#: What is said of a job when a sweep of it begins.
_BEGUN: Final = {
    Sweep.CANCEL: JobOperation.CANCELLATION_IN_PROGRESS,
    Sweep.FORCE_CANCEL: JobOperation.CANCELLATION_IN_PROGRESS,
    Sweep.DELETE: JobOperation.DELETION_IN_PROGRESS,
}
_CAUSE: Final = {Sweep.CANCEL: Cause.CANCEL, Sweep.FORCE_CANCEL: Cause.FORCED_CANCEL}
_STATUSES: Final = {Sweep.CANCEL: (Status.QUEUED,), Sweep.FORCE_CANCEL: (Status.QUEUED, Status.IN_PROGRESS)}


def cancel(
    connection: Connection,
    job_key: int,
    *,
    comment: str | None = None,
    reason_code: str | None = None,
    force: bool = False,
    at: datetime,
) -> None:
    """Cancel a job whatever its status: that changes at once, its executions in chunks (contract 2.3)."""
    connection.execute(
        text(
            "UPDATE jobs SET status = 'CANCELED', last_updated_at = :at, "
            "comment = COALESCE(:comment, comment), reason_code = COALESCE(:reason, reason_code), "
            "force_canceled = :force WHERE id = :job"
        ),
        {"job": job_key, "at": to_millis(at), "comment": comment, "reason": reason_code, "force": force},
    )
    begin(connection, job_key, Sweep.FORCE_CANCEL if force else Sweep.CANCEL, at=at)


def begin(connection: Connection, job_key: int, sweep: Sweep, *, at: datetime) -> None:
    """Record the sweep, stop the rollout, and do the first chunk at once."""
    lifecycle_notes.note_job(connection, job_key, _BEGUN[sweep], at=at)
    connection.execute(
        text("UPDATE jobs SET sweep = :sweep, look_at = 0 WHERE id = :job"),
        {"job": job_key, "sweep": sweep.value},
    )
    # A small job is swept on the spot, a large one by the clock.
    for _ in range(4):
        if not go_on(connection, job_key, at=at):
            return


def go_on(connection: Connection, job_key: int, *, limit: int = CHUNK, at: datetime) -> bool:
    """Do one chunk of a job's sweep; return whether more is left."""
    word = connection.execute(text("SELECT sweep FROM jobs WHERE id = :job"), {"job": job_key}).scalar()
    sweep = Sweep(word or "")
    if sweep is Sweep.NONE:
        return False
    if waiting.clear(connection, job_key):
        raise_after_commit(connection, Signal.AGENDA)
        return True
    more = (_delete if sweep is Sweep.DELETE else _cancel)(connection, job_key, sweep, limit=limit, at=at)
    if more:
        raise_after_commit(connection, Signal.AGENDA)
    return more


def _cancel(connection: Connection, job_key: int, sweep: Sweep, *, limit: int, at: datetime) -> bool:
    for status in _STATUSES[sweep]:
        entries = select(
            connection,
            "e.job = :job AND e.status = :status ORDER BY e.id LIMIT :limit",
            {"job": job_key, "status": status.value, "limit": limit},
        )
        if entries:
            end(connection, entries, Status.CANCELED, _CAUSE[sweep], at=at)
            return True
    connection.execute(text("UPDATE jobs SET sweep = '' WHERE id = :job"), {"job": job_key})
    lifecycle_notes.note_job(connection, job_key, JobOperation.CANCELED, at=at)
    return False


def end(
    connection: Connection,
    entries: Sequence[Stored],
    to: Status,
    cause: Cause,
    *,
    quarantine: Quarantine = NO_QUARANTINE,
    at: datetime,
) -> None:
    """End these pending executions together."""
    changes.write(
        connection,
        [changes.single(entry, entry.execution.advance(to, cause=cause, at=at), cause) for entry in entries],
        quarantine=quarantine,
        at=at,
    )


def _delete(connection: Connection, job_key: int, _sweep: Sweep, *, limit: int, at: datetime) -> bool:
    rows = connection.execute(
        text(
            "SELECT e.id, e.thing, e.status, e.number = (SELECT max(l.number) FROM executions l "
            "WHERE l.job = e.job AND l.thing = e.thing) AS latest "
            "FROM executions e WHERE e.job = :job ORDER BY e.id LIMIT :limit"
        ),
        {"job": job_key, "limit": limit},
    ).all()
    if rows:
        lifecycle_notes.note_deleted(connection, [row.id for row in rows], at=at)
        keys = bound(connection, [row.id for row in rows])
        connection.execute(
            text(f"DELETE FROM executions WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k)"),
            {"keys": keys},
        )
        marks.mark(
            connection, (row.thing for row in rows if row.status in (Status.QUEUED, Status.IN_PROGRESS))
        )
        gone = Counter(Status(row.status) for row in rows if row.latest)
        # Its waves go with it and count no more.
        changes.count(connection, {(job_key, 0): {status: -number for status, number in gone.items()}}, at=at)
        return True
    # Events go with their job; they are many, so they too go in chunks.
    past = text("SELECT id FROM execution_events WHERE job = :job ORDER BY job, thing, id LIMIT :limit")
    forgotten = list(connection.execute(past, {"job": job_key, "limit": limit * 5}).scalars())
    if forgotten:
        lifecycle_notes.keep(connection, forgotten)
        connection.execute(
            text(f"DELETE FROM execution_events WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k)"),
            {"keys": bound(connection, forgotten)},
        )
        return True
    if acts.forget(connection, job_key):
        return True
    valued = connection.execute(
        text(
            "DELETE FROM job_values WHERE job = :job AND thing IN "
            "(SELECT thing FROM job_values WHERE job = :job ORDER BY thing LIMIT :limit)"
        ),
        {"job": job_key, "limit": limit * 5},
    ).rowcount
    if valued:
        return True
    lifecycle_notes.note_job(connection, job_key, JobOperation.DELETED, at=at)
    for table in ("job_targets", "job_waves"):
        connection.execute(text(f"DELETE FROM {table} WHERE job = :job"), {"job": job_key})
    bye = text("DELETE FROM jobs WHERE id = :job RETURNING job_id")
    tags.clear(connection, f"job/{connection.execute(bye, {'job': job_key}).scalar_one()}")
    return False
