"""What holds a job as a whole: windows that are shut, a pause, a gate that waits for a person.

What is QUEUED comes into sight or goes out of it, so each of these tells the things concerned.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from domain.job import JobStatus
from storage import expiry, marks, waves
from storage.millis import to_millis
from storage.signals import Signal, raise_after_commit

#: Why a job is paused, where no person and no rule of its abortConfig did it.
GATE_FAILED: Final = "GATE_FAILED"


def turn(
    connection: Connection,
    job_key: int,
    *,
    opened: AbstractSet[str],
    shut: AbstractSet[str],
    at: datetime,
) -> None:
    """Open and shut windows: the job goes on in some zones, and holds in others."""
    known = waves.zones(connection, job_key)
    waves.set_zones(
        connection, job_key, {**known, **dict.fromkeys(opened, True), **dict.fromkeys(shut, False)}
    )
    expiry.follow(connection, job_key, at=at)
    marks.mark_queued(connection, job_key, zones=sorted(opened | shut))
    raise_after_commit(connection, Signal.EVENTS)


def become(connection: Connection, job_key: int, status: JobStatus, *, at: datetime) -> None:
    """Note what holds an open job."""
    connection.execute(
        text("UPDATE jobs SET status = :status, last_updated_at = :at WHERE id = :job"),
        {"job": job_key, "status": status.value, "at": to_millis(at)},
    )
    expiry.follow(connection, job_key, at=at)
    marks.mark_queued(connection, job_key)
    raise_after_commit(connection, Signal.EVENTS)


def pause(
    connection: Connection, job_key: int, *, comment: str | None, reason_code: str | None, at: datetime
) -> None:
    """Let nothing begin any more: what runs goes on, what is QUEUED is hidden."""
    connection.execute(
        text(
            "UPDATE jobs SET comment = COALESCE(:comment, comment), "
            "reason_code = COALESCE(:reason, reason_code) WHERE id = :job"
        ),
        {"job": job_key, "comment": comment, "reason": reason_code},
    )
    become(connection, job_key, JobStatus.PAUSED, at=at)
