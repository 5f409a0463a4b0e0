"""Time-outs: ends executions whose deadline has passed, in bounded chunks."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from domain.execution import Cause, Status
from storage import rows, sweeps
from storage.millis import to_millis

#: How many executions one transaction expires.
CHUNK: Final = 500


def expire(connection: Connection, job_key: int, *, at: datetime, limit: int = CHUNK) -> int:
    """End up to ``limit`` executions of a job whose deadline has passed; return how many."""
    # By way of the earliest deadlines: their index is as small as what runs, the job's is not.
    entries = rows.select(
        connection,
        "e.job = :job AND e.status = 'IN_PROGRESS' AND e.id IN (SELECT id FROM executions "
        "WHERE deadline_at IS NOT NULL AND deadline_at <= :now ORDER BY deadline_at LIMIT :limit)",
        {"job": job_key, "now": to_millis(at), "limit": limit},
    )
    sweeps.end(connection, entries, Status.TIMED_OUT, Cause.TIMEOUT, at=at)
    return len(entries)
