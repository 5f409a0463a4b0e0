"""Retries: things that are owed another execution of a job go to its waiting list (contract 2.7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from domain.execution import Execution, Status
from domain.job import OPEN
from domain.pacing import parse
from domain.retry import is_owed
from storage.rows import Stored
from storage.signals import Signal, raise_after_commit


def owe(connection: Connection, ended: Iterable[tuple[Stored, Execution]], *, at: datetime) -> None:
    """Put the things whose executions are to be tried again into their jobs' waiting lists."""
    owed = [(stored, after) for stored, after in ended if _is_owed(connection, stored, after, at)]
    if not owed:
        return
    connection.execute(
        text(
            "INSERT INTO waiting (job, thing, attempt, wave, zone, again) "
            "VALUES (:job, :thing, :attempt, :wave, :zone, true)"
        ),
        [
            {
                "job": stored.job_key,
                "thing": stored.thing_key,
                "attempt": after.attempt + 1,
                "wave": stored.wave,
                "zone": stored.zone,
            }
            for stored, after in owed
        ],
    )
    jobs = Counter(stored.job_key for stored, _ in owed)
    connection.execute(
        text("UPDATE jobs SET waiting = waiting + :owed, look_at = 0 WHERE id = :job"),
        [{"job": job, "owed": count} for job, count in sorted(jobs.items())],
    )
    raise_after_commit(connection, Signal.AGENDA)


def _is_owed(connection: Connection, stored: Stored, after: Execution, at: datetime) -> bool:
    if after.status not in (Status.FAILED, Status.TIMED_OUT) or stored.pacing == "{}":
        return False
    if stored.job_status not in OPEN or stored.sweep:
        return False
    paced = parse(stored.pacing)
    ends_at = None if paced.scheduling_config is None else paced.scheduling_config.ends_at
    if ends_at is not None and ends_at <= at:
        return False
    return is_owed(paced.job_executions_retry_config, after.status, _spent(connection, stored, after))


def _spent(connection: Connection, stored: Stored, after: Execution) -> Counter[Status]:
    """Count the retries before this one: each was owed to how the execution before it ended."""
    if not after.attempt:
        return Counter()
    rows: Sequence[tuple[str, int]] = connection.execute(
        text(
            "SELECT status, count(*) FROM executions WHERE job = :job AND thing = :thing "
            "AND number >= :first AND number < :number GROUP BY status"
        ),
        {
            "job": stored.job_key,
            "thing": stored.thing_key,
            "first": after.execution_number - after.attempt,
            "number": after.execution_number,
        },
    ).all()
    return Counter({Status(status): count for status, count in rows})
