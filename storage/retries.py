"""Retries: things that are owed another execution of a job go to its waiting list (contract 2.7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from domain.execution import Execution, Status
from domain.job import OPEN
from domain.pacing import Pacing, parse
from domain.retry import Verdict, judge
from domain.retry_policy import End
from storage.millis import to_millis
from storage.rows import Stored, details_from
from storage.signals import Signal, raise_after_commit
from storage.tables import COUNTERS
from storage.waiting import READY_AT_SQL

_FAILED: Final = (Status.FAILED, Status.TIMED_OUT, Status.REJECTED)
#: In the wave and zone of the execution that failed; not before its quarantine ends.
_PUT: Final = text(
    "INSERT INTO waiting (job, thing, attempt, wave, zone, ready_at, again) "
    "SELECT e.job, e.thing, :attempt, e.wave, e.zone, "
    f"CASE WHEN {READY_AT_SQL} > :ready_at THEN {READY_AT_SQL} ELSE :ready_at END, true "
    "FROM executions e JOIN things t ON t.id = e.thing WHERE e.id = :key"
)


def owe(connection: Connection, ended: Iterable[tuple[Stored, Execution]], *, at: datetime) -> None:
    """Put the things whose executions are to be tried again into their jobs' waiting lists."""
    owed: Counter[int] = Counter()
    left: dict[int, int | None] = {}
    puts = []
    for stored, after in ended:
        paced = _pacing(stored, after, at)
        if paced is None:
            continue
        if stored.job_key not in left:
            left[stored.job_key] = _left(connection, stored.job_key, paced)
        verdict = _judge(connection, paced, stored, after, left=left[stored.job_key], at=at)
        if verdict.ready_at is None:
            continue
        owed[stored.job_key] += 1
        left[stored.job_key] = None if (rest := left[stored.job_key]) is None else rest - 1
        # At once is 0: a clock that is set back must not make it wait.
        ready_at = 0 if verdict.ready_at <= at else to_millis(verdict.ready_at)
        puts.append({"key": stored.key, "attempt": after.attempt + 1, "ready_at": ready_at})
    if not puts:
        return
    connection.execute(_PUT, puts)
    connection.execute(
        text(
            "UPDATE jobs SET waiting = waiting + :owed, retried = retried + :owed, look_at = 0 "
            "WHERE id = :job"
        ),
        [{"job": job, "owed": count} for job, count in sorted(owed.items()) if count],
    )
    raise_after_commit(connection, Signal.AGENDA)


def words(connection: Connection, stored: Stored) -> str:
    """Return why an execution that has ended is not tried again; '' where nobody asked for that."""
    ended, paced = stored.execution, parse(stored.pacing)
    asked = paced.job_executions_retry_config is not None or paced.retry_policy_config is not None
    if not asked or ended.status not in _FAILED:
        return ""
    left = _left(connection, stored.job_key, paced)
    return _judge(connection, paced, stored, ended, left=left, at=ended.last_updated_at).words


def _judge(
    connection: Connection,
    paced: Pacing,
    stored: Stored,
    after: Execution,
    *,
    left: int | None,
    at: datetime,
) -> Verdict:
    return judge(
        paced.job_executions_retry_config,
        paced.retry_policy_config,
        [*_before(connection, stored, after), End(after.status, after.status_details)],
        thing=stored.thing_key,
        left=left,
        at=at,
    )


def _pacing(stored: Stored, after: Execution, at: datetime) -> Pacing | None:
    """Return the configuration of a job that may try this end again, None if it does not."""
    if after.status not in _FAILED or stored.pacing == "{}":
        return None
    if stored.job_status not in OPEN or stored.sweep:
        return None
    paced = parse(stored.pacing)
    ends_at = None if paced.scheduling_config is None else paced.scheduling_config.ends_at
    if ends_at is not None and ends_at <= at:
        return None
    asked = paced.job_executions_retry_config is not None or paced.retry_policy_config is not None
    return paced if asked else None


def _left(connection: Connection, job_key: int, paced: Pacing) -> int | None:
    """Return how many retries a job may still give, None if its policy sets no limit to that."""
    policy = paced.retry_policy_config
    if policy is None or policy.budget is None:
        return None
    row = connection.execute(_SPENT, {"job": job_key}).one()
    return policy.budget.allowed(row.things) - int(row.retried)


#: Things: each that has had an execution, and each that waits for its first one.
_SPENT: Final = text(
    f"SELECT retried, {' + '.join(COUNTERS.values())} + waiting - "
    "(SELECT count(*) FROM waiting w WHERE w.job = :job AND w.again) AS things FROM jobs WHERE id = :job"
)


def _before(connection: Connection, stored: Stored, after: Execution) -> list[End]:
    """Return how the executions ended to which this one and those before it were the retries."""
    if not after.attempt:
        return []
    rows = connection.execute(
        text(
            "SELECT status, status_details FROM executions WHERE job = :job AND thing = :thing "
            "AND number >= :first AND number < :number ORDER BY number"
        ),
        {
            "job": stored.job_key,
            "thing": stored.thing_key,
            "first": after.execution_number - after.attempt,
            "number": after.execution_number,
        },
    )
    return [End(Status(status), details_from(details)) for status, details in rows]
