"""Time-outs: ends executions whose deadline has passed, in bounded chunks; runs the timers of QUEUED ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic_core import from_json
from sqlalchemy import Connection, text

from domain.execution import Cause, Status
from domain.job import JobStatus
from domain.quarantine import NO_QUARANTINE, Quarantine
from domain.timeout_config import parse
from domain.timeouts import queued_until
from storage import rows, sweeps
from storage.lists import bound, ints, texts
from storage.millis import to_millis
from storage.pending import HIDING
from storage.signals import Signal, raise_after_commit

#: How many executions one transaction expires.
CHUNK: Final = 500


def expire(
    connection: Connection,
    job_keys: Sequence[int],
    *,
    quarantine: Quarantine = NO_QUARANTINE,
    at: datetime,
    limit: int = CHUNK,
) -> int:
    """End up to ``limit`` executions of these jobs whose deadline has passed; return how many."""
    # By way of the earliest deadlines: their index is as small as what has one, the job's is not.
    entries = rows.select(
        connection,
        "e.id IN (SELECT id FROM executions WHERE deadline_at IS NOT NULL AND deadline_at <= :now "
        f"AND +job IN (SELECT v FROM {ints(connection, 'jobs')} k) ORDER BY deadline_at LIMIT :limit)",
        {"jobs": bound(connection, job_keys), "now": to_millis(at), "limit": limit},
    )
    sweeps.end(connection, entries, Status.TIMED_OUT, Cause.TIMEOUT, quarantine=quarantine, at=at)
    return len(entries)


def queued_deadline(connection: Connection, job_key: int, *, at: datetime) -> int | None:
    """Return until when (millis) an execution of this job may stay QUEUED that is released now."""
    raw = connection.execute(text("SELECT timeout_config FROM jobs WHERE id = :job"), {"job": job_key})
    return to_millis(queued_until(parse(raw.scalar_one()).queued_limit, at=at))


_QUEUED: Final = "WHERE job = :job AND status = 'QUEUED'"


def follow(connection: Connection, job_key: int, *, at: datetime) -> None:
    """Have the timers of a job's QUEUED executions run where their things may see them, and only there.

    Out of sight (the job is held, the window shut) a timer stops; back in sight it begins anew. To be called
    by whoever changes what is seen.
    """
    row = connection.execute(
        text("SELECT status, open_zones, timeout_config FROM jobs WHERE id = :job"), {"job": job_key}
    ).one()
    zones: dict[str, bool] = from_json(row.open_zones)
    held = JobStatus(row.status) in HIDING
    listed = f"zone IN (SELECT v FROM {texts(connection, 'zones')} z)"
    seen = "false" if held else listed if zones else "true"
    shown = [name for name, is_open in zones.items() if is_open]
    parameters = {"job": job_key, "zones": bound(connection, shown)}
    connection.execute(
        text(
            f"UPDATE executions SET queued_deadline_at = NULL, deadline_at = NULL {_QUEUED} "
            f"AND queued_deadline_at IS NOT NULL AND NOT ({seen})"
        ),
        parameters,
    )
    until = queued_until(parse(row.timeout_config).queued_limit, at=at)
    if until is not None and not held:
        connection.execute(
            text(
                f"UPDATE executions SET queued_deadline_at = :until, deadline_at = :until {_QUEUED} "
                f"AND queued_deadline_at IS NULL AND {seen}"
            ),
            {**parameters, "until": to_millis(until)},
        )
        raise_after_commit(connection, Signal.AGENDA)
